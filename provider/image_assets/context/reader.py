"""From the entries of a tree to their records, with every core that helps.

Small files are read where the walk is: handing one to another thread costs more than hashing it. Large ones go to a
pool, where hashlib and read(2) run outside Python's global lock.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from image_assets.context.content import LARGE, large_digest, open_regular, small_digest
from image_assets.context.faults import unreadable
from image_assets.context.records import directory_record, emptied_record, file_record, link_record, odd_record
from image_assets.context.tree import Listing
from image_assets.task import Task


@dataclass
class Reading:
    """What has been read of one context.

    Attributes:
        records: One for each entry, in no order.
        files: How many regular files.
        bytes: Their sizes together.
        emptied: Paths of files that BuildKit sends without their content.
        weights: For each directory listed (empty or ending in `/`): its own files' count and bytes.
    """

    records: list[bytes] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    emptied: list[str] = field(default_factory=list)
    weights: dict[str, tuple[int, int]] = field(default_factory=dict)


class Reader:
    """Reads listings into records.

    Args:
        pool: Hashes the large files.
        task: Can cancel the reading.
    """

    def __init__(self, pool: ThreadPoolExecutor, task: Task) -> None:
        self._pool = pool
        self._task = task
        self._later: list[Future[bytes]] = []
        self._done = Reading()

    def read(self, listings: Iterable[Listing]) -> Reading:
        """Read all entries.

        Raises:
            InputError: One cannot be read, or changed meanwhile.
        """
        try:
            for listing in listings:
                self._listing(listing)
            self._done.records.extend(future.result() for future in self._later)
        finally:
            for future in self._later:
                future.cancel()
        return self._done

    def _listing(self, listing: Listing) -> None:
        records = self._done.records
        records.extend(directory_record(os.fsencode(path[:-1])) for path in listing.directories)
        path = os.fsencode(listing.path)
        size = 0
        for name in listing.files:
            size += self._file(listing, path + os.fsencode(name), name)
        for name in listing.followed:
            size += self._file(listing, path + os.fsencode(name), name, follow=True)
        records.extend(_link(listing, path, name) for name in listing.links)
        records.extend(_odd(listing, path, name, odd_record) for name in listing.others)
        records.extend(_odd(listing, path, name, emptied_record) for name in listing.emptied)
        self._done.emptied.extend(listing.path + name for name in listing.emptied)
        self._done.files += len(listing.files) + len(listing.followed)
        self._done.bytes += size
        self._done.weights[listing.path] = (len(listing.files), size)

    def _file(self, listing: Listing, path: bytes, name: str, *, follow: bool = False) -> int:
        """Read one file, or have it read; return its size in bytes."""
        fd, status = open_regular(listing.place, name, listing.path, follow=follow)
        if status.st_size >= LARGE:
            self._later.append(self._pool.submit(_large, self._task, listing, name, path, follow))
            os.close(fd)
        else:
            try:
                digest = small_digest(fd, status, listing.path + name)
            finally:
                os.close(fd)
            self._done.records.append(file_record(path, status, digest))
        return status.st_size


def _large(task: Task, listing: Listing, name: str, path: bytes, follow: bool) -> bytes:  # noqa: FBT001 - for submit()
    task.check()
    fd, status = open_regular(listing.place, name, listing.path, follow=follow)
    try:
        return file_record(path, status, large_digest(fd, status, listing.path + name))
    finally:
        os.close(fd)


def _link(listing: Listing, path: bytes, name: str) -> bytes:
    try:
        text = os.readlink(listing.place.prefix + name, dir_fd=listing.place.fd)
    except OSError as fault:
        raise unreadable(listing.path + name, fault) from fault
    return link_record(path + os.fsencode(name), os.fsencode(text))


def _odd(listing: Listing, path: bytes, name: str, record: Callable[[bytes, os.stat_result], bytes]) -> bytes:
    try:
        status = os.stat(listing.place.prefix + name, dir_fd=listing.place.fd, follow_symlinks=False)
    except OSError as fault:
        raise unreadable(listing.path + name, fault) from fault
    return record(path + os.fsencode(name), status)
