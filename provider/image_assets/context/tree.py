"""The walk: which entries of a directory reach the builder, one directory at a time.

Nothing but directories is opened here. Directories that the rules leave out whole are not opened either (R49).
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from image_assets.context.faults import changing, refused_pattern, unreadable
from image_assets.context.links import Links
from image_assets.context.place import Place, Places, scan
from image_assets.ignore.ignorefile import BadPatternError
from image_assets.ignore.rules import Level, Verdict
from image_assets.task import Task

_BATCH = 5000
"""So many entries are judged between two looks at whether to go on."""
_LONG = 1000
"""In characters: a directory with a longer path is listed by the tree that came upon it."""


@dataclass(slots=True)
class Listing:
    """The entries of one directory that count.

    Attributes:
        path: The directory's path from the root, empty or ending in `/`.
        place: Where to open its entries.
        directories: Paths of directories that became known to count (this one's own, its parents', its children's).
        files: Names of regular files.
        followed: Names of links that stand for the regular file they lead to.
        emptied: Names of regular files whose content BuildKit does not send.
        links: Names of symbolic links that stay links.
        others: Names of FIFOs, sockets and devices.
    """

    path: str
    place: Place
    directories: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def has_entries(self) -> bool:
        """Say whether anything but directories is in it."""
        return any((self.files, self.followed, self.emptied, self.links, self.others))


class _Directory:
    """A directory that is still to be listed, or has been."""

    __slots__ = ("counted", "ignored", "level", "name", "parent", "path", "place")

    def __init__(self, parent: "_Directory | None", name: str, place: Place, level: Level, *, ignored: bool) -> None:
        self.parent = parent
        self.name = name
        self.path: str = f"{parent.path}{name}/" if parent is not None else ""
        self.place = place
        self.level = level
        self.ignored = ignored
        self.counted = False

    def locate(self, places: Places) -> Place:
        """Find out where the directory is; until now `place` is its parent's.

        Raises:
            OSError: Its path is too long for one system call, and it cannot be opened.
        """
        if self.parent is not None:
            self.place = places.inside(self.parent.place, self.name)
        return self.place

    def is_inside(self, target: os.stat_result) -> bool:
        """Say whether this directory is the target, or in it on the way that the walk took."""
        directory: _Directory | None = self
        while directory is not None:
            status = os.stat(directory.place.prefix or ".", dir_fd=directory.place.fd)
            if (status.st_dev, status.st_ino) == (target.st_dev, target.st_ino):
                return True
            directory = directory.parent
        return False


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
        self,
        root: str,
        level: Level,
        links: Links,
        places: Places,
        *,
        empty_directories: bool,
        task: Task,
    ) -> None:
        self._links = links
        self._places = places
        self._empty_directories = empty_directories
        self._task = task
        self._top = _Directory(None, "", Place(root.rstrip("/") + "/"), level, ignored=False)
        self._top.counted = True
        self._pending: list[_Directory] = []

    def listings(self, paths: Iterable[str] = ("",)) -> Iterator[Listing]:
        """Walk, depth first.

        Args:
            paths: The directories to begin with, empty or ending in `/`; they must count or hold what counts.

        Raises:
            InputError: A directory that counts cannot be read, or a link or a pattern is refused.
        """
        try:
            self._pending += map(self._find, paths)
            while self._pending:
                self._task.check()
                yield self._list(self._pending.pop())
        except BadPatternError as fault:
            raise refused_pattern(fault) from fault

    @property
    def is_shareable(self) -> bool:
        """Say whether there is something to hand over without being out of work."""
        return len(self._pending) > 1

    def hand_over(self, most: int | None = None) -> list[str]:
        """Leave directories that are still to be listed to another tree of the same context.

        Args:
            most: How many at most, all if None. Half of them stay then, so that neither tree is soon out of work.

        Returns:
            Their paths, those nearest to the root first. Directories with very long paths stay in any case: each
            would have to be looked for from an open directory on the way.
        """
        end = len(self._pending) if most is None else min(most, len(self._pending) // 2)
        first, rest = self._pending[:end], self._pending[end:]
        given = [directory.path for directory in first if len(directory.path) < _LONG]
        self._pending = [directory for directory in first if len(directory.path) >= _LONG] + rest
        return given

    def place_of(self, path: str) -> Place:
        """Return where a directory is that another tree has listed.

        Raises:
            InputError: It is not there any more, or is not readable.
        """
        return self._located(self._find(path))

    def _find(self, path: str) -> _Directory:
        """Go down to a directory that another tree has come upon."""
        directory = self._top
        for name in path.split("/")[:-1]:
            self._located(directory)
            inner = self._enter(directory, name)
            if inner is None:
                raise changing(path)
            directory = inner
        return directory

    def _located(self, directory: _Directory) -> Place:
        try:
            return directory.locate(self._places)
        except OSError as fault:
            raise unreadable(directory.path, fault) from fault

    def _list(self, directory: _Directory) -> Listing:
        listing = Listing(directory.path, directory.place)
        if directory.counted and directory.parent is not None:
            listing.directories.append(directory.path)
        names: list[str] = []
        try:
            listing.place = directory.locate(self._places)
            with scan(listing.place) as entries:
                while batch := list(islice(entries, _BATCH)):
                    self._task.check()
                    for entry in batch:
                        if entry.is_file(follow_symlinks=False):
                            names.append(entry.name)
                        else:
                            self._sort(entry, directory, listing)
        except PermissionError as fault:
            # BuildKit skips an ignored directory that it may not read, and only such a one (fsutil, `filter.go`).
            if not directory.ignored:
                raise unreadable(directory.path, fault) from fault
        except OSError as fault:
            raise unreadable(directory.path, fault) from fault
        for start in range(0, len(names), _BATCH):
            self._task.check()
            picked = directory.level.pick(names[start : start + _BATCH])
            listing.files += picked.counting
            listing.emptied += picked.emptied
        if listing.has_entries:
            _count(directory, listing)
        return listing

    def _sort(self, entry: "os.DirEntry[str]", directory: _Directory, listing: Listing) -> None:
        """Put an entry that is no regular file where it belongs."""
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            self._descend(name, directory, listing)
        elif entry.is_symlink():
            self._sort_link(name, directory, listing)
        elif directory.level.judge(name) is not Verdict.IGNORED:
            listing.others.append(name)

    def _sort_link(self, name: str, directory: _Directory, listing: Listing) -> None:
        target = None if self._links.kept else self._links.target(directory.place, name)
        if target is not None and stat.S_ISDIR(target.st_mode) and not directory.is_inside(target):
            if self._descend(name, directory, listing):
                self._links.refuse_multiplying(target, directory.path + name)
                self._links.refuse_external(directory.place, name, directory.path + name)
        elif directory.level.judge(name) is not Verdict.IGNORED:
            self._links.refuse_external(directory.place, name, directory.path + name)
            is_file = target is not None and stat.S_ISREG(target.st_mode)
            (listing.followed if is_file else listing.links).append(name)

    def _descend(self, name: str, directory: _Directory, listing: Listing) -> bool:
        """Judge a subdirectory; if anything in it can count, keep it for later and return True."""
        found = self._enter(directory, name)
        if found is None:
            return False
        if found.counted:
            _count(directory, listing)
        self._pending.append(found)
        return True

    def _enter(self, directory: _Directory, name: str) -> _Directory | None:
        """Return a subdirectory, None if nothing in it can count."""
        entered = directory.level.enter(name)
        if entered.level is None:
            return None
        found = _Directory(directory, name, directory.place, entered.level, ignored=entered.ignored)
        found.counted = self._empty_directories and not entered.ignored
        return found


def _count(directory: _Directory | None, listing: Listing) -> None:
    """Note that the directory counts, and with it all above it."""
    while directory is not None and not directory.counted:
        directory.counted = True
        listing.directories.append(directory.path)
        directory = directory.parent
