"""A copy of an image that is somewhere already: what a replica makes, and an asset for each of its destinations.

`check` looks at the source and stores its digest as an input, so that a tag that has moved is a difference that a
preview shows. What is copied is that digest, whatever happens to the tag meanwhile. The rest is as in `resource`, whose
logins, ledger and publisher it shares.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import AssetError, CloudError, InputError, MissingImageError, Problem, RegistryError
from image_assets.image.diff import plain_changes
from image_assets.image.outputs import published, repository_outputs, written_tags
from image_assets.image.resource import PublishedImage, refuse, stored_target
from image_assets.inputs.in_memory import without_secrets
from image_assets.inputs.replica import (
    MOVED,
    SEEN,
    SOURCE_DIGEST,
    ReplicaInputs,
    copy_problems,
    default_of_replica,
    parse_replica,
    replica_problems,
    replica_tag,
)
from image_assets.inputs.replica_fields import COPY_FIELDS
from image_assets.logins.given import Login
from image_assets.plan.locations import archive_problems
from image_assets.plan.target import Target
from image_assets.reference import TAG_DIGITS, Repository
from image_assets.values import UNKNOWN, plain, reveal

if TYPE_CHECKING:
    from image_assets.publishing.replicator import Origin, Replicator, Seen


class CopiedImage:
    """The resource type `image-assets:index:CopiedImage` (see `CustomResource` for what each method is)."""

    def __init__(self, images: PublishedImage) -> None:
        self.images = images
        self.refused: dict[str, tuple[Problem, ...]] = {}
        #: Whether the deployment is a preview: of all RPCs, `Check` alone does not say so.
        self.in_preview = False

    @cached_property
    def replicator(self) -> "Replicator":
        """What talks to registries, made for the first copy that needs it."""
        from image_assets.publishing.replicator import Replicator  # noqa: PLC0415 - see `PublishedImage.publisher`

        return Replicator(self.images.publisher)

    def begin(self, urn: str, values: Values, more: tuple[Problem, ...] = ()) -> bool:
        """Look at the inputs of a replica; its child's `check` tells what is wrong (see `PublishedImage.begin`).

        Returns:
            Whether nothing is wrong.
        """
        found = (*replica_problems(values), *more, *self.location_problems(values))
        self.refused[urn] = found
        if not found:
            self.enter_logins(urn, parse_replica(values))
        return not found

    def location_problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong with the place of a source that is an archive."""
        source = reveal(values.get("source"))
        inputs = parse_replica({"source": source}) if isinstance(source, str) else ReplicaInputs()
        problems = archive_problems(inputs.archive, self.images.base) if inputs.archive else ()
        return tuple(Problem("source", problem.reason) for problem in problems)

    def enter_logins(self, urn: str, inputs: ReplicaInputs) -> None:
        """Let each of the two registries have the login that was given for it, and no other."""
        given = self.images.given
        given.enter(urn, inputs.destination, inputs.registry_auth)
        source = inputs.reference.repository if inputs.reference else None
        given.enter(source_urn(urn), source, inputs.source_auth)

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs to store: the program's own without logins, and what the source was seen to be."""
        refuse(self.refused.get(job.urn, ()))
        refuse((*copy_problems(news), *self.location_problems(news)))
        inputs = parse_replica(news)
        self.images.checked.add(job.urn)
        self.images.repositories.add(str(inputs.repository))
        self.enter_logins(job.urn, inputs)
        # Only `ignoreChanges` can have put the digest there.
        seen = {SOURCE_DIGEST: news[SOURCE_DIGEST]} if SOURCE_DIGEST in news else self.seen(job, inputs, olds, news)
        stored = {name: value for name, value in news.items() if name != MOVED}
        checked = {**without_secrets(COPY_FIELDS, stored), **seen}
        if target := target_of(inputs, checked):
            self.images.ledger.need(job.urn, target.repository, (target.tag, *inputs.extra_tags))
        return checked

    def seen(self, job: Job, inputs: ReplicaInputs, olds: Values, news: Values) -> dict[str, Any]:
        """Return what the source is, as inputs to store; it is asked if it is new, or may have moved.

        A source that cannot be asked, or has no such image, makes no difference to a copy that there is. In a preview
        the image may be one that the same program will publish.

        Raises:
            AssetError: There is no such image, or it could not be asked, and it must be copied now.
        """
        if any(path.startswith(("source", "platforms")) for path in inputs.unknown):
            return unseen()
        before = {name: olds[name] for name in (SOURCE_DIGEST, SEEN) if name in olds}
        is_same = SOURCE_DIGEST in before and same_source(olds, news)
        if is_same and not (may_move(inputs) and (inputs.check_source == "always" or olds.get(MOVED))):
            return before
        try:
            return stored_seen(self.look(job, inputs))
        except MissingImageError as error:
            if not (is_same or self.in_preview):
                raise InputError.single("source", str(error)) from error
            tell = job.task.warn if is_same else job.task.debug
            tell(f"{error}; its copy stays as it is" if is_same else str(error))
        except (RegistryError, CloudError) as error:
            if not (is_same or self.in_preview):
                raise
            job.task.warn(f"{inputs.source} could not be looked up: {error}")
        return before if is_same else unseen()

    def look(self, job: Job, inputs: ReplicaInputs) -> "Seen":
        """Look at the source.

        Raises:
            MissingImageError: There is no such image.
            AssetError: It could not be asked, or has not got what is wanted of it.
        """
        found = self.replicator.look(self.origin(job, inputs), self.images.settings.default_platform, job.task)
        if found is None:
            raise MissingImageError(f"there is no image {inputs.source}")
        return found

    def origin(self, job: Job, inputs: ReplicaInputs) -> "Origin":
        """Return where the image comes from, and how that is reached."""
        from image_assets.publishing.replicator import Origin  # noqa: PLC0415 - see `PublishedImage.publisher`

        image = inputs.reference or Path(self.images.base, inputs.archive or "").expanduser()
        login = Login(self.images.given.to(source_urn(job.urn)), inputs.stack_aws, inputs.source_aws)
        return Origin(image, inputs.platforms, login)

    def login(self, job: Job, inputs: ReplicaInputs) -> Login:
        """Return what is known about reaching the repository that gets the copy."""
        return Login(self.images.given.to(job.urn), inputs.stack_aws, inputs.aws)

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Compare inputs and digests, and if so configured ask whether the copy is still there."""
        rows = (change for row in COPY_FIELDS for change in plain_changes(row, old.inputs, news, default_of_replica))
        found = tuple(rows)
        if plain(news.get(SOURCE_DIGEST)) is UNKNOWN or old.inputs.get(SOURCE_DIGEST) != news.get(SOURCE_DIGEST):
            found += (Change(SOURCE_DIGEST),)
        if not old.outputs:
            return found
        if not found and self.is_overwritten(old, news):
            job.task.info("somebody else has moved the tag; it will be moved back")
            found = (Change(SOURCE_DIGEST),)
        if not found and self.images.settings.check_published == "always" and self.is_gone(job, old):
            job.task.info("the copy is no longer in the registry and will be made again")
            found = (Change(SOURCE_DIGEST),)
        self.images.ledger.need(job.urn, *tags_of(old))
        return found

    def is_overwritten(self, old: State, news: Values) -> bool:
        """Say whether the tag was seen to hold something else than the copy."""
        copied = copied_digest(news)
        return copied is not None and old.outputs.get("imageDigest") != copied

    def is_gone(self, job: Job, old: State) -> bool:
        """Say whether the registry clearly lacks the copy; any trouble counts as no."""
        target = stored_target(old)
        try:
            return not self.images.has(target, job.task, self.login(job, parse_replica(old.inputs)))
        except AssetError as error:
            job.task.warn(f"{target} could not be looked up: {error}")
            return False

    def create(self, job: Job, inputs: Values) -> State:
        """Copy the image."""
        outputs = self.make(job, inputs, {})
        known = outputs["imageUri"]
        return State("" if known is UNKNOWN else known, inputs, outputs)

    def update(self, job: Job, old: State, news: Values) -> Values:
        """Copy the image as it is now; what another tag held before stays."""
        return self.make(job, news, old.outputs)

    def make(self, job: Job, values: Values, before: Values) -> dict[str, Any]:
        """Copy, or in a preview say what is known of it; `before` are the outputs so far."""
        inputs = parse_replica(values)
        if job.preview:
            return forecast(inputs, values, before)
        if plain(values.get(SOURCE_DIGEST)) is None:
            values = {**values, **stored_seen(self.look(job, inputs))}
        target = target_of(inputs, values)
        if target is None:
            raise InputError.single("repository", "is still unknown when the image must be copied")
        done = self.replicator.copy(self.request(job, inputs, target, plain(values[SOURCE_DIGEST])))
        self.images.ledger.leave_with(job.urn, target.repository, (target.tag, *inputs.extra_tags))
        same = before if before.get("imageUri") == str(target) else {}
        written = {**written_tags(same), **dict.fromkeys(done.written, done.digest)}
        return published(forecast(inputs, values, before), done.digest, written)

    def request(self, job: Job, inputs: ReplicaInputs, target: Target, digest: str) -> Any:
        """Gather what copying one image needs."""
        from image_assets.publishing.replicator import CopyRequest  # noqa: PLC0415 - see `PublishedImage.publisher`

        return CopyRequest(
            origin=self.origin(job, inputs),
            digest=digest,
            target=target,
            login=self.login(job, inputs),
            extra_tags=inputs.extra_tags,
            referrers=inputs.referrers,
            names_content=inputs.names_content,
            task=job.task,
        )

    def read(self, job: Job, old: State) -> State | None:
        """Ask both registries; only a clear "no such manifest" means gone, any trouble leaves the state as it is."""
        if not old.outputs:
            return self.images.import_image(job, old.id)
        target, inputs = stored_target(old), parse_replica(old.inputs)
        self.images.ledger.need(job.urn, *tags_of(old))
        state = self.with_source(job, old, inputs)
        try:
            digest = self.images.publisher.digest_of(target, job.task, self.login(job, inputs))
        except AssetError as error:
            job.task.warn(f"the state is kept as it was, {target} could not be looked up: {error}")
            return state
        if digest is None:
            return None
        if digest != old.outputs.get("imageDigest"):
            job.task.warn(f"{target} now holds {digest}; somebody else has overwritten the tag")
            return State(old.id, state.inputs, published(old.outputs, digest, written_tags(old.outputs)))
        return state

    def with_source(self, job: Job, old: State, inputs: ReplicaInputs) -> State:
        """Return the state with a note if the source has moved since; the next `up` looks at it then."""
        if not may_move(inputs):
            return old
        try:
            now = self.replicator.digest(self.origin(job, inputs), job.task)
        except AssetError as error:
            job.task.warn(f"{inputs.source} could not be looked up: {error}")
            return old
        if now is None or now == old.inputs.get(SOURCE_DIGEST):
            return old
        job.task.warn(f"{inputs.source} has moved to {now}: the next `pulumi up` copies it")
        return State(old.id, {**old.inputs, MOVED: True}, old.outputs)

    def delete(self, job: Job, old: State) -> None:
        """Leave the registry alone, unless the program said that this resource's own tags may go."""
        target = stored_target(old)
        may_go = plain(old.inputs.get("retainOnDelete")) is False
        written = written_tags(old.outputs) if may_go else {}
        removable = self.images.ledger.release(job.urn, target.repository, written)
        if removable:
            login = self.login(job, parse_replica(old.inputs))
            self.images.publisher.remove(target.repository, removable, job.task, login)
        self.images.refuse_full_repository(job, old)


