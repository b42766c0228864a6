"""Where an image is published already, so that another repository gets a copy instead of a second build.

It lives as long as the process and is fed by the program's own resources, those included that did not change. So an
image is built once however many repositories of a program it goes to, and one that is added later builds nothing.
"""

import threading

from image_assets.reference import Reference, Repository

_MAX_PLACES = 4


class Copies:
    """Remembers images by build key (see `build_key`); used by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, tuple[Reference, ...]] = {}
        self._keys: dict[str, str] = {}

    def of(self, build_key: str) -> tuple[Reference, ...]:
        """Return where the image is, the latest first."""
        with self._lock:
            return self._places.get(build_key, ())

    def note(self, build_key: str, repository: Repository, digest: str) -> bool:
        """Remember a place; an image that is known by another key already is not this one. Say whether it is."""
        place = Reference(repository, digest=digest)
        with self._lock:
            if self._keys.setdefault(digest, build_key) != build_key:
                return False
            before = (one for one in self._places.get(build_key, ()) if one != place)
            self._places[build_key] = (place, *before)[:_MAX_PLACES]
            return True
