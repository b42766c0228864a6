"""Which tags the resources of this program use, so that no resource takes away what another one needs.

The engine deletes last: when a resource is replaced or gets another name, its successor has long found the tag in its
place, and an equal asset that stays has found it before. Only who remembers that in the same process can leave it
there. A process that is asked to delete and nothing else (`pulumi destroy --target`, another stack) cannot know.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from image_assets.frozen import dataclass
from image_assets.logins.identity import identity_of
from image_assets.reference import Repository


@dataclass(frozen=True)
class TagKey:
    """One tag of one repository, whatever the spelling of the registry's host."""

    repository: str
    tag: str

    @classmethod
    def of(cls, repository: Repository, tag: str) -> "TagKey":
        """Return the key of a tag."""
        return cls(identity_of(repository), tag)


class Ledger:
    """The uses of one process, by the URN of the resource; used by all threads."""

    def __init__(self) -> None:
        self._needed: defaultdict[str, set[TagKey]] = defaultdict(set)
        self._current: defaultdict[str, set[TagKey]] = defaultdict(set)
        self._left_over: dict[TagKey, str] = {}
        self._lock = threading.Lock()

    def need(self, urn: str, repository: Repository, tags: Iterable[str]) -> None:
        """Remember that a resource had these tags when it was last looked at, or is about to have them."""
        with self._lock:
            self._needed[urn].update(TagKey.of(repository, tag) for tag in tags)

    def leave_with(self, urn: str, repository: Repository, tags: Iterable[str]) -> None:
        """Remember that this deployment leaves a resource with exactly these tags.

        If the resource's URN is deleted afterwards, that is a former self: the one that was replaced.
        """
        with self._lock:
            self._needed.pop(urn, None)
            self._current[urn] = {TagKey.of(repository, tag) for tag in tags}

    def release(self, urn: str, repository: Repository, written: Mapping[str, str]) -> dict[str, str]:
        """Forget what a deleted resource needed, and return what may be removed, as digests by tag.

        That is what it has written itself, and what others have left to it, unless somebody still uses it. What is
        used is left to the last of those.
        """
        with self._lock:
            needed = self._needed.pop(urn, set())
            ours = {TagKey.of(repository, tag): digest for tag, digest in written.items()}
            ours |= {key: digest for key, digest in self._left_over.items() if key in needed}
            used = set().union(*self._needed.values(), *self._current.values())
            self._left_over |= {key: digest for key, digest in ours.items() if key in used}
            return {key.tag: digest for key, digest in ours.items() if key not in used}
