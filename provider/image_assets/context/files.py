"""Reading the regular files of a context, with every core that helps.

Small files are read where the walk is: handing one to another thread costs more than hashing it. Large ones go to a
pool, where hashlib and read(2) run outside Python's global lock.
"""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from image_assets.context.content import LARGE, large_digest, open_regular, small_digest
from image_assets.context.digests import SIZE_IN_KEY, DigestCache, is_settled, key_of, pack_key
from image_assets.context.faults import unreadable
from image_assets.context.place import Place, opened
from image_assets.context.records import EXECUTABLE, FILE, file_record
from image_assets.errors import CancelledByUserError
from image_assets.task import Task

_BATCH = 5000
"""So many files are read between two looks at whether to go on."""


class Files:
    """Reads files into records.

    Args:
        pool: Hashes the large ones.
        task: Can cancel the reading.
        cache: Knows files that have not changed; None to read all.
    """

    def __init__(self, pool: ThreadPoolExecutor, task: Task, cache: DigestCache | None) -> None:
        self._pool = pool
        self._task = task
        self._cache = cache
        self._room = cache.limit if cache is not None else 0
        self._known = cache.known() if cache is not None else {}
        self._begun = time.time_ns()
        self._found: dict[bytes, bytes] = {}
        self._abandoned = threading.Event()
        self._later: list[Future[bytes]] = []
        self.records: list[bytes] = []

    def read(self, place: Place, names: Sequence[str], path: str, *, follow: bool) -> int:
        """Read files of one directory, or have them read; return their sizes together, in bytes.

        Args:
            place: The directory.
            names: The files.
            path: The directory's path in the context, empty or ending in `/`.
            follow: Whether a name may be a link to a file.

        Raises:
            InputError: One cannot be read, or changed meanwhile.
        """
        total = 0
        for start in range(0, len(names), _BATCH):
            self._check()
            unknown = names[start : start + _BATCH]
            if self._known:
                recalled, unknown = self._recall(place, unknown, path, follow=follow)
                total += recalled
            total += self._read_new(place, unknown, path, follow=follow)
        return total

    def finish(self) -> list[bytes]:
        """Wait for the large files, and return all records."""
        for future in self._later:
            self.records.append(future.result())
        if self._cache is not None and self._found:
            self._cache.add(self._found)
        return self.records

    def abandon(self) -> None:
        """Read no more of the large files."""
        self._abandoned.set()
        for future in self._later:
            future.cancel()

    def _check(self) -> None:
        """Stop here if the result is of no use any more."""
        self._task.check()
        if self._abandoned.is_set():
            raise CancelledByUserError("another file cannot be read")

    def _recall(self, place: Place, names: Sequence[str], path: str, *, follow: bool) -> tuple[int, list[str]]:
        """Take from the cache what it knows; return the bytes of that, and the other names.

        The time of a second run is spent in this loop.
        """
        total = 0
        unknown: list[str] = []
        append, recall, pack = self.records.append, self._known.get, pack_key
        start = os.fsencode(path)
        with opened(place) as fd:
            for name, encoded in zip(names, _encode(names), strict=True):
                try:
                    seen = os.stat(name, dir_fd=fd, follow_symlinks=follow)
                except OSError as fault:
                    raise unreadable(path + name, fault) from fault
                size = seen.st_size
                key = pack(seen.st_dev, seen.st_ino, size, seen.st_mtime_ns, seen.st_ctime_ns)
                digest = recall(key)
                if digest is None:
                    unknown.append(name)
                else:
                    kind = EXECUTABLE if seen.st_mode & 0o100 else FILE
                    append(start + encoded + kind + key[SIZE_IN_KEY] + digest)
                    total += size
        return total, unknown

    def _read_new(self, place: Place, names: Sequence[str], path: str, *, follow: bool) -> int:
        """Read what the cache does not know."""
        total = 0
        append = self.records.append
        start = os.fsencode(path)
        for name, encoded in zip(names, _encode(names), strict=True):
            status, digest = self._open(place, name, path, follow=follow)
            if digest is not None:
                append(file_record(start + encoded, status, digest))
            total += status.st_size
        return total

    def _open(self, place: Place, name: str, path: str, *, follow: bool) -> tuple[os.stat_result, bytes | None]:
        """Read one file; a large one later, then there is no digest yet."""
        fd, status = open_regular(place, name, path, follow=follow)
        if status.st_size >= LARGE:
            os.close(fd)
            self._later.append(self._pool.submit(self._read_large, place, name, path, follow))
            return status, None
        try:
            digest = small_digest(fd, status, path + name)
        finally:
            os.close(fd)
        self._remember(status, digest)
        return status, digest

    def _read_large(self, place: Place, name: str, path: str, follow: bool) -> bytes:  # noqa: FBT001 - for submit()
        self._check()
        fd, status = open_regular(place, name, path, follow=follow)
        try:
            digest = large_digest(fd, status, path + name, self._check)
        finally:
            os.close(fd)
        self._remember(status, digest)
        return file_record(os.fsencode(path + name), status, digest)

    def _remember(self, status: os.stat_result, digest: bytes) -> None:
        if len(self._found) < self._room and is_settled(status, self._begun):
            self._found[key_of(status)] = digest


def _encode(names: Sequence[str]) -> list[bytes]:
    """Return the names as the file system has them; all at once, since no name holds a zero byte."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []
