"""The walk: which entries of a directory reach the builder, one directory at a time.

Nothing but directories is opened here. Directories that the rules leave out whole are not opened either (R49).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from image_assets.context.faults import refused_pattern, unreadable
from image_assets.context.links import Links
from image_assets.context.place import Place, Places, scan
from image_assets.ignore.ignorefile import BadPatternError
from image_assets.ignore.rules import Level
from image_assets.task import Task


@dataclass
class Listing:
    """The entries of one directory that count.

    Attributes:
        path: The directory's path from the root, empty or ending in `/`.
        place: Where to open its entries.
        directories: Paths of directories that became known to count (this one's own, its parents', its children's).
        files: Names of regular files.
        followed: Names of links that stand for the regular file they lead to.
        links: Names of symbolic links that stay links.
        others: Names of FIFOs, sockets and devices.
    """

    path: str
    place: Place
    directories: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


class _Directory:
    """A directory that is still to be listed, or has been."""

    __slots__ = ("counted", "ignored", "level", "parent", "path", "place", "target")

    def __init__(self, parent: "_Directory | None", path: str, place: Place, level: Level) -> None:
        self.parent = parent
        self.path = path
        self.place = place
        self.level = level
        self.counted = False
        self.ignored = False
        self.target: tuple[int, int] | None = None


class Tree:
    """One context's entries.

    Args:
        root: The directory, absolute, links resolved.
        level: The ignore rules at the root.
        links: Which links are followed.
        places: Holds what must stay open while the listings are used.
        empty_directories: Whether an included directory counts even with nothing in it (as BuildKit sends it).
        task: Can cancel the walk.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that shapes a walk
        self, root: str, level: Level, links: Links, places: Places, *, empty_directories: bool, task: Task
    ) -> None:
        self._links = links
        self._places = places
        self._empty_directories = empty_directories
        self._task = task
        self._top = _Directory(None, "", Place(root.rstrip("/") + "/"), level)
        self._top.counted = True
        self._pending: list[_Directory] = [self._top]

    def listings(self) -> Iterator[Listing]:
        """Walk, depth first.

        Raises:
            InputError: A directory that counts cannot be read, or a link or a pattern is refused.
        """
        try:
            while self._pending:
                self._task.check()
                yield self._list(self._pending.pop())
        except BadPatternError as fault:
            raise refused_pattern(fault) from fault

    def _list(self, directory: _Directory) -> Listing:
        listing = Listing(directory.path, directory.place)
        if directory.counted and directory.parent is not None:
            listing.directories.append(directory.path)
        try:
            with scan(directory.place) as entries:
                for entry in entries:
                    self._sort(entry, directory, listing)
        except PermissionError as fault:
            # BuildKit skips an ignored directory that it may not read, and only such a one (fsutil, `filter.go`).
            if not directory.ignored:
                raise unreadable(directory.path, fault) from fault
        except OSError as fault:
            raise unreadable(directory.path, fault) from fault
        if listing.files or listing.links or listing.others or listing.followed:
            _count(directory, listing)
        return listing

    def _sort(self, entry: "os.DirEntry[str]", directory: _Directory, listing: Listing) -> None:
        """Put one entry where it belongs."""
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            self._descend(name, directory, listing, None)
        elif entry.is_file(follow_symlinks=False):
            if not directory.level.ignores(name):
                listing.files.append(name)
        elif entry.is_symlink():
            self._sort_link(name, directory, listing)
        elif not directory.level.ignores(name):
            listing.others.append(name)

    def _sort_link(self, name: str, directory: _Directory, listing: Listing) -> None:
        if self._links.never:
            if not directory.level.ignores(name):
                listing.links.append(name)
            return
        raise NotImplementedError

    def _descend(self, name: str, directory: _Directory, listing: Listing, target: tuple[int, int] | None) -> None:
        """Judge a subdirectory; keep it for later if anything in it can count."""
        entered = directory.level.enter(name)
        if entered.level is None:
            return
        place = self._places.inside(directory.place, name)
        found = _Directory(directory, f"{directory.path}{name}/", place, entered.level)
        found.ignored = entered.ignored
        found.target = target
        if self._empty_directories and not entered.ignored:
            found.counted = True
            _count(directory, listing)
        self._pending.append(found)


def _count(directory: _Directory | None, listing: Listing) -> None:
    """Note that the directory counts, and with it all above it."""
    while directory is not None and not directory.counted:
        directory.counted = True
        listing.directories.append(directory.path)
        directory = directory.parent
