"""Reading the regular files of a context, with every core that helps.

Small files are read where the walk is: handing one to another thread costs more than hashing it. Large ones go to a
pool, where hashlib and read(2) run outside Python's global lock.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from stat import S_ISREG

from image_assets.context.content import LARGE, large_digest, open_regular, small_digest
from image_assets.context.digests import DigestCache, is_settled, key_of
from image_assets.context.faults import unreadable
from image_assets.context.place import Place
from image_assets.context.records import file_record
from image_assets.task import Task


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
        self._known = cache.known() if cache is not None else {}
        self._begun = time.time_ns()
        self._found: dict[bytes, bytes] = {}
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
        start = os.fsencode(path)
        total = 0
        for name in names:
            status, digest = self._look_up(place, name, path, follow=follow) if self._known else (None, None)
            if status is None or digest is None:
                status, digest = self._open(place, name, path, follow=follow)
            if digest is not None:
                self.records.append(file_record(start + os.fsencode(name), status, digest))
            total += status.st_size
        return total

    def finish(self) -> list[bytes]:
        """Wait for the large files, and return all records."""
        for future in self._later:
            self.records.append(future.result())
        if self._cache is not None and self._found:
            self._cache.add(self._found)
        return self.records

    def abandon(self) -> None:
        """Start no more of the large files."""
        for future in self._later:
            future.cancel()

    def _look_up(
        self, place: Place, name: str, path: str, *, follow: bool
    ) -> tuple[os.stat_result | None, bytes | None]:
        """Ask the cache."""
        try:
            status = os.stat(place.prefix + name, dir_fd=place.fd, follow_symlinks=follow)
        except OSError as fault:
            raise unreadable(path + name, fault) from fault
        return status, self._known.get(key_of(status)) if S_ISREG(status.st_mode) else None

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
        self._task.check()
        fd, status = open_regular(place, name, path, follow=follow)
        try:
            digest = large_digest(fd, status, path + name, self._task)
        finally:
            os.close(fd)
        self._remember(status, digest)
        return file_record(os.fsencode(path + name), status, digest)

    def _remember(self, status: os.stat_result, digest: bytes) -> None:
        if self._cache is not None and is_settled(status, self._begun):
            self._found[key_of(status)] = digest
