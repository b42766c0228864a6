"""Remembering the headers of packed archives, so that one update does not unpack the same file four times.

A file counts as the same while its inode, length and times are: writing to it changes its ctime, which no program can
set. A file that changed a moment ago is not remembered, because a clock tick may hide a second change.
"""

import os
import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

#: Nanoseconds: file systems with coarse times round to two seconds.
_SETTLED = 2_000_000_000
#: Archives at once; each takes some kilobytes, at most 32 MiB.
_MOST = 8

T = TypeVar("T")
Key = tuple[int, ...]


class Memo(Generic[T]):
    """Values by file; safe to use from many threads."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key | None) -> T | None:
        """Return what is remembered of a file."""
        with self._lock:
            return self._values.get(key) if key else None

    def put(self, key: Key | None, value: T) -> None:
        """Remember something of a file; the oldest goes when there are too many."""
        if key:
            with self._lock:
                self._values[key] = value
                while len(self._values) > _MOST:
                    self._values.popitem(last=False)


def key_of(descriptor: int) -> Key | None:
    """Return what tells whether an open file is still the same; None if it changed too lately to tell."""
    status = os.fstat(descriptor)
    if time.time_ns() - max(status.st_ctime_ns, status.st_mtime_ns) < _SETTLED:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