def source_urn(urn: str) -> str:
    """Return the name under which the login for a copy's source is kept."""
    return f"{urn} source"


def same_source(olds: Values, news: Values) -> bool:
    """Say whether two inputs ask for the same of the same image."""
    return all(reveal(olds.get(name)) == reveal(news.get(name)) for name in ("source", "platforms"))


def may_move(inputs: ReplicaInputs) -> bool:
    """Say whether a source can become another image under the same name."""
    return inputs.archive is not None or (inputs.reference is not None and inputs.reference.digest is None)


def unseen() -> dict[str, Any]:
    """Return what Check stores, in a preview, of a source that could not be looked at."""
    return dict.fromkeys((SOURCE_DIGEST, SEEN), UNKNOWN)


def stored_seen(seen: "Seen") -> dict[str, Any]:
    """Return what Check stores of a source."""
    more = {"copied": seen.copied} if seen.copied else {}
    return {SOURCE_DIGEST: seen.digest, SEEN: {**more, "platforms": list(seen.platforms)}}


def copied_digest(values: Values) -> str | None:
    """Return the digest that a copy has or will have, None if it is not known."""
    seen = reveal(values.get(SEEN))
    found = seen.get("copied") if isinstance(seen, dict) else None
    return found if isinstance(found, str) else None


