"""Which symbolic links stand for what they lead to."""

import os
import stat
from collections.abc import Callable, Mapping
from typing import Final

from image_assets.context.faults import shown
from image_assets.context.place import Place
from image_assets.context.spec import FollowSymlinks
from image_assets.errors import InputError

_MOST_LINKS: Final = 40


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
        self._follows = _FOLLOWS[mode]
        self._root = root

    def target(self, place: Place, name: str) -> os.stat_result | None:
        """Return the status of the file or directory that the link stands for; None if it stays a link.

        A link that leads to nothing, round in a circle, or to a FIFO, socket or device (`/dev/stdout`) stays one.
        """
        try:
            status = os.stat(place.prefix + name, dir_fd=place.fd)
        except OSError:
            return None
        is_plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        return status if is_plain and self._follows(self._is_internal(place, name)) else None

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


_FOLLOWS: Final[Mapping[str, Callable[[bool], bool]]] = {
    "never": lambda _: False,
    "external": lambda internal: not internal,
    "always": lambda _: True,
    "internal-only": lambda _: False,
}
