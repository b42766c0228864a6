"""Which statements the resources of this program have, so that no resource takes away what another one needs.

The engine deletes last: when a statement's resource is replaced or gets another name, its successor has long found the
statement in its place. Only who remembers that in the same process can leave it there.
"""

import threading
from collections import defaultdict

from image_assets.logins.identity import identity_of
from image_assets.reference import Repository


class Ledger:
    """The statements of one process; a statement is one Sid in the policy of one repository, however that is spelt."""

    def __init__(self) -> None:
        self._claimed: defaultdict[str, set[str]] = defaultdict(set)
        self._stored: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def claim(self, url: str, sid: str) -> None:
        """Remember that the program as it is now wants the statement."""
        with self._lock:
            self._claimed[identity(url)].add(sid)

    def claimed(self, url: str) -> frozenset[str]:
        """Return the Sids that the program as it is now wants in a repository's policy."""
        with self._lock:
            return frozenset(self._claimed[identity(url)])

    def note_stored(self, urn: str, url: str, sid: str) -> None:
        """Remember that a resource of the program has the statement already."""
        with self._lock:
            self._stored.add((urn, identity(url), sid))

    def is_stored(self, urn: str, url: str, sid: str) -> bool:
        """Say whether the statement in the policy is this resource's own."""
        with self._lock:
            return (urn, identity(url), sid) in self._stored


def identity(url: str) -> str:
    """Return what all spellings of one repository have in common."""
    return identity_of(Repository.parse(url))
