"""What the images of one program share: logins, what is known of their registries, and who talks to those."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from image_assets.custom_resource import State, Values
from image_assets.image.outputs import BUILD_KEY
from image_assets.image.stored import extra_tags, parse_import, stored_target
from image_assets.inputs.image import PUBLISHED_IMAGE
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.plan.fingerprints import Fingerprints
from image_assets.plan.target import Target
from image_assets.publishing.base_digests import BaseDigests
from image_assets.publishing.copies import Copies
from image_assets.publishing.ledger import Ledger
from image_assets.publishing.lookups import Lookups
from image_assets.publishing.own_images import OwnImages
from image_assets.reference import Repository
from image_assets.task import Task
from image_assets.values import plain

if TYPE_CHECKING:
    from image_assets.logins.registries import Registries
    from image_assets.publishing.publisher import Publisher


class Program:
    """What lives as long as a preview or an update of one program.

    Args:
        settings: The provider's configuration.
        base: What paths are relative to.

    Attributes:
        fingerprints: What sources hold.
        copies: Where images are published already.
        ledger: Which tags are in use.
        checked: The URNs of the images that this preview or update is about.
        repositories: The repositories that the program as it is now publishes to.
        own: The images of the program, as other images of it may build on them.
        in_preview: Whether it is a preview: of all RPCs, `Check` alone does not say so.
        given: The logins that the program gives.
        lookups: What registries were asked for ahead.
    """

    def __init__(self, settings: Settings, base: Path) -> None:
        self.settings = settings
        self.base = base
        self.own = OwnImages()
        self.in_preview = False
        self.fingerprints = Fingerprints(
            settings, BaseDigests(lambda: self.registries, self.own, lambda: self.in_preview)
        )
        self.copies = Copies()
        self.ledger = Ledger()
        self.checked: set[str] = set()
        self.repositories: set[str] = set()
        self.given = GivenLogins()
        self.lookups = Lookups()
        self._publisher: Publisher | None = None
        self._registries: Registries | None = None
        self._lock = threading.RLock()

    @property
    def publisher(self) -> "Publisher":
        """What talks to registries and builders, made for the first image that needs one.

        A preview in which nothing changed needs none, and the plugin starts twice in every `pulumi up`.
        """
        from image_assets.publishing.publisher import Publisher  # noqa: PLC0415 - see above

        with self._lock:
            self._publisher = self._publisher or Publisher(
                self.settings, self.registries, self.fingerprints, self.copies
            )
            return self._publisher

    @property
    def registries(self) -> "Registries":
        """What talks to registries alone, which is all that a preview with pinned base images needs of it."""
        from image_assets.logins.registries import Registries  # noqa: PLC0415 - see `publisher`

        with self._lock:
            self._registries = self._registries or Registries(self.settings, self.given)
            return self._registries

    def has(self, target: Target, task: Task, login: Login) -> bool:
        """Ask the registry for a tag."""
        return self.publisher.digest_of(target, task, login) is not None

    def note_registered(self, urn: str, kind: str, values: Values, outputs: Values) -> None:
        """Remember what the engine says of a component that it has registered: also one that is no target of this run.

        Args:
            urn: The component's.
            kind: The type of the child that has the image.
            values: Its inputs.
            outputs: Its outputs.
        """
        uri = plain(outputs.get("imageUri"))
        if isinstance(uri, str) and uri:
            image, target = child_urn(urn, kind), parse_import(uri)
            # What was not checked is no target of an update, or of a destroy that runs the program.
            tags, digest = (target.tag, *extra_tags(values)), plain(outputs.get("imageDigest"))
            self.note_tags(image, target.repository, tags)
            self.own.note(target.repository, tags, digest)
            if kind == PUBLISHED_IMAGE:
                self.own.note_content(target.repository, target.tag)

    def note_tags(self, urn: str, repository: Repository, tags: tuple[str, ...]) -> None:
        """Remember the tags of a resource that the engine has registered."""
        note = self.ledger.leave_with if urn in self.checked else self.ledger.need
        note(urn, repository, tags)

    def note_copy(self, old: State) -> None:
        """Remember where a stored image is, in case the program now wants it in another repository too."""
        key, digest = old.outputs.get(BUILD_KEY), old.outputs.get("imageDigest")
        if isinstance(key, str) and digest:
            self.copies.note(key, stored_target(old).repository, digest)


def child_urn(component: str, token: str) -> str:
    """Return the URN of a component's image (Pulumi: `urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME`)."""
    stack, project, kind, name = component.split("::", 3)
    return "::".join((stack, project, f"{kind}${token}", name))
