"""Which symbolic links stand for what they lead to."""

import os
import stat
from collections import Counter
from collections.abc import Mapping
from typing import Final

from image_assets.context.faults import shown
from image_assets.context.place import Place
from image_assets.context.spec import FollowSymlinks
from image_assets.errors import InputError

_MOST_LINKS: Final = 40
_OF_THE_PROCESS: Final = ("/dev/", "/proc/")
_MOST_WAYS: Final = 1000
"""Ways to one directory: links that lead on to links can make more paths than anybody has time for."""


def resolve_within(root: str, path: str) -> str | None:
    """Return where a path leads if `root` were `/`: no link leaves it. None if links go round in a circle."""
    pending = path.split("/")[::-1]
    found: list[str] = []
    links = 0
    while pending and links <= _MOST_LINKS:
        part = pending.pop()
        here = os.path.join(root, *found, part)  # noqa: PTH118 - text
        if part == "..":
            found = found[:-1]
        elif os.path.islink(here):  # noqa: PTH114 - text
            links += 1
            text = os.readlink(here)  # noqa: PTH115 - text
            found = [] if text.startswith("/") else found
            pending.extend(text.split("/")[::-1])
        elif part not in ("", "."):
            found.append(part)
    return os.path.join(root, *found) if links <= _MOST_LINKS else None  # noqa: PTH118 - text


class Links:
    """The policy of one context; the names and meanings are those of CDK's `SymlinkFollowMode`.

    Args:
        mode: The user's choice.
        root: The context's directory, links resolved.

    Attributes:
        kept: Whether links are just links, with nothing to look at.
    """

    def __init__(self, mode: FollowSymlinks, root: str) -> None:
        self.kept = mode == "never"
        self._refuses_external = mode == "internal-only"
        self._follows_internal, self._follows_external = _FOLLOWS[mode]
        self._root = root
        self._ways: Counter[tuple[int, int]] = Counter()

    def target(self, place: Place, name: str) -> os.stat_result | None:
        """Return the status of the file or directory that the link stands for; None if it stays a link.

        A link that leads to nothing, round in a circle, or to a FIFO, socket or device stays one, and so does one to
        what is another thing for each process (`/dev/stdout`, `/proc/self`).
        """
        try:
            status = os.stat(place.prefix + name, dir_fd=place.fd)
            if os.readlink(place.prefix + name, dir_fd=place.fd).startswith(_OF_THE_PROCESS):
                return None
        except OSError:
            return None
        is_plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        return status if is_plain and self._follows(place, name) else None

    def _follows(self, place: Place, name: str) -> bool:
        if self._follows_internal == self._follows_external:
            # The same for all links, so that nobody need look where this one leads.
            return self._follows_external
        return self._follows_internal if self._is_internal(place, name) else self._follows_external

    def refuse_multiplying(self, target: os.stat_result, path: str) -> None:
        """Refuse to go on where followed links lead to the same directory over and over again.

        Args:
            target: The directory.
            path: The link.

        Raises:
            InputError: They do; names the link.
        """
        directory = (target.st_dev, target.st_ino)
        self._ways[directory] += 1
        if self._ways[directory] > _MOST_WAYS:
            raise InputError.single(
                "directory",
                f"the links of the context multiply: {shown(path)} is one of more than {_MOST_WAYS:,} ways to the same "
                "directory; leave such links out, or choose `never` or `external` for `followSymlinks`",
            )

    def refuse_external(self, place: Place, name: str, path: str) -> None:
        """Refuse a link that leads out of the context, if the user asked for that.

        Raises:
            InputError: It does; names the link.
        """
        if self._refuses_external and not self._is_internal(place, name):
            raise InputError.single(
                "directory",
                f"the link {shown(path)} leads out of the context, which `followSymlinks: internal-only` forbids; "
                "leave it out, or choose `external` or `always`",
            )

    def _is_internal(self, place: Place, name: str) -> bool:
        real = os.path.realpath(place.absolute(name))
        return real == self._root or real.startswith(self._root.rstrip("/") + "/")


_FOLLOWS: Final[Mapping[FollowSymlinks, tuple[bool, bool]]] = {
    "never": (False, False),
    "external": (False, True),
    "always": (True, True),
    "internal-only": (False, False),
}
"""Whether links that stay in the context are followed, and whether those that lead out of it are."""
