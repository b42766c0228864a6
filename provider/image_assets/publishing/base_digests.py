"""What base images are now: their digests and triggers, asked for side by side and once in a program.

Only GET and HEAD are sent, with the logins there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

from image_assets.errors import AssetError, CancelledByUserError, InputError, Problem
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.once import BegunCalls
from image_assets.plan.bases import ALL_PLATFORMS, PROPERTY, Base, BaseNotThereYetError, Triggers, is_pinned
from image_assets.plan.fingerprints import with_bases
from image_assets.publishing.own_images import OwnImages
from image_assets.reference import Reference
from image_assets.task import Task

if TYPE_CHECKING:
    from image_assets.logins.registries import Registries

Answer = TypeVar("Answer")

_AT_ONCE: Final = 32
_TICK: Final = 0.1


class BaseDigests:
    """Asks registries for digests; safe to use from many threads at once.

    Args:
        registries: Makes, or gives, what talks to registries; called when there is something to ask.
        own: The images of the program. Of one whose tag names its content that tag counts, and no digest.
        in_preview: Says whether it is a preview, in which what the program publishes is not there yet.
    """

    def __init__(
        self,
        registries: Callable[[], "Registries"],
        own: OwnImages | None = None,
        in_preview: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registries = registries
        self._own = own or OwnImages()
        self._in_preview = in_preview
        self._begun = BegunCalls(_AT_ONCE, "base-images")

    def begin(self, inputs: Inputs, bases: Sequence[Base], task: Task) -> None:
        """Begin to ask, and do not wait."""
        for base in self._to_ask(bases):
            self._ask(inputs, base.reference, task)

    def resolve(self, inputs: Inputs, bases: Sequence[Base], task: Task, last: Mapping[str, str]) -> Mapping[str, str]:
        """Return the digests of base images, by image.

        Args:
            inputs: Say how the registries are reached.
            bases: The images.
            task: Can cancel; is warned of images that could not be asked for.
            last: The digests that were last known, by image.

        Raises:
            InputError: With every image that its registry does not have, or that could not be asked for and was never
                known.
            BaseNotThereYetError: One is still to be published by this program.
        """
        moving = [base.image for base in self._moving(bases) if self._own.is_moving(base.reference)]
        if moving and self._in_preview():
            raise BaseNotThereYetError(", ".join(moving))
        asked = {base.image: self._ask(inputs, base.reference, task) for base in self._to_ask(bases)}
        digests = {base.image: self._own.digest(base.reference) for base in self._moving(bases)}
        found = {image: digest for image, digest in digests.items() if digest}
        to_come = {base.image for base in bases if self._in_preview() and self._own.is_own(base.reference)}
        problems: list[Problem] = []
        for image, answer in _answers(asked, task):
            digest = last.get(image) if isinstance(answer, AssetError) else answer
            if digest:
                found[image] = digest
                if isinstance(answer, AssetError):
                    task.warn(
                        f"the base image {image} is taken as it last was, {digest}: looking it up failed: {answer}"
                    )
            elif isinstance(answer, AssetError):
                problems.append(_not_looked_up(image, answer))
            elif image in to_come:
                raise BaseNotThereYetError(image)
            else:
                problems.append(Problem(PROPERTY, f"there is no base image {image} in its registry"))
        if problems:
            raise InputError(problems)
        return found

    def triggers(
        self, inputs: Inputs, bases: Sequence[Base], platforms: Sequence[str], task: Task, last: Inputs
    ) -> Triggers:
        """Return the ONBUILD triggers of base images, by image and platform.

        Args:
            inputs: Say how the registries are reached, and the digests.
            bases: The images.
            platforms: The platforms whose triggers count.
            task: Can cancel.
            last: The inputs as they were last stored: what has the same digest has the same triggers.

        Raises:
            InputError: With every image that could not be asked for.
            BaseNotThereYetError: One is still to be published by this program.
        """
        self._await_own(inputs, bases, task)
        digests = {base.image: inputs.base_images.get(base.image) or base.reference.digest or "" for base in bases}
        known = {
            image: found
            for image, found in last.base_triggers.items()
            if last.base_images.get(image, digests.get(image)) == digests.get(image) and set(platforms) <= found.keys()
        }
        asked = {
            base.image: self._ask_triggers(
                inputs, replace(base.reference, digest=digests[base.image] or None), platforms, task
            )
            for base in bases
            if base.image not in known
        }
        found = {
            image: {platform: known[image][platform] for platform in platforms} for image in known.keys() & digests
        }
        problems: list[Problem] = []
        for image, answer in _answers(asked, task):
            if isinstance(answer, AssetError):
                problems.append(_not_looked_up(image, answer))
            else:
                found[image] = dict(answer)
        if problems:
            raise InputError(problems)
        return found

    def _moving(self, bases: Sequence[Base]) -> list[Base]:
        """Return the bases whose tags can move, so that their digests count."""
        return [base for base in bases if not self._own.names_content(base.reference)]

    def _to_ask(self, bases: Sequence[Base]) -> list[Base]:
        """Return those of them whose digests only a registry knows."""
        return [base for base in self._moving(bases) if not self._own.digest(base.reference)]

    def _await_own(self, inputs: Inputs, bases: Sequence[Base], task: Task) -> None:
        """Look in a preview whether the program's own images are there.

        Raises:
            BaseNotThereYetError: One is not.
        """
        own = [base for base in bases if self._in_preview() and self._own.is_own(base.reference)]
        asked = {base.image: self._ask(inputs, base.reference, task) for base in own}
        for image, answer in _answers(asked, task):
            if answer is None:
                raise BaseNotThereYetError(image)

    def _ask(self, inputs: Inputs, reference: Reference, task: Task) -> "Future[str | None]":
        """Begin to ask, unless somebody has."""
        login = _login(inputs, reference)
        return self._begun.begin(
            (reference, *_key(login)), partial(self._digest, reference, task.of_deployment(), login)
        )

    def _ask_triggers(
        self, inputs: Inputs, reference: Reference, platforms: Sequence[str], task: Task
    ) -> "Future[Mapping[str, Sequence[str]]]":
        login = _login(inputs, reference)
        call = partial(self._triggers, reference, platforms, task.of_deployment(), login)
        return self._begun.begin((reference, tuple(platforms), *_key(login)), call)

    def _digest(self, reference: Reference, task: Task, login: Login) -> str | None:
        client = self._registries().client(reference.repository, task, login)
        found = client.head_manifest(reference.repository.full_path, reference.identifier)
        return found.digest if found else None

    def _triggers(
        self, reference: Reference, platforms: Sequence[str], task: Task, login: Login
    ) -> Mapping[str, Sequence[str]]:
        from image_assets.publishing.description import configs, onbuild  # noqa: PLC0415 - few programs ask

        client = self._registries().client(reference.repository, task, login)
        wanted = None if ALL_PLATFORMS in platforms else platforms
        found = configs(client, reference, wanted)
        triggers = {platform: tuple(onbuild(config)) for platform, config in found.items()}
        # In turn: what one of them sets, those after it use.
        of_any = tuple(chain.from_iterable(dict.fromkeys(triggers.values())))
        return {platform: triggers.get(platform, of_any) for platform in platforms}


def with_digests(inputs: Inputs, settings: Settings, task: Task) -> Inputs:
    """Return located inputs with the digests of their base images, where these count.

    Raises:
        InputError: One cannot be told, or its registry does not have it or does not answer.
    """
    if not is_pinned(inputs, settings):
        return inputs
    from image_assets.logins.registries import Registries  # noqa: PLC0415 - few ask, every start would pay for it

    digests = BaseDigests(lambda: Registries(settings, GivenLogins()))
    return with_bases(inputs, settings, digests, task, Inputs())


def _answers(asked: Mapping[str, Future[Answer]], task: Task) -> Iterator[tuple[str, Answer | AssetError]]:
    """Wait for all answers, and yield them by image.

    Raises:
        CancelledByUserError: The user cancelled.
    """
    while wait(asked.values(), _TICK).not_done:
        task.check()
    for image, future in asked.items():
        try:
            yield image, future.result()
        except CancelledByUserError:
            raise
        except AssetError as error:
            yield image, error


def _not_looked_up(image: str, error: AssetError) -> Problem:
    return Problem(PROPERTY, f"the base image {image} could not be looked up: {error}")


def _key(login: Login) -> tuple[str, ...]:
    return tuple(repr(sorted(given.items())) for given in (login.auth, login.aws))


def _login(inputs: Inputs, reference: Reference) -> Login:
    """Return what the inputs say about a base's registry: a login for another registry makes no difference."""
    to = inputs.destination
    is_same = to is not None and to.registry == reference.repository.registry
    return Login(inputs.registry_auth if is_same else {}, inputs.aws)
