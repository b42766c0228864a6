"""From the entries of a tree to their records."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from image_assets.context.faults import unreadable
from image_assets.context.files import Files
from image_assets.context.records import directory_record, emptied_record, link_record, odd_record
from image_assets.context.tree import Listing

_LEVELS = 2


@dataclass
class Reading:
    """What has been read of one context, or of a part of it.

    Attributes:
        records: One for each entry that is no directory; `all_records` are those of all.
        directories: Paths of the directories that count, ending in `/`; two parts may both have come upon one.
        files: How many regular files.
        size: Their sizes together, in bytes.
        emptied: Paths of files that BuildKit sends without their content.
        weights: Files' count and bytes by the directory that holds them, its first two levels (ending in `/`, or `./`).
    """

    records: list[bytes] = field(default_factory=list)
    directories: set[str] = field(default_factory=set)
    files: int = 0
    size: int = 0
    emptied: list[str] = field(default_factory=list)
    weights: dict[str, tuple[int, int]] = field(default_factory=dict)

    def weigh(self, directory: str, files: int, size: int) -> None:
        """Note what a directory's own files weigh."""
        top = "/".join(directory.split("/", _LEVELS)[:_LEVELS]).rstrip("/") + "/" if directory else "./"
        self._add_weight(top, files, size)

    def add(self, part: "Reading") -> None:
        """Take in what was read elsewhere."""
        self.records += part.records
        self.directories |= part.directories
        self.emptied += part.emptied
        for top, weight in part.weights.items():
            self._add_weight(top, *weight)

    def _add_weight(self, top: str, files: int, size: int) -> None:
        self.files += files
        self.size += size
        before = self.weights.get(top, (0, 0))
        self.weights[top] = (before[0] + files, before[1] + size)

    def all_records(self) -> list[bytes]:
        """Return the records of all entries, sorted."""
        return sorted([*self.records, *(directory_record(os.fsencode(path[:-1])) for path in self.directories)])


def read_listing(listing: Listing, files: Files, reading: Reading) -> None:
    """Read the entries of one directory; the records of its files stay with `files`.

    Raises:
        InputError: One cannot be read, or changed meanwhile.
    """
    size = files.read(listing.place, listing.files, listing.path, follow=False)
    if listing.followed:
        size += files.read(listing.place, listing.followed, listing.path, follow=True)
    reading.weigh(listing.path, len(listing.files) + len(listing.followed), size)
    reading.emptied.extend(listing.path + name for name in listing.emptied)
    reading.directories.update(listing.directories)
    reading.records.extend(_link(listing, name) for name in listing.links)
    reading.records.extend(_odd(listing, name, odd_record) for name in listing.others)
    reading.records.extend(_odd(listing, name, emptied_record) for name in listing.emptied)


def _link(listing: Listing, name: str) -> bytes:
    try:
        text = os.readlink(listing.place.prefix + name, dir_fd=listing.place.fd)
    except OSError as fault:
        raise unreadable(listing.path + name, fault) from fault
    return link_record(os.fsencode(listing.path + name), os.fsencode(text))


def _odd(listing: Listing, name: str, record: Callable[[bytes, os.stat_result], bytes]) -> bytes:
    try:
        status = os.stat(listing.place.prefix + name, dir_fd=listing.place.fd, follow_symlinks=False)
    except OSError as fault:
        raise unreadable(listing.path + name, fault) from fault
    return record(os.fsencode(listing.path + name), status)
