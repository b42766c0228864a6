"""The resource that owns one statement in an ECR repository's policy, and leaves the others alone.

ECR keeps one policy text for a repository and has no way to write a part of it, or to write only if nobody else did
meanwhile. So every change is read, merge, write, and a look afterwards whether it is still there; if another writer
won, it is done again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from image_assets.aws.ecr import Aws, EcrKeychain, delete_policy, get_policy, set_policy
from image_assets.aws.errors import PolicyRefusedError, RepositoryMissingError
from image_assets.aws.names import RepositoryArn, arn_of
from image_assets.aws.settings import AwsSettings
from image_assets.custom_resource import Change, Job, Kind, State, Values
from image_assets.errors import CloudError, InputError, Problem
from image_assets.inputs.grant_fields import POLICY_STATEMENT_FIELDS
from image_assets.inputs.property_path import join
from image_assets.inputs.types import problems
from image_assets.inputs.wording import missing, unknown_names
from image_assets.reference import Repository
from image_assets.repository_policy import document, rules
from image_assets.repository_policy.ledger import Ledger
from image_assets.values import EMPTY, UNKNOWN, has_unknown, plain, reveal

#: Seconds until each look whether the change is still there. Another writer's read and write lie well within the first.
_LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Seconds for which a new principal may be unknown to ECR: IAM spreads it with a delay.
_PRINCIPAL_PATIENCE = 60.0
_PRINCIPAL_PAUSE = 3.0
#: Characters that a policy's text may have (ECR API reference, SetRepositoryPolicy, `policyText`).
_LONGEST_POLICY = 10240


class RepositoryPolicyStatement:
    """One statement, known by its Sid; see `custom_resource.CustomResource` for the methods.

    Args:
        configured: The provider's `aws` configuration.
        looks: Seconds before each look whether another writer has overwritten a change.
        patience: Seconds for which ECR may find a new principal invalid.
    """

    def __init__(
        self,
        configured: Mapping[str, Any] = EMPTY,
        looks: tuple[float, ...] = _LOOKS,
        patience: float = _PRINCIPAL_PATIENCE,
    ) -> None:
        self._configured = configured
        self._looks = looks
        self._patience = patience
        self._clouds: dict[AwsSettings, Aws] = {}
        self._keychains: dict[Aws, EcrKeychain] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._ledger = Ledger()

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs with the Sid: given, as it was, or made from the URN."""
        found = tuple(input_problems(news, emulated=bool(self._aws(news).endpoint)))
        if found:
            raise InputError(found)
        sid = news.get("sid") or _own_sid(news) or olds.get("sid") or rules.make_sid(job.urn, job.name)
        checked = {**news, "sid": sid}
        if _place_is_known(checked):
            self._ledger.claim(_url(checked), _sid(checked))
        return checked

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Return what differs in meaning; another repository or Sid means another statement."""
        if _place_is_known(old.inputs):
            self._ledger.note_stored(job.urn, _url(old.inputs), _sid(old.inputs))
        moved = [
            Change(name, replace=True)
            for name in ("repositoryUrl", "sid")
            if plain(news.get(name)) is UNKNOWN or reveal(old.inputs.get(name)) != reveal(news.get(name))
        ]
        return (*moved, *statement_changes(reveal(old.inputs.get("statement")), reveal(news.get("statement"))))

    def create(self, job: Job, inputs: Values) -> State:
        """Put the statement into the policy."""
        if job.preview:
            return State(_id(inputs) if _place_is_known(inputs) else "", inputs, inputs)
        self._refuse_taken_sid(job, inputs)
        self._put(job, inputs)
        return State(_id(inputs), inputs, inputs)

    def read(self, job: Job, old: State) -> State | None:
        """Return the statement as the policy has it; what ECR merely spells differently is as it was.

        A repository that cannot be asked is no reason to forget the statement.
        """
        inputs = old.inputs or _imported(old.id)
        try:
            found = document.find(self._text(job, inputs), _sid(inputs))
        except RepositoryMissingError:
            return None
        except CloudError as error:
            if not old.inputs:
                raise
            job.task.warn(f"the policy could not be read, so the state stays as it was: {error}")
            return old
        return _as_found(old, inputs, found) if found else None

    def update(self, job: Job, old: State, news: Values) -> Values:  # noqa: ARG002 - the protocol's parameters
        """Replace the statement."""
        if not job.preview:
            self._put(job, news)
        return news

    def delete(self, job: Job, old: State) -> None:
        """Take the statement out of the policy, and remove the policy if it was the last.

        It stays if a resource of the program as it is now has it: this one's successor, or an equal one.
        """
        inputs = old.inputs or _imported(old.id)
        url, sid = _url(inputs), _sid(inputs)
        if sid in self._ledger.claimed(url):
            job.task.debug(
                f'the statement "{sid}" stays in the policy of {url}: another resource of this program has it'
            )
            return

        def without(text: str | None) -> str | None:
            return document.remove(text, sid) if text else None

        try:
            self._change(job, inputs, without)
        except RepositoryMissingError:
            job.task.debug(f"{url} is gone, and the statement with it")

    def _put(self, job: Job, inputs: Values) -> None:
        url, sid, statement = _url(inputs), _sid(inputs), reveal(inputs["statement"])

        def with_it(text: str | None) -> str:
            present = document.find(text, sid)
            if text and present and rules.same(present, statement):
                merged = text
            else:
                claimed = self._ledger.claimed(url)
                merged = document.merge(text, sid, statement, lambda other: other in claimed or rules.is_made(other))
            return _with_variables(job, merged, url, sid)

        patience = self._patience if rules.names_identity(statement) else 0
        self._change(job, inputs, with_it, patience)

    def _change(
        self, job: Job, inputs: Values, wanted: Callable[[str | None], str | None], patience: float = 0
    ) -> None:
        """Bring the policy into the wanted form, and again if another writer undid it.

        A policy that ECR finds invalid is tried again for `patience` seconds: it may name a principal that IAM has not
        spread yet. Nothing is held meanwhile, so that other statements get in.
        """
        arn = self._arn(job, inputs)
        looks, deadline = iter(self._looks), None
        while True:
            try:
                if not self._write_once(job, inputs, arn, wanted):
                    return
            except PolicyRefusedError:
                deadline = time.monotonic() + patience if deadline is None else deadline
                if not patience or time.monotonic() >= deadline:
                    raise
                job.task.status("waiting until AWS knows the principal")
                job.task.sleep(min(_PRINCIPAL_PAUSE, max(0.0, deadline - time.monotonic())))
                continue
            pause = next(looks, None)
            if pause is None:
                raise CloudError(
                    f"for {sum(self._looks):.0f} s another writer kept overwriting the policy of {arn}: end it, then "
                    "run again"
                )
            # Writers that collided once must not do so again in step.
            job.task.sleep(pause * random.uniform(1.0, 1.5))  # noqa: S311 - nothing secret

    def _write_once(
        self, job: Job, inputs: Values, arn: RepositoryArn, wanted: Callable[[str | None], str | None]
    ) -> bool:
        """Write the wanted form; say whether there was anything to write."""
        aws = self._aws(inputs)
        with self._locks.setdefault(str(arn), threading.Lock()):
            text = get_policy(aws, arn, job.task)
            new = wanted(text)
            if new == text:
                return False
            if new is None:
                delete_policy(aws, arn, job.task)
            else:
                set_policy(aws, arn, _fitting(new, arn), job.task)
            return True

    def _refuse_taken_sid(self, job: Job, inputs: Values) -> None:
        """Refuse a Sid that the program chose and somebody else uses for something else."""
        url, sid = _url(inputs), _sid(inputs)
        if sid == rules.make_sid(job.urn, job.name) or self._ledger.is_stored(job.urn, url, sid):
            return
        present = document.find(self._text(job, inputs), sid)
        if present and not rules.same(present, reveal(inputs["statement"])):
            raise InputError.single(
                "sid",
                f'the policy of {url} has another statement with the Sid "{sid}": choose another, or none to get one; '
                "if it is that of a resource which has a new name, give the resource an alias",
            )

    def _text(self, job: Job, inputs: Values) -> str | None:
        return get_policy(self._aws(inputs), self._arn(job, inputs), job.task)

    def _arn(self, job: Job, inputs: Values) -> RepositoryArn:
        repository = Repository.parse(_url(inputs))
        aws = self._aws(inputs)
        keychain = self._keychains.setdefault(aws, EcrKeychain(aws, job.task.of_deployment()))
        arn = keychain.arn(repository.registry, repository.path)
        if arn is None:
            raise InputError.single("repositoryUrl", f'"{repository}" {rules.NOT_ECR}')
        return arn

    def _aws(self, inputs: Values) -> Aws:
        handed_on = reveal(inputs.get("aws"))
        settings = AwsSettings.of(self._configured, handed_on if isinstance(handed_on, Mapping) else EMPTY)
        return self._clouds.setdefault(settings, Aws(settings))


def input_problems(values: Values, *, emulated: bool = False) -> Iterator[Problem]:
    """Yield everything that is wrong with the inputs, as far as they tell it alone."""
    yield from unknown_names(values, [field.name for field in POLICY_STATEMENT_FIELDS], "")
    for field in POLICY_STATEMENT_FIELDS:
        value = values.get(field.name)
        if value is None and field.required:
            yield Problem(field.name, missing(field.doc))
        elif value is not None and field.name not in ("statement", "sid"):
            yield from problems(field.shape, value, field.name)
    sid, own = plain(values.get("sid")), _own_sid(values)
    yield from rules.sid_problems(sid, "sid")
    if isinstance(sid, str) and isinstance(own, str) and sid != own:
        yield Problem("sid", f'contradicts the statement, whose Sid is "{own}": give one of them')
    if values.get("statement") is not None:
        yield from rules.statement_problems(values["statement"], "statement")
    yield from _url_problems(plain(values.get("repositoryUrl")), emulated=emulated)


def _url_problems(url: Any, *, emulated: bool) -> Iterator[Problem]:
    if not isinstance(url, str) or not url:
        return
    try:
        repository = Repository.parse(url)
    except ValueError as error:
        yield Problem("repositoryUrl", str(error))
        return
    if not emulated and arn_of(repository.registry, repository.path) is None:
        yield Problem("repositoryUrl", f'"{url}" {rules.NOT_ECR}')


def statement_changes(old: Any, new: Any) -> Iterator[Change]:
    """Yield the elements of a statement that differ in meaning."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield Change("statement")
        return
    before, after = rules.normal(_known(old)), rules.normal(_known(new))
    for key in sorted(old.keys() | new.keys()):
        if has_unknown(new.get(key)) or before.get(key) != after.get(key):
            kind = Kind.ADD if key not in old else Kind.DELETE if key not in new else Kind.UPDATE
            yield Change(join("statement", key), kind)


