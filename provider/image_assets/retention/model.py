"""What a repository holds, and what has become of it, as values."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum

from image_assets.frozen import dataclass


@dataclass(frozen=True)
class Stored:
    """A manifest or index in a repository.

    Attributes:
        digest: Its digest; empty if the registry's answer could not be read.
        tags: The tags that hold it, in order.
        created: When the image was made, or pushed where the registry tells; None if that is not known.
        pushed: When it was pushed; None where the registry does not tell.
        size: Its own length in bytes; with its layers where those are not known one by one.
        blobs: Digest and length of its config and layers.
        children: The manifests that an index names.
        subjects: The manifests that it refers to (OCI image spec, "subject", and the tags `sha256-...`).
        fault: Why it could not be read.
    """

    digest: str
    tags: tuple[str, ...] = ()
    created: datetime | None = None
    pushed: datetime | None = None
    size: int = 0
    blobs: tuple[tuple[str, int], ...] = ()
    children: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    fault: str = ""

    @property
    def key(self) -> str:
        """What it is looked up by: its digest, or its tag if it has none."""
        return self.digest or self.tags[0]


#: What a repository holds, by `Stored.key`.
Held = Mapping[str, Stored]


@dataclass(frozen=True)
class Verdict:
    """What is to become of a manifest.

    Attributes:
        stored: The manifest.
        stays: Whether it is kept.
        why: The reason, for people.
    """

    stored: Stored
    stays: bool
    why: str


class Done(Enum):
    """What has become of a manifest that was to go."""

    DELETED = "deleted"
    GONE = "gone"
    KEPT = "keep"


@dataclass
class Deletions:
    """What was done so far; whoever is interrupted has it to tell.

    Attributes:
        done: By key, what became of it, and for what is kept after all, why.
        notes: What else is to be told.
    """

    done: dict[str, tuple[Done, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Take down what is to be told once."""
        if text not in self.notes:
            self.notes.append(text)
