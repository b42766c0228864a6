"""Where a directory is, in a form that system calls take at any depth."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final, Self

from image_assets.frozen import dataclass

# One call takes at most PATH_MAX bytes of path (Linux 4,096, macOS 1,024), and a name has up to 255.
_LONGEST_PREFIX: Final = (os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else 1024) - 300
_DIRECTORY: Final = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0)
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class Place:
    """A directory that is being walked.

    Attributes:
        prefix: What goes before a name in a system call: a path that ends in `/`, or nothing.
        fd: The open directory that `prefix` starts from; None if it is absolute.
        above: The path of that directory, ending in `/`.
    """

    prefix: str
    fd: int | None = None
    above: str = ""

    def absolute(self, name: str) -> str:
        """Return an entry's absolute path, which may be too long for a system call."""
        return f"{self.above}{self.prefix}{name}"


class Places:
    """Makes places, and holds what they need open until it is closed."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def inside(self, parent: Place, name: str) -> Place:
        """Return the place of the subdirectory `name`; a path that grows too long starts again at an open directory.

        Raises:
            OSError: Such a directory cannot be opened.
        """
        prefix = f"{parent.prefix}{name}/"
        if len(prefix) < _LONGEST_PREFIX // 4 or len(os.fsencode(prefix)) < _LONGEST_PREFIX:
            return Place(prefix, parent.fd, parent.above)
        fd = os.open(prefix, _DIRECTORY, dir_fd=parent.fd)
        self._open.callback(os.close, fd)
        return Place("", fd, parent.above + prefix)


@contextlib.contextmanager
def opened(place: Place) -> Iterator[int]:
    """Open a directory, so that its entries need no path.

    Raises:
        OSError: It cannot be opened.
    """
    fd = os.open(place.prefix or ".", _DIRECTORY, dir_fd=place.fd)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def scan(place: Place) -> "Iterator[Iterator[os.DirEntry[str]]]":
    """List a directory.

    Raises:
        OSError: It cannot be opened or read.
    """
    if place.fd is None:
        with os.scandir(place.prefix) as entries:
            yield entries
        return
    with opened(place) as fd, os.scandir(fd) as entries:
        yield entries
