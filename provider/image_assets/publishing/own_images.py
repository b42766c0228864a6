"""The images of this program, as other images of it may build on them.

Whether a registry has them yet says nothing in a preview, and what it has may be about to change.
"""

import threading
from collections.abc import Iterable
from typing import Any

from image_assets.publishing.ledger import TagKey
from image_assets.reference import Reference, Repository
from image_assets.values import UNKNOWN


class OwnImages:
    """What is known of the tags of one program; used by all threads."""

    def __init__(self) -> None:
        self._naming_content: set[TagKey] = set()
        self._digests: dict[TagKey | None, Any] = {}
        self._lock = threading.Lock()

    def note_content(self, repository: Repository, tag: str) -> None:
        """Remember a tag that names its content, and so never moves."""
        with self._lock:
            self._naming_content.add(TagKey.of(repository, tag))

    def note(self, repository: Repository, tags: Iterable[str], digest: Any) -> None:
        """Remember tags that this program writes.

        Args:
            repository: Where they are.
            tags: Their names.
            digest: The digest that they have or will have; `UNKNOWN` if they are about to move, and nobody knows where
                to; None if they stay what the registry says that they are.
        """
        with self._lock:
            self._digests |= {TagKey.of(repository, tag): digest for tag in tags}

    def names_content(self, reference: Reference) -> bool:
        """Say whether a reference is a tag that names its content."""
        return _key(reference) in self._naming_content

    def is_own(self, reference: Reference) -> bool:
        """Say whether this program writes a tag."""
        return self.names_content(reference) or _key(reference) in self._digests

    def digest(self, reference: Reference) -> str | None:
        """Return what a tag of the program has, or will have; None if only the registry knows."""
        found = self._digests.get(_key(reference))
        return found if isinstance(found, str) else None

    def is_moving(self, reference: Reference) -> bool:
        """Say whether a tag is about to move, and nobody knows where to."""
        return self._digests.get(_key(reference)) is UNKNOWN


def _key(reference: Reference) -> TagKey | None:
    return TagKey.of(reference.repository, reference.tag) if reference.tag else None