def _known(statement: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if not has_unknown(value)}


def _as_found(old: State, inputs: Values, found: Mapping[str, Any]) -> State:
    """Return the state with the statement that the policy has."""
    wanted = reveal(inputs.get("statement"))
    if wanted and rules.same(found, wanted):
        return old
    statement = {key: value for key, value in found.items() if key != "Sid"}
    now = {**inputs, "statement": statement}
    return State(old.id, now, now)


def _fitting(text: str, arn: RepositoryArn) -> str:
    """Return a policy's text in the length that ECR takes.

    Raises:
        CloudError: There are too many statements.
    """
    if len(text) <= _LONGEST_POLICY:
        return text
    shorter = document.compact(text)
    if len(shorter) > _LONGEST_POLICY:
        raise CloudError(
            f"the policy of {arn} would have {len(shorter)} characters, and ECR takes {_LONGEST_POLICY}: grant to "
            "fewer principals, for instance to everybody of an organization by a Condition on aws:PrincipalOrgID"
        )
    return shorter


def _with_variables(job: Job, text: str, url: str, sid: str) -> str:
    """Let ECR read the variables in a statement as such, or warn that it does not."""
    newer = document.understand_variables(text, sid)
    if newer is None:
        job.task.warn(
            f'the policy of {url} has no Version 2012-10-17, so ECR takes the ${{...}} in the statement "{sid}" for '
            "plain text; another statement has such a text too, so the Version is left as it is: change it by hand"
        )
        return text
    return newer


def _place_is_known(inputs: Values) -> bool:
    """Say whether it is known which statement of which policy is meant."""
    place = [inputs.get("repositoryUrl"), inputs.get("sid")]
    return None not in place and not has_unknown(place)


def _own_sid(news: Values) -> Any:
    statement = plain(news.get("statement"))
    return statement.get("Sid") if isinstance(statement, Mapping) else None


def _imported(resource_id: str) -> dict[str, Any]:
    """Read the inputs out of an id, `REPOSITORY_URL#SID`."""
    url, _, sid = resource_id.partition("#")
    wrong = next(_url_problems(url, emulated=True), None)
    if not url or not sid or wrong:
        reason = f": {wrong.reason}" if wrong else ""
        raise InputError.single("", f'the id to import is REPOSITORY_URL#SID, not "{resource_id}"{reason}')
    return {"repositoryUrl": url, "sid": sid}


def _id(inputs: Values) -> str:
    return f"{_url(inputs)}#{_sid(inputs)}"


def _url(inputs: Values) -> str:
    return str(reveal(inputs["repositoryUrl"]))


def _sid(inputs: Values) -> str:
    return str(reveal(inputs["sid"]))
