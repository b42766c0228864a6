"""Reading the regular files of a context, each where the walk comes upon it, except for the large ones.

To hand a small file to another thread costs more than to hash it; `workers.py` gives other cores whole directories.
"""

import os
import time
from collections.abc import Callable, Sequence

from image_assets.context.content import LARGE, open_regular, small_digest
from image_assets.context.digests import SIZE_IN_KEY, DigestCache, is_settled, key_of, pack_key
from image_assets.context.faults import unreadable
from image_assets.context.large_files import LargeFile
from image_assets.context.place import Place, opened
from image_assets.context.records import EXECUTABLE, FILE, file_record
from image_assets.task import Task

_BATCH = 5000
"""So many files are read between two looks at whether to go on."""


class Files:
    """Reads files into records.

    Args:
        task: Can cancel the reading.
        cache: Knows files that have not changed; None to read all.
        defer: Takes a large file, to have it read elsewhere.

    Attributes:
        records: Of all files that were read here.
        found: What the cache did not know, as much of it as it has room for.
    """

    def __init__(self, task: Task, cache: DigestCache | None, defer: Callable[[LargeFile], None]) -> None:
        self.records: list[bytes] = []
        self.found: dict[bytes, bytes] = {}
        self._task = task
        self._defer = defer
        self._room = cache.limit if cache is not None else 0
        self._known = cache.known() if cache is not None else {}
        self._begun = time.time_ns()

    def read(self, place: Place, names: Sequence[str], path: str, *, follow: bool) -> int:
        """Read files of one directory; return their sizes together, in bytes.

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
            self._task.check()
            unknown = names[start : start + _BATCH]
            if self._known:
                recalled, unknown = self._recall(place, unknown, path, follow=follow)
                total += recalled
            total += self._read_new(place, unknown, path, follow=follow)
        return total

    def remember(self, status: os.stat_result, digest: bytes) -> None:
        """Note what a file's content is, for the cache."""
        if len(self.found) < self._room and is_settled(status, self._begun):
            self.found[key_of(status)] = digest

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
            self._defer(LargeFile(place, name, path, follow))
            return status, None
        try:
            digest = small_digest(fd, status, path + name)
        finally:
            os.close(fd)
        self.remember(status, digest)
        return status, digest


def _encode(names: Sequence[str]) -> list[bytes]:
    """Return the names as the file system has them; all at once, since no name holds a zero byte."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []
