"""Where an image with a fingerprint is published, so that another repository gets a copy instead of a second build.

It lives as long as the process and is fed by the program's own resources, those included that did not change. So an
image is built once however many repositories of a program it goes to, and one that is added later builds nothing.
"""

import threading

from image_assets.reference import Reference, Repository

_MAX_PLACES = 4


class Copies:
    """Remembers images by fingerprint; used by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, tuple[Reference, ...]] = {}

    def of(self, fingerprint: str, target: Repository) -> tuple[Reference, ...]:
        """Return where else than in the target the image is, the latest first."""
        with self._lock:
            return tuple(place for place in self._places.get(fingerprint, ()) if place.repository != target)

    def note(self, fingerprint: str, repository: Repository, digest: str) -> None:
        """Remember a place."""
        place = Reference(repository, digest=digest)
        with self._lock:
            before = (one for one in self._places.get(fingerprint, ()) if one != place)
            self._places[fingerprint] = (place, *before)[:_MAX_PLACES]
