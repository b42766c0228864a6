"""The digest cache: SHA-256 of files that have not changed since they were last read.

A file is known by device, inode, size, mtime and ctime in nanoseconds. ctime is what makes it safe: a program can set
mtime back, and write as many bytes as before, but it cannot set ctime back. A file that changed less than two seconds
before it was read is not remembered: it could change again without a new time stamp (the coarsest file system, FAT,
counts in two seconds).

The cache is one file, `digests` in the user's cache directory: the line `image-assets digests 1`, records of 72 bytes
(five big-endian 64-bit numbers, then the digest), and the SHA-256 of all that. A file that is not exactly so, be it
cut short or from another version, counts as empty. It is replaced as a whole, so a kill leaves the old or the new one.
"""

import contextlib
import hashlib
import os
import struct
import threading
import time
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Final

_MAGIC: Final = b"image-assets digests 1\n"
_RECORD: Final = struct.Struct("40s32s")
_CHECKSUM_SIZE: Final = 32
_SETTLED: Final = 2_000_000_000
"""In nanoseconds: how long ago a file must have changed to be remembered."""
_SAVE_INTERVAL: Final = 1.0
_ABANDONED: Final = 3600.0
LIMIT: Final = 300_000
"""The most files that are remembered: 22 MB on disk, about 75 MB in memory."""

SIZE_IN_KEY: Final = slice(16, 24)
"""Where a key holds the size, in the form that the fingerprint's records have it."""

pack_key: Final = struct.Struct(">QQQqq").pack
"""Makes a key of device, inode, size, and mtime and ctime in nanoseconds."""


def key_of(status: os.stat_result) -> bytes:
    """Return what a file is known by."""
    return pack_key(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class DigestCache:
    """The digests of one user's files; for any number of threads. Every fault of its file means an empty cache.

    Args:
        path: The file; it need not exist, and may be deleted at any time.
        limit: How many digests are kept; the oldest go first.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self.limit = limit
        self._lock = threading.Lock()
        self._known: dict[bytes, bytes] | None = None
        self._added: dict[bytes, bytes] = {}
        self._saved = float("-inf")

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> "DigestCache | None":
        """Return the user's cache; None for a user without a home (XDG Base Directory Specification)."""
        home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", ""), ".cache")  # noqa: PTH118 - text
        return cls(Path(home) / "image-assets" / "digests") if os.path.isabs(home) else None  # noqa: PTH117 - text

    def is_inside(self, root: str) -> bool:
        """Say whether the cache's file lies in a directory, of which no link is left to resolve."""
        return os.path.realpath(self.path).startswith(root.rstrip("/") + "/")

    def known(self) -> Mapping[bytes, bytes]:
        """Return all digests by `key_of`; the file is read once."""
        with self._lock:
            if self._known is None:
                self._known = _load(self.path)
            return self._known

    def add(self, found: Mapping[bytes, bytes]) -> None:
        """Remember digests, and write them down now and then."""
        with self._lock:
            self._added |= found
            if self._known is not None:
                self._known |= found
            if self._added and time.monotonic() - self._saved > _SAVE_INTERVAL:
                self._save()

    def _save(self) -> None:
        """Write the file anew, with what other processes have added meanwhile."""
        merged = _load(self.path)
        merged.update(self._added)
        for key in list(islice(merged, max(0, len(merged) - self.limit))):
            del merged[key]
        with contextlib.suppress(OSError):
            _store(self.path, b"".join([_MAGIC, *chain.from_iterable(merged.items())]))
        self._known = merged
        self._added = {}
        self._saved = time.monotonic()


def is_settled(status: os.stat_result, now: int) -> bool:
    """Say whether a file read after `now` (`time.time_ns`) can be told from a later state of it."""
    return max(status.st_mtime_ns, status.st_ctime_ns) < now - _SETTLED


def _load(path: Path) -> dict[bytes, bytes]:
    try:
        content = path.read_bytes() if path.is_file() else b""
    except OSError:
        return {}
    body = memoryview(content)[: -_CHECKSUM_SIZE or None]
    records = body[len(_MAGIC) :]
    if not content.startswith(_MAGIC) or len(records) % _RECORD.size:
        return {}
    if hashlib.sha256(body).digest() != content[-_CHECKSUM_SIZE:]:
        return {}
    return dict(_RECORD.iter_unpack(records))


def _store(path: Path, content: bytes) -> None:
    import tempfile  # noqa: PLC0415 - with what it needs 3 ms of every start; most runs find nothing to store

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(path.parent)
    fd, temporary = tempfile.mkstemp(prefix="digests.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.write(hashlib.sha256(content).digest())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sweep(directory: Path) -> None:
    """Delete what a killed process left unfinished."""
    for left in directory.glob("digests.*.new"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - _ABANDONED:
                left.unlink()
