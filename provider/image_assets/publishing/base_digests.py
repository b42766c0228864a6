"""What base images are now: their digests, asked for side by side and once in a program.

Only GET and HEAD are sent, with the logins there are.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from image_assets.errors import AssetError, CancelledByUserError, InputError, Problem
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.plan.bases import PROPERTY, Base, bases_of, is_pinned
from image_assets.reference import Reference
from image_assets.task import Task

if TYPE_CHECKING:
    from image_assets.logins.registries import Registries

_AT_ONCE: Final = 32
_TICK: Final = 0.1


class BaseDigests:
    """Asks registries for digests; safe to use from many threads at once.

    Args:
        registries: Makes, or gives, what talks to registries; called when there is something to ask.
    """

    def __init__(self, registries: Callable[[], "Registries"]) -> None:
        self._registries = registries
        self._asked: dict[Hashable, Future[str | None]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "base-images")

    def begin(self, inputs: Inputs, bases: Sequence[Base], task: Task) -> None:
        """Begin to ask, and do not wait."""
        for base in bases:
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
        """
        asked = {base.image: self._ask(inputs, base.reference, task) for base in bases}
        while wait(asked.values(), _TICK).not_done:
            task.check()
        found: dict[str, str] = {}
        problems: list[Problem] = []
        for image, future in asked.items():
            try:
                digest = future.result()
            except CancelledByUserError:
                raise
            except AssetError as error:
                digest = last.get(image)
                if digest is None:
                    problems.append(Problem(PROPERTY, f"the base image {image} could not be looked up: {error}"))
                else:
                    task.warn(
                        f"the base image {image} is taken as it last was, {digest}: looking it up failed: {error}"
                    )
            else:
                if digest is None:
                    problems.append(Problem(PROPERTY, f"there is no base image {image} in its registry"))
            if digest:
                found[image] = digest
        if problems:
            raise InputError(problems)
        return found

    def _ask(self, inputs: Inputs, reference: Reference, task: Task) -> "Future[str | None]":
        """Begin to ask, unless somebody has."""
        login = _login(inputs, reference)
        key = (reference, *(repr(sorted(given.items())) for given in (login.auth, login.aws)))
        with self._lock:
            if key not in self._asked:
                self._asked[key] = self._pool.submit(self._digest, reference, task.of_deployment(), login)
            return self._asked[key]

    def _digest(self, reference: Reference, task: Task, login: Login) -> str | None:
        client = self._registries().client(reference.repository, task, login)
        found = client.head_manifest(reference.repository.full_path, reference.identifier)
        return found.digest if found else None


def with_digests(inputs: Inputs, settings: Settings, task: Task) -> Inputs:
    """Return located inputs with the digests of their base images, where these count.

    Raises:
        InputError: One cannot be told, or its registry does not have it or does not answer.
    """
    if not is_pinned(inputs, settings):
        return inputs
    from image_assets.logins.registries import Registries  # noqa: PLC0415 - few ask, every start would pay for it

    digests = BaseDigests(lambda: Registries(settings, GivenLogins()))
    return replace(inputs, base_images=digests.resolve(inputs, bases_of(inputs, settings), task, {}))


def _login(inputs: Inputs, reference: Reference) -> Login:
    """Return what the inputs say about a base's registry: a login for another registry makes no difference."""
    to = inputs.destination
    is_same = to is not None and to.registry == reference.repository.registry
    return Login(inputs.registry_auth if is_same else {}, inputs.aws)
