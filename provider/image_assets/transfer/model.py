"""What publishing takes from the builder, and what it hands on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from image_assets.frozen import dataclass
from image_assets.oci import Manifest, RegistryClient


class LocalImage(Protocol):
    """An image in the store of a docker engine (or podman, nerdctl, finch)."""

    @property
    def image_id(self) -> str:
        """The digest of its config; with containerd's store, of its manifest or index."""

    @property
    def diff_ids(self) -> Sequence[str]:
        """The digests of the plain layers, the lowest first."""

    @property
    def size(self) -> int:
        """Bytes of all plain layers together."""

    @property
    def is_index(self) -> bool:
        """Whether the ID names an index: several platforms, or attestations (containerd's store only)."""

    def save(self) -> AbstractContextManager[BinaryIO]:
        """Give the image as `docker save` writes it: a tar, once, from front to back."""

    def push(self, reference: str) -> None:
        """Let the engine push the image under that reference."""


@dataclass(frozen=True)
class Source:
    """An image that a registry serves.

    Attributes:
        client: The registry.
        path: The repository's name inside it.
        digest: The manifest's or index's digest.
    """

    client: RegistryClient
    path: str
    digest: str

    @property
    def name(self) -> str:
        """The image's name by digest."""
        return f"{self.client.registry}/{self.path}@{self.digest}"


@dataclass(frozen=True)
class Sent:
    """An image whose content is in the registry, or will be when its tag is written.

    Attributes:
        manifest: What the tag is to name; None if the engine pushes it together with the tag.
        platforms: Its platforms, as far as they are known.
        push: Lets the engine push image and tag under a reference, where that is faster.
    """

    manifest: Manifest | None
    platforms: tuple[str, ...]
    push: Callable[[str], None] | None = None
