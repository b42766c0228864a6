"""One statement among others in a real policy, over HTTP against an emulated AWS."""

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import permutations
from typing import Any

import pytest

from image_assets.aws.errors import RepositoryMissingError
from image_assets.custom_resource import Job, Kind, State
from image_assets.errors import CancelledByUserError, CloudError, InputError
from image_assets.repository_policy import rules
from image_assets.repository_policy.ledger import Ledger
from image_assets.repository_policy.resource import RepositoryPolicyStatement
from image_assets.task import Task
from image_assets.values import UNKNOWN, Secret
from tests.fakes.ecr_front import ACCOUNT, REGION, EcrFront

ALLOW: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "210987654321"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}
LAMBDA_SID = "LambdaECRImageRetrievalPolicy"
FOREIGN = {"Sid": "by hand", "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage"}


@pytest.fixture
def url(aws: EcrFront, repository_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new repository, and this process as a user of its AWS."""
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    aws.client("ecr").create_repository(repositoryName=repository_name)
    aws.seen.clear()
    return f"{aws.address}/{repository_name}"


@cache
def _resource(process: str = "") -> RepositoryPolicyStatement:
    """One provider process; each has clients and locks of its own."""
    return RepositoryPolicyStatement(looks=(0.5, 1, 2, 4) if process else (0.05, 0.1, 0.2), patience=0)


def _job(name: str = "api-grant", stack: str = "dev", task: Task | None = None) -> Job:
    return Job(f"urn:pulumi:{stack}::proj::image-assets:index:RepositoryPolicyStatement::{name}", task or Task())


def _make(url: str, job: Job | None = None, statement: Mapping[str, Any] = ALLOW, process: str = "") -> State:
    resource, job = _resource(process), job or _job()
    return resource.create(job, resource.check(job, {}, {"repositoryUrl": url, "statement": dict(statement)}))


def _sids(aws: EcrFront, url: str) -> list[str]:
    return [statement["Sid"] for statement in aws.statements(url.partition("/")[2])]


def _write(aws: EcrFront, url: str, *statements: Mapping[str, Any]) -> str:
    text = json.dumps({"Version": "2008-10-17", "Statement": statements}, indent=3)
    aws.client("ecr").set_repository_policy(repositoryName=url.partition("/")[2], policyText=text)
    return text


def test_a_statement_is_written_under_a_sid_of_its_own(aws: EcrFront, url: str) -> None:
    made = _make(url)
    (statement,) = aws.statements(url.partition("/")[2])
    assert statement == {"Sid": made.outputs["sid"], **ALLOW}
    assert made.id == f"{url}#{statement['Sid']}"


def test_a_refresh_of_an_untouched_statement_changes_nothing_however_ecr_spells_it(url: str) -> None:
    made = _make(url, statement={**ALLOW, "Action": ["ecr:PutImage"]})
    found = _resource().read(_job(), made)
    assert found == made
    assert _resource().diff(_job(), made, made.inputs) == ()


def test_foreign_statements_keep_their_place_and_meaning(aws: EcrFront, url: str) -> None:
    _write(aws, url, FOREIGN)
    made = _make(url)
    assert _sids(aws, url) == ["by hand", made.outputs["sid"]]
    _resource().delete(_job(), made)
    (left,) = aws.statements(url.partition("/")[2])
    assert rules.same(left, FOREIGN)


def test_the_last_statement_takes_the_policy_with_it(aws: EcrFront, url: str) -> None:
    _resource().delete(_job(), _make(url))
    assert aws.statements(url.partition("/")[2]) == []
    assert aws.actions().count("ecr:DeleteRepositoryPolicy") == 1


def test_deleting_twice_is_no_error(aws: EcrFront, url: str) -> None:
    made = _make(url)
    _resource().delete(_job(), made)
    _resource().delete(_job(), made)
    assert _sids(aws, url) == []


def test_three_grants_from_three_places_merge_whatever_their_order(aws: EcrFront, url: str) -> None:
    """R31."""
    outcomes = set()
    for order in permutations(("a", "b", "c")):
        made = [_make(url, _job(name, stack=name)) for name in order]
        outcomes.add(tuple(sorted(_sids(aws, url))))
        for name, state in zip(order, made, strict=True):
            _resource().delete(_job(name, stack=name), state)
    assert len(outcomes) == 1
    assert len(next(iter(outcomes))) == 3


def test_two_stacks_with_the_same_names_own_two_statements(aws: EcrFront, url: str) -> None:
    dev, prod = (_make(url, _job(stack=stack)) for stack in ("dev", "prod"))
    assert sorted(_sids(aws, url)) == sorted([dev.outputs["sid"], prod.outputs["sid"]])
    _resource().delete(_job(stack="dev"), dev)
    assert _sids(aws, url) == [prod.outputs["sid"]]


def test_statements_made_at_once_by_one_process_are_all_there(aws: EcrFront, url: str) -> None:
    resource = _resource()

    def make(number: int) -> State:
        job = _job(f"g{number}")
        return resource.create(job, resource.check(job, {}, {"repositoryUrl": url, "statement": dict(ALLOW)}))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert sorted(_sids(aws, url)) == sorted(state.outputs["sid"] for state in made)


def test_statements_made_at_once_by_several_processes_are_all_there(aws: EcrFront, url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda stack: _make(url, _job(stack=stack), process=stack), ("a", "b", "c", "d")))
    assert sorted(_sids(aws, url)) == sorted(state.outputs["sid"] for state in made)


def test_a_statement_that_another_writer_overwrote_is_written_again(aws: EcrFront, url: str) -> None:
    def overwrite() -> None:
        while "ecr:SetRepositoryPolicy" not in aws.actions():
            time.sleep(0.01)
        time.sleep(0.2)
        _write(aws, url, FOREIGN)

    writer = threading.Thread(target=overwrite)
    writer.start()
    made = _make(url, process="patient")
    writer.join()
    assert _sids(aws, url) == ["by hand", made.outputs["sid"]]


def test_a_writer_that_never_stops_is_an_error_in_bounded_time(aws: EcrFront, url: str) -> None:
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.wait(0.02):
            _write(aws, url, FOREIGN)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        with pytest.raises(CloudError, match="another writer kept overwriting the policy"):
            RepositoryPolicyStatement(looks=(0.3, 0.3)).create(
                _job(),
                {"repositoryUrl": url, "statement": dict(ALLOW), "sid": rules.make_sid(_job().urn, "api-grant")},
            )
    finally:
        stop.set()
        writer.join()


def test_a_statement_removed_by_hand_is_gone_and_made_again(aws: EcrFront, url: str) -> None:
    made = _make(url)
    _write(aws, url, FOREIGN)
    assert _resource().read(_job(), made) is None
    _make(url)
    assert _sids(aws, url) == ["by hand", made.outputs["sid"]]


def test_a_policy_removed_by_hand_takes_the_statement_with_it(aws: EcrFront, url: str) -> None:
    made = _make(url)
    aws.client("ecr").delete_repository_policy(repositoryName=url.partition("/")[2])
    assert _resource().read(_job(), made) is None


def test_a_statement_edited_by_hand_shows_in_the_diff_and_is_repaired(aws: EcrFront, url: str) -> None:
    made = _make(url)
    _write(aws, url, {**ALLOW, "Sid": made.outputs["sid"], "Action": ["ecr:*"], "Condition": {"Bool": {"a": "b"}}})
    found = _resource().read(_job(), made)
    assert found is not None
    changes = {change.path: change.kind for change in _resource().diff(_job(), found, made.inputs)}
    assert changes == {"statement.Action": Kind.UPDATE, "statement.Condition": Kind.DELETE}
    _resource().update(_job(), found, made.inputs)
    assert _resource().read(_job(), made) == made


def test_a_statement_that_is_only_spelled_differently_is_not_written(aws: EcrFront, url: str) -> None:
    made = _make(url)
    _write(aws, url, {**ALLOW, "Sid": made.outputs["sid"], "Action": list(reversed(ALLOW["Action"]))})
    aws.seen.clear()
    _resource().update(_job(), made, made.inputs)
    assert "ecr:SetRepositoryPolicy" not in aws.actions()


def test_lambdas_own_statement_is_left_alone(aws: EcrFront, url: str) -> None:
    """R31."""
    own = rules.allow({"Service": rules.LAMBDA}, rules.LAMBDA_ACTIONS)
    made = _make(url, statement={**own, "Condition": rules.lambda_condition("aws", REGION, ACCOUNT)})
    (ours,) = aws.statements(url.partition("/")[2])
    _write(aws, url, ours, {"Sid": LAMBDA_SID, **own})
    assert _resource().read(_job(), made) == made
    _resource().delete(_job(), made)
    assert _sids(aws, url) == [LAMBDA_SID]


def test_a_missing_repository_says_what_to_do(aws: EcrFront, url: str) -> None:
    with pytest.raises(RepositoryMissingError, match="does not exist: make it first"):
        _make(f"{url}-absent")


def test_a_repository_that_is_gone_took_the_statement_with_it(aws: EcrFront, url: str) -> None:
    made = _make(url)
    aws.client("ecr").delete_repository(repositoryName=url.partition("/")[2], force=True)
    assert _resource().read(_job(), made) is None
    _resource().delete(_job(), made)


def test_a_refresh_without_rights_keeps_the_state_and_warns(aws: EcrFront, url: str) -> None:
    """R12."""
    made, warnings = _make(url), list[str]()
    aws.allowed = {"ecr:GetAuthorizationToken", "sts:GetCallerIdentity"}
    assert _resource().read(_job(task=Task(warn=warnings.append)), made) == made
    assert "ecr:GetRepositoryPolicy" in warnings[0]


def test_a_statement_can_be_imported(aws: EcrFront, url: str) -> None:
    _write(aws, url, FOREIGN)
    found = _resource().read(_job(), State(f"{url}#by hand", {}, {}))
    assert found is not None
    assert found.inputs["sid"] == "by hand"
    assert found.inputs["statement"]["Effect"] == "Deny"


def test_a_principal_that_iam_has_yet_to_spread_is_waited_for(aws: EcrFront, url: str) -> None:
    aws.refused_policies = 1
    resource, said = RepositoryPolicyStatement(looks=(0.05,) * 3, patience=0.3), list[str]()
    job = _job(task=Task(status=said.append))
    statement = {**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/new"}}
    resource.create(job, resource.check(job, {}, {"repositoryUrl": url, "statement": statement}))
    assert len(_sids(aws, url)) == 1
    assert said == ["waiting until AWS knows the principal"]


@pytest.mark.parametrize("principal", [f"arn:aws:iam::{ACCOUNT}:role/none", "210987654321"])
def test_a_policy_that_stays_invalid_is_an_error_that_asks_for_the_principal(
    aws: EcrFront, url: str, principal: str
) -> None:
    aws.refused_policies = 2 if "role" in principal else 1
    resource = RepositoryPolicyStatement(looks=(0.05,) * 3, patience=0.1)
    with pytest.raises(CloudError, match=r"finds the policy invalid .* does every principal exist"):
        resource.create(
            _job(),
            resource.check(_job(), {}, {"repositoryUrl": url, "statement": {**ALLOW, "Principal": {"AWS": principal}}}),
        )
    assert aws.refused_policies == 0
    assert _sids(aws, url) == []


def test_a_chosen_sid_that_somebody_else_uses_is_refused(aws: EcrFront, url: str) -> None:
    _write(aws, url, FOREIGN)
    with pytest.raises(InputError, match="another statement with the Sid"):
        _make(url, statement={**ALLOW, "Sid": "by hand"})
    assert rules.same(aws.statements(url.partition("/")[2])[0], FOREIGN)


def test_a_sid_may_be_what_ecr_takes(aws: EcrFront, url: str) -> None:
    """Also as the `sid` input, and with what separates it from the repository in the id."""
    resource = _resource()
    for sid in ("Add-staging-right", "team/ci #1"):
        inputs = resource.check(_job(), {}, {"repositoryUrl": url, "sid": sid, "statement": dict(ALLOW)})
        made = resource.create(_job(), inputs)
        found = resource.read(_job(), State(made.id, {}, {}))
        assert found is not None
        assert found.inputs["sid"] == sid
    assert _sids(aws, url) == ["Add-staging-right", "team/ci #1"]


@pytest.mark.parametrize("sid", ["", "a\nb", Secret("a\tb"), 7])
def test_a_sid_that_no_policy_can_have_is_refused(url: str, sid: Any) -> None:
    with pytest.raises(InputError, match="sid: must be a text"):
        _resource().check(_job(), {}, {"repositoryUrl": url, "sid": sid, "statement": dict(ALLOW)})


def test_two_sids_that_differ_contradict_each_other(url: str) -> None:
    with pytest.raises(InputError, match="sid: contradicts the statement"):
        _resource().check(_job(), {}, {"repositoryUrl": url, "sid": "a", "statement": {**ALLOW, "Sid": "b"}})


@pytest.mark.parametrize("resource_id", ["no-mark", "#sid", "ghcr.io/x#", "UPPER/x#sid"])
def test_a_bad_id_to_import_is_told_what_one_is(resource_id: str) -> None:
    with pytest.raises(InputError, match="the id to import is REPOSITORY_URL#SID"):
        _resource().read(_job(), State(resource_id, {}, {}))


# --- what resources of one program have is not taken away by another of them


def _check(resource: RepositoryPolicyStatement, name: str, url: str, statement: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource.check(_job(name), {}, {"repositoryUrl": url, "sid": "shared", "statement": dict(statement)})


@pytest.mark.parametrize("successor", ["old", "new"], ids=["replaced", "renamed"])
def test_a_successor_keeps_the_statement_that_its_predecessor_is_deleted_for(
    aws: EcrFront, url: str, successor: str
) -> None:
    before = RepositoryPolicyStatement(looks=(0.05,) * 3)
    old = before.create(_job("old"), _check(before, "old", url, ALLOW))
    process = RepositoryPolicyStatement(looks=(0.05,) * 3)
    process.create(_job(successor), _check(process, successor, url, ALLOW))
    process.delete(_job("old"), old)
    assert _sids(aws, url) == ["shared"]
    later = RepositoryPolicyStatement(looks=(0.05,) * 3)
    later.delete(_job(successor), old)
    assert _sids(aws, url) == []


def test_an_equal_statement_of_another_resource_stays(aws: EcrFront, url: str) -> None:
    process = RepositoryPolicyStatement(looks=(0.05,) * 3)
    made = [process.create(_job(name), _check(process, name, url, ALLOW)) for name in ("a", "b")]
    later = RepositoryPolicyStatement(looks=(0.05,) * 3)
    later.diff(_job("a"), made[0], _check(later, "a", url, ALLOW))
    later.delete(_job("b"), made[1])
    assert _sids(aws, url) == ["shared"]


def test_a_replaced_statement_may_say_something_else(aws: EcrFront, url: str) -> None:
    before = RepositoryPolicyStatement(looks=(0.05,) * 3)
    old = before.create(_job("a"), _check(before, "a", url, ALLOW))
    process, other = RepositoryPolicyStatement(looks=(0.05,) * 3), {**ALLOW, "Effect": "Deny"}
    news = _check(process, "a", url, other)
    process.diff(_job("a"), old, news)
    process.create(_job("a"), news)
    process.delete(_job("a"), old)
    (statement,) = aws.statements(url.partition("/")[2])
    assert statement["Effect"] == "Deny"
    with pytest.raises(InputError, match="another statement with the Sid"):
        process.create(_job("b"), _check(process, "b", url, ALLOW))


def test_the_hosts_of_one_repository_are_one_in_the_ledger() -> None:
    ledger = Ledger()
    ledger.claim(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/x", "sid")
    assert ledger.claimed(f"{ACCOUNT}.dkr-ecr.{REGION}.on.aws/x") == {"sid"}
    assert ledger.claimed(f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/x") == frozenset()


def test_statements_stand_in_one_order_however_they_were_made(aws: EcrFront, url: str) -> None:
    outcomes = set()
    for order in permutations(("a", "b", "c")):
        process = RepositoryPolicyStatement(looks=(0.05,) * 3)
        made = [
            process.create(
                _job(name),
                process.check(
                    _job(name), {}, {"repositoryUrl": url, "sid": f"chosen-{name}", "statement": dict(ALLOW)}
                ),
            )
            for name in order
        ]
        outcomes.add(tuple(_sids(aws, url)))
        later = RepositoryPolicyStatement(looks=(0.05,) * 3)
        for name, state in zip(order, made, strict=True):
            later.delete(_job(name), state)
    assert outcomes == {("chosen-a", "chosen-b", "chosen-c")}


# --- what ECR takes of a document


WITH_VARIABLE = {**ALLOW, "Condition": {"StringLike": {"aws:PrincipalTag/team": "${aws:PrincipalTag/unit}"}}}


def test_a_variable_in_an_old_document_counts_as_one_or_is_warned_of(aws: EcrFront, url: str) -> None:
    said = list[str]()
    job = _job(task=Task(warn=said.append))
    _write(aws, url, FOREIGN)
    made = _make(url, job, WITH_VARIABLE)
    assert json.loads(policy_text(aws, url))["Version"] == "2012-10-17"
    assert said == []
    _write(aws, url, {**WITH_VARIABLE, "Sid": "by hand"})
    _make(url, job, WITH_VARIABLE)
    assert json.loads(policy_text(aws, url))["Version"] == "2008-10-17"
    assert "plain text" in said[0]
    assert made.outputs["sid"] in said[0]


def policy_text(aws: EcrFront, url: str) -> str:
    return str(aws.client("ecr").get_repository_policy(repositoryName=url.partition("/")[2])["policyText"])


def test_a_document_that_is_too_large_says_so_at_once(aws: EcrFront, url: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/new"
    statement = {**ALLOW, "Principal": {"AWS": [role, *(f"{role}{number:0200d}" for number in range(50))]}}
    resource, began = RepositoryPolicyStatement(patience=60), time.monotonic()
    with pytest.raises(CloudError, match=r"would have \d+ characters, and ECR takes 10240"):
        resource.create(_job(), resource.check(_job(), {}, {"repositoryUrl": url, "statement": statement}))
    assert time.monotonic() - began < 10
    assert "ecr:SetRepositoryPolicy" not in aws.actions()


def test_blanks_do_not_make_a_document_too_large(aws: EcrFront, url: str) -> None:
    many = [{**FOREIGN, "Sid": f"by hand {number}"} for number in range(100)]
    _write(aws, url, *many)
    _make(url)
    assert len(_sids(aws, url)) == 101


def test_waiting_for_a_principal_holds_no_other_statement_up(aws: EcrFront, url: str) -> None:
    resource = RepositoryPolicyStatement(looks=(0.05,) * 3, patience=600)
    waiting = threading.Event()
    slow = _job("slow", task=Task(status=lambda _text: waiting.set()))
    aws.unknown_principals.add("role/new")
    statement = {**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/new"}}
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(
            resource.create, slow, resource.check(slow, {}, {"repositoryUrl": url, "statement": statement})
        )
        assert waiting.wait(20)
        quick = _job("quick")
        resource.create(quick, resource.check(quick, {}, {"repositoryUrl": url, "statement": dict(ALLOW)}))
        assert len(_sids(aws, url)) == 1
        aws.unknown_principals.clear()
        made.result(30)
    assert len(_sids(aws, url)) == 2


def test_a_preview_changes_nothing_and_needs_no_network(aws: EcrFront, url: str) -> None:
    resource, job = _resource(), Job(_job().urn, preview=True)
    aws.seen.clear()
    inputs = resource.check(job, {}, {"repositoryUrl": url, "statement": {**ALLOW, "Principal": {"AWS": UNKNOWN}}})
    made = resource.create(job, inputs)
    assert made.id == f"{url}#{inputs['sid']}"
    assert resource.create(job, {**inputs, "repositoryUrl": UNKNOWN}).id == ""
    assert aws.seen == []


def test_secret_members_are_written_but_stay_secret(aws: EcrFront, url: str) -> None:
    secret = Secret({**ALLOW, "Principal": {"AWS": Secret("210987654321")}})
    resource = _resource()
    made = resource.create(_job(), resource.check(_job(), {}, {"repositoryUrl": url, "statement": secret}))
    assert rules.same(aws.statements(url.partition("/")[2])[0], ALLOW)
    assert made.outputs["statement"] == secret


def test_all_bad_inputs_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        _resource().check(_job(), {}, {"repositoryUrl": "ghcr.io/me/app", "statement": {"Effect": "x"}, "side": "s"})
    assert {problem.path for problem in caught.value.problems} == {
        "side",
        "repositoryUrl",
        "statement.Effect",
        "statement.Principal",
        "statement.Action",
    }
    with pytest.raises(InputError) as caught:
        _resource().check(_job(), {}, {})
    assert {problem.path for problem in caught.value.problems} == {"repositoryUrl", "statement"}


def test_another_repository_or_an_unknown_one_means_another_statement() -> None:
    old = State("", {"repositoryUrl": "a", "sid": "s", "statement": ALLOW}, {})
    (moved,) = _resource().diff(_job(), old, {**old.inputs, "repositoryUrl": "b"})
    (unknown,) = _resource().diff(_job(), old, {**old.inputs, "repositoryUrl": UNKNOWN})
    assert (moved.path, moved.replace, unknown.replace) == ("repositoryUrl", True, True)


def test_what_the_stack_hands_on_about_aws_is_no_difference() -> None:
    old = State("", {"repositoryUrl": "a", "sid": "s", "statement": ALLOW, "aws": {"profile": "me"}}, {})
    assert _resource().diff(_job(), old, {**old.inputs, "aws": {"profile": "ci"}}) == ()


def test_a_renamed_resource_keeps_its_sid() -> None:
    host = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/x"
    first = _resource().check(_job("old"), {}, {"repositoryUrl": host, "statement": ALLOW})
    assert _resource().check(_job("new"), first, {"repositoryUrl": host, "statement": ALLOW})["sid"] == first["sid"]


def test_cancelling_ends_the_waiting_at_once(aws: EcrFront, url: str) -> None:
    task = Task()
    threading.Timer(0.5, task.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledByUserError):
        RepositoryPolicyStatement(looks=(60,)).create(
            _job(task=task),
            {"repositoryUrl": url, "statement": dict(ALLOW), "sid": rules.make_sid(_job().urn, "api-grant")},
        )
    assert time.monotonic() - began < 10
