"""A copy of the entries that count, made of hard links where the file system and the times allow it."""

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from image_assets.context.place import NO_FOLLOW
from image_assets.context.tree import Listing

_OWNER_MAY_ALL = 0o700
_SECOND = 10**9

NewTime = Callable[[int], int]
"""What gives an entry a new time of modification; both in nanoseconds since 1970."""


def new_times(*, epoch: int | None = None, unique: bool = False) -> NewTime | None:
    """Return what gives entries the times that they need, or None if they keep theirs.

    Args:
        epoch: The time that all of them get, in seconds since 1970; None leaves each its own.
        unique: Whether their fractions of a second are to be others than those of any other copy. No image shows them:
            its layers have whole seconds (containerd, `archive`).
    """
    if epoch is None and not unique:
        return None
    # Never 0, which is what a time that was cut to seconds has.
    fraction = random.SystemRandom().randrange(1, _SECOND) if unique else 0

    def new_time(old: int) -> int:
        return (old // _SECOND if epoch is None else epoch) * _SECOND + fraction

    return new_time


def fill(directory: Path, listings: Iterable[Listing], new_time: NewTime | None = None) -> None:
    """Make the directory, and in it all entries of the listings.

    Args:
        directory: It must not exist yet.
        listings: The entries.
        new_time: What gives them other times; None leaves each its own.

    Raises:
        OSError: An entry cannot be read, or the copy cannot be written.
        InputError: As the listings raise it.
    """
    directory.mkdir()
    root = f"{directory}/"
    for listing in listings:
        for path in reversed(listing.directories):
            _make_directory(root + path)
        _fill_one(root + listing.path, listing, _copy if new_time else _link)
    if new_time:
        _set_times(directory, new_time)


def statuses(root: Path, listing: Listing) -> Iterator[os.stat_result]:
    """Yield the status of each entry of a listing that is no followed link, and of its directories."""
    place = listing.place
    for name in (*listing.files, *listing.links, *listing.others, *listing.emptied):
        yield os.stat(place.prefix + name, dir_fd=place.fd, follow_symlinks=False)
    yield from (os.lstat(root / path) for path in listing.directories)


def _set_times(directory: Path, new_time: NewTime) -> None:
    """Give everything in a directory, and the directory itself, another time."""
    for folder, _, files in os.walk(directory):
        for name in (*files, "."):
            set_time(os.path.join(folder, name), new_time)  # noqa: PTH118 - any bytes


def set_time(path: str | Path, new_time: NewTime) -> None:
    """Give an entry another time of modification."""
    time = new_time(os.lstat(path).st_mtime_ns)
    os.utime(path, ns=(time, time), follow_symlinks=False)


def _make_directory(path: str) -> None:
    """Make a directory with those above it: an outer one may become known later than an inner one."""
    os.makedirs(path, exist_ok=True)  # noqa: PTH103 - text, since there can be very many


def _fill_one(target: str, listing: Listing, provide: Callable[[str, str, int | None], None]) -> None:
    place = listing.place
    for name in (*listing.files, *listing.others):
        provide(place.prefix + name, target + name, place.fd)
    for name in listing.emptied:
        mode = os.stat(place.prefix + name, dir_fd=place.fd, follow_symlinks=False).st_mode
        Path(target + name).touch()
        os.chmod(target + name, stat.S_IMODE(mode))  # noqa: PTH101 - text
    for name in listing.followed:
        provide(os.path.realpath(place.absolute(name)), target + name, None)
    for name in listing.links:
        os.symlink(os.readlink(place.prefix + name, dir_fd=place.fd), target + name)  # noqa: PTH211 - dir_fd
    if target != listing.path:
        _copy_mode(listing, target)


def _copy_mode(listing: Listing, target: str) -> None:
    """Give the copy of a directory the original's mode: the builder keeps it in the image."""
    if not listing.has_entries and not listing.directories:
        return
    mode = os.stat(listing.place.prefix or ".", dir_fd=listing.place.fd).st_mode
    os.chmod(target, stat.S_IMODE(mode) | _OWNER_MAY_ALL)  # noqa: PTH101 - text


def _link(source: str, target: str, fd: int | None) -> None:
    """Make a hard link, or a copy where that cannot be: across devices, or of another user's file."""
    try:
        os.link(source, target, src_dir_fd=fd, follow_symlinks=False)
    except OSError:
        _copy(source, target, fd)


def _copy(source: str, target: str, fd: int | None) -> None:
    status = os.stat(source, dir_fd=fd, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        os.mknod(target, status.st_mode, status.st_rdev)
        return
    copy = Path(target)
    with os.fdopen(os.open(source, os.O_RDONLY | NO_FOLLOW, dir_fd=fd), "rb") as reader, copy.open("xb") as writer:
        shutil.copyfileobj(reader, writer)
    copy.chmod(stat.S_IMODE(status.st_mode))
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
