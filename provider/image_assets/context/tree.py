"""The walk: which entries of a directory reach the builder, one directory at a time.

Nothing but directories is opened here. Directories that the rules leave out whole are not opened either (R49).
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from image_assets.context.faults import refused_pattern, unreadable
from image_assets.context.links import Links
from image_assets.context.place import Place, Places, scan
from image_assets.ignore.ignorefile import BadPatternError
from image_assets.ignore.rules import Level, Verdict
from image_assets.task import Task


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
        notices: What the user should know about the choice of entries.
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
        notices: tuple[str, ...] = (),
    ) -> None:
        self.notices = notices
        self._links = links
        self._places = places
        self._empty_directories = empty_directories
        self._task = task
        top = _Directory(None, "", Place(root.rstrip("/") + "/"), level, ignored=False)
        top.counted = True
        self._pending = [top]

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
        names: list[str] = []
        try:
            listing.place = directory.locate(self._places)
            with scan(listing.place) as entries:
                for entry in entries:
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
        picked = directory.level.pick(names)
        listing.files, listing.emptied = picked.counting, picked.emptied
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
                self._links.refuse_external(directory.place, name, directory.path + name)
        elif directory.level.judge(name) is not Verdict.IGNORED:
            self._links.refuse_external(directory.place, name, directory.path + name)
            is_file = target is not None and stat.S_ISREG(target.st_mode)
            (listing.followed if is_file else listing.links).append(name)

    def _descend(self, name: str, directory: _Directory, listing: Listing) -> bool:
        """Judge a subdirectory; if anything in it can count, keep it for later and return True."""
        entered = directory.level.enter(name)
        if entered.level is None:
            return False
        found = _Directory(directory, name, directory.place, entered.level, ignored=entered.ignored)
        if self._empty_directories and not entered.ignored:
            found.counted = True
            _count(directory, listing)
        self._pending.append(found)
        return True


def _count(directory: _Directory | None, listing: Listing) -> None:
    """Note that the directory counts, and with it all above it."""
    while directory is not None and not directory.counted:
        directory.counted = True
        listing.directories.append(directory.path)
        directory = directory.parent
