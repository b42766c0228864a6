"""A copy of an image that is somewhere already: what a replica makes, and an asset for each of its destinations.

`check` looks at the source and stores its digest as an input, so that a tag that has moved is a difference that a
preview shows. What is copied is that digest, whatever happens to the tag meanwhile. The rest is as with every image
under a tag.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import (
    ArchiveError,
    AssetError,
    CloudError,
    InputError,
    MissingImageError,
    Problem,
    RegistryError,
)
from image_assets.image.copy_facts import (
    copied_digest,
    forecast,
    may_move,
    names_content,
    same_source,
    source_urn,
    stored_seen,
    target_of,
    unseen,
)
from image_assets.image.diff import plain_changes
from image_assets.image.outputs import published, written_tags
from image_assets.image.stored import tags_of
from image_assets.image.tagged import TaggedImage, at_same_address, refuse
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
)
from image_assets.inputs.replica_fields import COPY_FIELDS
from image_assets.logins.given import Login
from image_assets.plan.locations import archive_problems
from image_assets.plan.target import Target
from image_assets.values import UNKNOWN, plain, reveal

if TYPE_CHECKING:
    from image_assets.publishing.replicator import Origin, Replicator, Seen


class CopiedImage(TaggedImage):
    """The resource type `image-assets:index:CopiedImage` (see `CustomResource` for what each method is)."""

    @cached_property
    def replicator(self) -> "Replicator":
        """What talks to registries, made for the first copy that needs it."""
        from image_assets.publishing.replicator import Replicator  # noqa: PLC0415 - see `Program.publisher`

        return Replicator(self.program.publisher)

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
        problems = archive_problems(inputs.archive, self.program.base) if inputs.archive else ()
        return tuple(Problem("source", problem.reason) for problem in problems)

    def enter_logins(self, urn: str, inputs: ReplicaInputs) -> None:
        """Let each of the two registries have the login that was given for it, and no other."""
        given = self.program.given
        given.enter(urn, inputs.destination, inputs.registry_auth)
        source = inputs.reference.repository if inputs.reference else None
        given.enter(source_urn(urn), source, inputs.source_auth)

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs to store: the program's own without logins, and what the source was seen to be."""
        refuse(self.refused.get(job.urn, ()))
        refuse((*copy_problems(news), *self.location_problems(news)))
        inputs = parse_replica(news)
        self.program.checked.add(job.urn)
        self.program.repositories.add(str(inputs.repository))
        self.enter_logins(job.urn, inputs)
        # Only `ignoreChanges` can have put the digest there.
        seen = {SOURCE_DIGEST: news[SOURCE_DIGEST]} if SOURCE_DIGEST in news else self.seen(job, inputs, olds, news)
        stored = {name: value for name, value in news.items() if name != MOVED}
        checked = {**without_secrets(COPY_FIELDS, stored), **seen}
        if target := target_of(inputs, checked):
            self.program.ledger.need(job.urn, target.repository, (target.tag, *inputs.extra_tags))
            self.program.own.note(
                target.repository, (target.tag, *inputs.extra_tags), copied_digest(checked) or UNKNOWN
            )
            if inputs.names_content:
                self.program.own.note_content(target.repository, target.tag)
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
            if not (is_same or self.program.in_preview):
                raise InputError.single("source", str(error)) from error
            if is_same:
                job.task.warn(f"{error}; its copy stays as it is")
            elif not (inputs.reference and self.program.own.is_own(inputs.reference)):
                job.task.warn(f"{error}; unless something else in this update makes it, it cannot be copied")
        except ArchiveError as error:
            raise InputError.single("source", str(error)) from error
        except (RegistryError, CloudError) as error:
            if not (is_same or self.program.in_preview):
                raise
            job.task.warn(f"{inputs.source} could not be looked up: {error}")
        return before if is_same else unseen()

    def look(self, job: Job, inputs: ReplicaInputs) -> "Seen":
        """Look at the source.

        Raises:
            MissingImageError: There is no such image.
            AssetError: It could not be asked, or has not got what is wanted of it.
        """
        found = self.replicator.look(self.origin(job, inputs), self.program.settings.default_platform, job.task)
        if found is None:
            raise MissingImageError(f"there is no image {inputs.source}")
        return found

    def origin(self, job: Job, inputs: ReplicaInputs) -> "Origin":
        """Return where the image comes from, and how that is reached."""
        from image_assets.publishing.replicator import Origin  # noqa: PLC0415 - see `Program.publisher`

        image = inputs.reference or Path(self.program.base, inputs.archive or "").expanduser()
        login = Login(self.program.given.to(source_urn(job.urn)), inputs.stack_aws, inputs.source_aws)
        return Origin(image, inputs.platforms, login)

    def login(self, job: Job, inputs: ReplicaInputs) -> Login:
        """Return what is known about reaching the repository that gets the copy."""
        return Login(self.program.given.to(job.urn), inputs.stack_aws, inputs.aws)

    def login_by(self, job: Job, values: Values) -> Login:
        """See `TaggedImage`."""
        return self.login(job, parse_replica(values))

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Compare inputs and digests, and if so configured ask whether the copy is still there."""
        rows = (change for row in COPY_FIELDS for change in plain_changes(row, old.inputs, news, default_of_replica))
        found = tuple(rows)
        if plain(news.get(SOURCE_DIGEST)) is UNKNOWN or old.inputs.get(SOURCE_DIGEST) != news.get(SOURCE_DIGEST):
            found += (Change(SOURCE_DIGEST),)
        if not old.outputs:
            return found
        if not found and self.is_overwritten(old, news):
            stays = names_content(parse_replica(news))
            job.task.info(f"somebody else has moved the tag; it will be {'left alone' if stays else 'moved back'}")
            found = (Change(SOURCE_DIGEST),)
        if not found and self.program.settings.check_published == "always" and self.is_gone(job, old):
            job.task.info("the copy is no longer in the registry and will be made again")
            found = (Change(SOURCE_DIGEST),)
        self.program.ledger.need(job.urn, *tags_of(old))
        return found

    def is_overwritten(self, old: State, news: Values) -> bool:
        """Say whether the tag was seen to hold something else than the copy."""
        copied = copied_digest(news)
        return copied is not None and old.outputs.get("imageDigest") != copied

    def make(self, job: Job, values: Values, before: Values) -> dict[str, Any]:
        """Copy, or in a preview say what is known of it; `before` are the outputs so far."""
        inputs = parse_replica(values)
        if job.preview:
            return self.with_kept_digest(job, inputs, values, forecast(inputs, values, before), before)
        if plain(values.get(SOURCE_DIGEST)) is None:
            values = {**values, **stored_seen(self.look(job, inputs))}
        target = target_of(inputs, values)
        if target is None:
            raise InputError.single("repository", "is still unknown when the image must be copied")
        ours = written_tags(at_same_address(before, target)).get(target.tag)
        done = self.replicator.copy(self.request(job, inputs, target, plain(values[SOURCE_DIGEST]), ours))
        written = self.now_written(job, target, inputs.extra_tags, before, done)
        return published(forecast(inputs, values, before), done.digest, written)

    def with_kept_digest(
        self, job: Job, inputs: ReplicaInputs, values: Values, outputs: dict[str, Any], before: Values
    ) -> dict[str, Any]:
        """Return the forecast with the digest of an archive's copy that stays.

        Only sending it would tell the digest otherwise; a tag that holds an image which is as good is left alone.
        """
        target = target_of(inputs, values)
        if target is None or outputs["imageDigest"] is not UNKNOWN or not at_same_address(before, target):
            return outputs
        is_reached = not any(path.startswith(("registryAuth", "aws")) for path in inputs.unknown)
        if before.get("assetHash") != outputs["assetHash"] or not is_reached:
            return outputs
        held = self.held(job, target, self.login(job, inputs))
        return published(outputs, held, written_tags(before)) if held and held == before.get("imageDigest") else outputs

    def request(self, job: Job, inputs: ReplicaInputs, target: Target, digest: str, ours: str | None) -> Any:
        """Gather what copying one image needs."""
        from image_assets.publishing.replicator import CopyRequest  # noqa: PLC0415 - see `Program.publisher`

        return CopyRequest(
            origin=self.origin(job, inputs),
            digest=digest,
            target=target,
            login=self.login(job, inputs),
            extra_tags=inputs.extra_tags,
            referrers=inputs.referrers,
            names_content=names_content(inputs),
            ours=ours,
            task=job.task,
        )

    def with_source(self, job: Job, old: State) -> State:
        """Return the state with a note if the source has moved since; the next `up` looks at it then."""
        inputs = parse_replica(old.inputs)
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
