"""What a registry holds, as values: descriptors, manifests, and blobs on their way in."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from image_assets.frozen import dataclass

#: The registered algorithms that content is checked by (OCI image spec, "Registered algorithms").
ALGORITHMS = frozenset({"sha256", "sha512"})


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """Return the content's digest (OCI image spec, "Digests")."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def algorithm_of(digest: str) -> str:
    """Return the algorithm of a digest.

    Raises:
        ValueError: It is none by which content can be checked; says which.
    """
    algorithm = digest.partition(":")[0]
    if algorithm not in ALGORITHMS:
        raise ValueError(f'the digest algorithm "{algorithm}" is not supported, only sha256 and sha512')
    return algorithm


@dataclass(frozen=True)
class Descriptor:
    """What names a piece of content (OCI image spec, "Content Descriptors").

    Attributes:
        media_type: The kind of content; empty where a registry did not say.
        digest: The content's digest.
        size: Its length in bytes.
        platform: `os/architecture[/variant]`, where an index says it.
        annotations: Free texts by key.
        raw: The JSON object that this was read from.
    """

    media_type: str
    digest: str
    size: int
    platform: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, byte for byte.

    Attributes:
        descriptor: Names the content; its digest was computed from `content`.
        content: The bytes that the registry holds.
    """

    descriptor: Descriptor
    content: bytes


@dataclass(frozen=True)
class Uploaded:
    """A blob that the registry holds now.

    Attributes:
        digest: The blob's digest.
        size: Its length in bytes; None if it was mounted and its length was not known before.
        sent: The bytes that went over the network for it, repetitions included.
        mounted: Whether the registry took it from another of its repositories.
    """

    digest: str
    size: int | None
    sent: int
    mounted: bool = False


class BlobSource(Protocol):
    """Content on its way to a registry."""

    @property
    def digest(self) -> str | None:
        """The content's digest, or None: then it is computed from what is sent."""

    @property
    def size(self) -> int | None:
        """The content's length in bytes, or None if only reading it will tell."""

    def read(self) -> Iterator[bytes]:
        """Read the content from its start; called again if it must be sent again."""


@dataclass(frozen=True)
class BytesSource:
    """A blob that is in memory, such as an image's config."""

    content: bytes

    @property
    def digest(self) -> str:
        """The content's digest."""
        return digest_of(self.content)

    @property
    def size(self) -> int:
        """The content's length in bytes."""
        return len(self.content)

    def read(self) -> Iterator[bytes]:
        """Read the content in one piece."""
        yield self.content