def copy_tag(inputs: ReplicaInputs, values: Values) -> Any:
    """Return the copy's tag: the given one, the source's, or the first digits of the source's digest."""
    if "tag" in inputs.unknown or (inputs.tag is None and "source" in inputs.unknown):
        return UNKNOWN
    named = inputs.tag or (replica_tag(None, inputs.source) if inputs.source else None)
    if named:
        return named
    digest = plain(values.get(SOURCE_DIGEST)) or (inputs.reference.digest if inputs.reference else UNKNOWN)
    digest = inputs.reference.digest if digest is UNKNOWN and inputs.reference else digest
    return UNKNOWN if digest is UNKNOWN or digest is None else digest.partition(":")[2][:TAG_DIGITS]


def target_of(inputs: ReplicaInputs, values: Values) -> Target | None:
    """Return where the copy goes, None while repository or tag is unknown."""
    tag = copy_tag(inputs, values)
    return None if inputs.destination is None or tag is UNKNOWN else Target(inputs.destination, tag)


def forecast(inputs: ReplicaInputs, values: Values, before: Values) -> dict[str, Any]:
    """Return the outputs as far as they are known; the digest is, if the source could be asked."""
    target, seen, digest = target_of(inputs, values), reveal(values.get(SEEN)), plain(values.get(SOURCE_DIGEST))
    known = isinstance(seen, dict)
    outputs = {
        "imageUri": str(target) if target else UNKNOWN,
        "imageTag": copy_tag(inputs, values),
        "assetHash": digest.partition(":")[2] if isinstance(digest, str) else UNKNOWN,
        "imageDigest": UNKNOWN,
        "imageDigestUri": UNKNOWN,
        **repository_outputs(inputs.destination),
        "platforms": seen["platforms"] if known else UNKNOWN,
    }
    copied = copied_digest(values)
    if copied is None and before.get("assetHash") == outputs["assetHash"]:
        copied = before.get("imageDigest")
    return published(outputs, copied, written_tags(before)) if copied and inputs.destination else outputs


def tags_of(old: State) -> tuple[Repository, tuple[str, ...]]:
    """Return the tags that a stored copy has, and their repository."""
    target = stored_target(old)
    return target.repository, (target.tag, *parse_replica(old.inputs).extra_tags)
