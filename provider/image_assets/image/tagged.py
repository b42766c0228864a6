"""An image under a tag, whoever put it there: what making, refreshing and deleting have in common.

A clear "no such manifest" alone means that an image is gone; any trouble leaves the state as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from image_assets.custom_resource import Job, State, Values
from image_assets.errors import AssetError, CloudError, InputError, Problem
from image_assets.image.outputs import published, repository_outputs, written_tags
from image_assets.image.program import Program
from image_assets.image.stored import keeps_images, parse_import, stored_target, tags_of
from image_assets.logins.given import Login
from image_assets.plan.target import Target
from image_assets.values import EMPTY, UNKNOWN, plain

FULL_REPOSITORY = (
    "{url}, the repository that the asset made, holds images, and AWS deletes no such repository "
    "(RepositoryNotEmptyException): set `forceDelete: true` on the asset and run `pulumi up`, then try again; or empty "
    "the repository"
)


class Done(Protocol):
    """What was put under tags."""

    @property
    def digest(self) -> str:
        """The image's digest."""

    @property
    def written(self) -> Sequence[str]:
        """The tags that were written."""


class TaggedImage(ABC):
    """Base of the resource types that are an image in a registry (see `CustomResource` for what each method is)."""

    def __init__(self, program: Program) -> None:
        self.program = program
        #: What is wrong with a component's inputs, by the URN of its image, whose `check` tells it.
        self.refused: dict[str, tuple[Problem, ...]] = {}

    @abstractmethod
    def make(self, job: Job, values: Values, before: Values) -> dict[str, Any]:
        """Return the outputs of an image that is put under its tag, or in a preview what is known of them.

        Args:
            job: The RPC.
            values: The inputs.
            before: The outputs so far.
        """

    @abstractmethod
    def login_by(self, job: Job, values: Values) -> Login:
        """Return what is known about reaching the registry that stored inputs name."""

    def create(self, job: Job, inputs: Values) -> State:
        """Put the image under its tag, unless the registry has it there."""
        outputs = self.make(job, inputs, {})
        known = outputs["imageUri"]
        return State("" if known is UNKNOWN else known, inputs, outputs)

    def update(self, job: Job, old: State, news: Values) -> Values:
        """Put the new image under its tag; what another tag held before stays."""
        return self.make(job, news, old.outputs)

    def read(self, job: Job, old: State) -> State | None:
        """Ask the registry; only a clear "no such manifest" means gone, any trouble leaves the state as it is."""
        if not old.outputs:
            return self.import_image(job, old.id)
        target = stored_target(old)
        self.program.ledger.need(job.urn, *tags_of(old))
        state = self.with_source(job, old)
        try:
            digest = self.program.publisher.digest_of(target, job.task, self.login_by(job, old.inputs))
        except AssetError as error:
            job.task.warn(f"the state is kept as it was, {target} could not be looked up: {error}")
            return state
        if digest is None:
            return None
        if digest == old.outputs.get("imageDigest"):
            return state
        tell_overwritten(job, target, digest)
        return State(old.id, state.inputs, published(old.outputs, digest, written_tags(old.outputs)))

    def with_source(self, job: Job, old: State) -> State:  # noqa: ARG002 - for those that look at it
        """Return the state with what a refresh finds out about the image's source."""
        return old

    def is_gone(self, job: Job, old: State) -> bool:
        """Say whether the registry clearly lacks the image; any trouble counts as no."""
        target = stored_target(old)
        question = partial(self.program.has, target, job.task, self.login_by(job, old.inputs))
        try:
            return not self.program.lookups.answer(str(target), question)
        except AssetError as error:
            job.task.warn(f"{target} could not be looked up: {error}")
            return False

    def held(self, job: Job, target: Target, login: Login) -> str | None:
        """Ask in a preview what a tag holds that stays; None if that is nothing, or any trouble.

        The state cannot tell: somebody else may have overwritten the tag.
        """
        try:
            return self.program.publisher.digest_of(target, job.task, login)
        except AssetError as error:
            job.task.warn(f"the digest is not told, {target} could not be looked up: {error}")
            return None

    def now_written(
        self, job: Job, target: Target, extra_tags: Iterable[str], before: Values, done: Done
    ) -> dict[str, str]:
        """Note the tags that the resource has now, and return those that it ever wrote there, with their digests.

        Args:
            job: The RPC.
            target: Where the image is.
            extra_tags: Its further tags.
            before: The outputs so far.
            done: What was written.
        """
        tags = (target.tag, *extra_tags)
        self.program.ledger.leave_with(job.urn, target.repository, tags)
        self.program.own.note(target.repository, tags, done.digest)
        return {**written_tags(at_same_address(before, target)), **dict.fromkeys(done.written, done.digest)}

    def import_image(self, job: Job, reference: str) -> State | None:
        """Take over a published image: `repository:tag` is all that is known of it."""
        target = parse_import(reference)
        digest = self.program.publisher.digest_of(target, job.task, Login())
        if digest is None:
            return None
        self.program.ledger.need(job.urn, target.repository, (target.tag,))
        outputs = {"imageUri": str(target), "imageTag": target.tag, **repository_outputs(target.repository)}
        return State(reference, {"repository": str(target.repository)}, published(outputs, digest, {}))

    def delete(self, job: Job, old: State) -> None:
        """Leave the registry alone, unless the program said that this resource's own tags may go.

        They stay if another resource of the program has them: this one's successor, or an equal one.
        """
        target = stored_target(old)
        may_go = plain(old.inputs.get("retainOnDelete")) is False
        written = written_tags(old.outputs) if may_go else {}
        removable = self.program.ledger.release(job.urn, target.repository, written)
        for tag in written.keys() - removable.keys():
            job.task.debug(f"{target.repository}:{tag} stays: another resource of this program has it")
        if removable:
            login = self.login_by(job, old.inputs)
            self.program.publisher.remove(target.repository, removable, job.task, login)
        self.refuse_full_repository(job, old)

    def refuse_full_repository(self, job: Job, old: State) -> None:
        """Refuse to go on where the asset's own repository is to go next, and AWS would not delete it.

        AWS's own words name a switch that the user has not got.

        Raises:
            CloudError: The repository holds the image still.
        """
        url = str(old.outputs.get("repositoryUrl"))
        if not keeps_images(old.inputs) or url in self.program.repositories:
            return
        target = stored_target(old)
        try:
            held = self.program.publisher.digest_of(target, job.task, self.login_by(job, old.inputs))
        except AssetError as error:
            job.task.debug(f"{target} could not be looked up: {error}")
            return
        if held:
            raise CloudError(FULL_REPOSITORY.format(url=url))


def refuse(found: tuple[Problem, ...]) -> None:
    """Raise all problems at once.

    Raises:
        InputError: There are any.
    """
    if found:
        raise InputError(found)


def tell_overwritten(job: Job, target: Target, digest: str) -> None:
    """Warn that a tag holds something else than the state says."""
    job.task.warn(f"{target} now holds {digest}; somebody else has overwritten the tag")


def at_same_address(before: Values, target: Target) -> Values:
    """Return the outputs so far if the image keeps its address, else none."""
    return before if before.get("imageUri") == str(target) else EMPTY
