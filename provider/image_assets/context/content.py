"""Reading one file: never one that is not regular, never one that hangs."""

import hashlib
import os
import stat
from collections.abc import Callable
from typing import Final

from image_assets.context.faults import changing, unreadable
from image_assets.context.place import NO_FOLLOW, Place

LARGE: Final = 256 * 1024
"""From this size on, in bytes, a file is hashed in a thread of its own."""
_CHUNK: Final = 512 * 1024
"""In bytes: small enough for a core's own cache, large enough that few system calls and few waits for Python's lock are
needed."""
# A FIFO that takes the file's place between listing and opening must not block the open.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)


def open_regular(place: Place, name: str, path: str, *, follow: bool = False) -> tuple[int, os.stat_result]:
    """Open a regular file for reading; the caller closes it.

    Raises:
        InputError: It cannot be opened, or is not a regular file any more.
    """
    return _open(place.prefix + name, place.fd, path + name, follow)


def _open(name: str, directory: int | None, path: str, follow: bool) -> tuple[int, os.stat_result]:  # noqa: FBT001 - hot
    try:
        fd = os.open(name, _FLAGS if follow else _FLAGS | NO_FOLLOW, dir_fd=directory)
    except OSError as fault:
        raise unreadable(path, fault) from fault
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise changing(path)
    return fd, status


def read_small(directory: int, name: str, path: str, *, follow: bool = False) -> tuple[os.stat_result, bytes | None]:
    """Return status and SHA-256 of a regular file; no digest if it is large.

    Args:
        directory: The open directory.
        name: The file.
        path: Of the directory, for messages.
        follow: Whether the name may be a link to a file.

    Raises:
        InputError: It cannot be read, or is not a regular file any more, or its size changed meanwhile.
    """
    fd, status = _open(name, directory, path + name, follow)
    size = status.st_size
    try:
        if size >= LARGE:
            return status, None
        content = os.read(fd, size + 1)
    except OSError as fault:
        raise unreadable(path + name, fault) from fault
    finally:
        os.close(fd)
    if len(content) != size:
        raise changing(path + name)
    return status, hashlib.sha256(content).digest()


def large_digest(fd: int, before: os.stat_result, path: str, check: Callable[[], None]) -> bytes:
    """Return the SHA-256 of an open file of any size, in bounded memory.

    Raises:
        InputError: It cannot be read, or it changed meanwhile.
        CancelledByUserError: `check` said so.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        # A file that grows as fast as it is read must not keep the reader for ever.
        while size <= before.st_size and (piece := os.read(fd, _CHUNK)):
            digest.update(piece)
            size += len(piece)
            check()
    except OSError as fault:
        raise unreadable(path, fault) from fault
    after = os.fstat(fd)
    if (size, after.st_mtime_ns, after.st_ctime_ns) != (before.st_size, before.st_mtime_ns, before.st_ctime_ns):
        raise changing(path)
    return digest.digest()
