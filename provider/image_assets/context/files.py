"""Reading the regular files of a context, each where the walk comes upon it, except for the large ones.

To hand a small file to another thread costs more than to hash it; `workers.py` gives other cores whole directories.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from image_assets.context.content import read_small
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
        if not names:
            return 0
        with _entered(place, path) as fd:
            directory = _Directory(place, fd, path, follow)
            return sum(self._read_batch(directory, batch) for batch in _batches(names))

    def _read_batch(self, directory: "_Directory", names: Sequence[str]) -> int:
        self._task.check()
        if not self._known:
            return self._read_new(directory, names)
        size, unknown = self._recall(directory, names)
        return size + self._read_new(directory, unknown)

    def remember(self, status: os.stat_result, digest: bytes) -> None:
        """Note what a file's content is, for the cache."""
        if len(self.found) < self._room and is_settled(status, self._begun):
            self.found[key_of(status)] = digest

    def remember_all(self, found: Mapping[bytes, bytes]) -> None:
        """Note what was found out elsewhere, for the cache."""
        self.found.update(islice(found.items(), max(0, self._room - len(self.found))))

    def _recall(self, directory: "_Directory", names: Sequence[str]) -> tuple[int, list[str]]:
        """Take from the cache what it knows; return the bytes of that, and the other names.

        The time of a second run is spent in this loop.
        """
        total = 0
        unknown: list[str] = []
        append, recall, pack = self.records.append, self._known.get, pack_key
        fd, follow, start = directory.fd, directory.follow, os.fsencode(directory.path)
        for name, encoded in zip(names, _encode(names), strict=True):
            try:
                seen = os.stat(name, dir_fd=fd, follow_symlinks=follow)
            except OSError as fault:
                raise unreadable(directory.path + name, fault) from fault
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

    def _read_new(self, directory: "_Directory", names: Sequence[str]) -> int:
        """Read what the cache does not know; return the bytes of that."""
        total = 0
        append, remember, room = self.records.append, self.remember, self._room
        fd, path, follow, start = directory.fd, directory.path, directory.follow, os.fsencode(directory.path)
        for name, encoded in zip(names, _encode(names), strict=True):
            status, digest = read_small(fd, name, path, follow=follow)
            total += status.st_size
            if digest is None:
                self._defer(LargeFile(directory.place, name, path, follow))
                continue
            append(file_record(start + encoded, status, digest))
            if room:
                remember(status, digest)
        return total


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory while its files are read.

    Attributes:
        place: Where it is.
        fd: It, opened.
        path: Its path in the context, empty or ending in `/`.
        follow: Whether the names that are asked for may be links.
    """

    place: Place
    fd: int
    path: str
    follow: bool


@contextlib.contextmanager
def _entered(place: Place, path: str) -> Iterator[int]:
    """Open a directory.

    Raises:
        InputError: It is gone since it was listed.
    """
    try:
        with opened(place) as fd:
            yield fd
    except OSError as fault:
        raise unreadable(path, fault) from fault


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))


def _encode(names: Sequence[str]) -> list[bytes]:
    """Return the names as the file system has them; all at once, since no name holds a zero byte."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []
