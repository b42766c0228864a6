"""One entry of a context as bytes: what the fingerprint is made of, and what the outline compares.

The layout is part of the fingerprint's format; `fingerprint.py` describes it.
"""

import hashlib
import os
import stat
import struct
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

FILE: Final = b"\0f"
EXECUTABLE: Final = b"\0x"
DIRECTORY: Final = b"\0d"
LINK: Final = b"\0l"
_FIFO: Final = b"\0p"
_CHARACTER_DEVICE: Final = b"\0c"
_BLOCK_DEVICE: Final = b"\0b"
_SIZE = struct.Struct(">Q").pack
_NO_CONTENT: Final = hashlib.sha256().digest()
_DEVICE = struct.Struct(">II").pack


def file_record(path: bytes, status: os.stat_result, digest: bytes) -> bytes:
    """Describe a regular file by its content and its owner's executable bit."""
    return path + (EXECUTABLE if status.st_mode & 0o100 else FILE) + _SIZE(status.st_size) + digest


def directory_record(path: bytes) -> bytes:
    """Describe a directory; `path` without a trailing `/`."""
    return path + DIRECTORY


def link_record(path: bytes, text: bytes) -> bytes:
    """Describe a symbolic link by its text."""
    return path + LINK + text


def emptied_record(path: bytes, status: os.stat_result) -> bytes:
    """Describe a file that reaches the builder without its content."""
    return path + (EXECUTABLE if status.st_mode & 0o100 else FILE) + _SIZE(0) + _NO_CONTENT


def odd_record(path: bytes, status: os.stat_result) -> bytes:
    """Describe a FIFO, a device or a socket; BuildKit makes an empty regular file of the last (fsutil, `stat.go`)."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFIFO:
        return path + _FIFO
    if kind not in (stat.S_IFCHR, stat.S_IFBLK):
        return emptied_record(path, status)
    letter = _CHARACTER_DEVICE if kind == stat.S_IFCHR else _BLOCK_DEVICE
    return path + letter + _DEVICE(os.major(status.st_rdev), os.minor(status.st_rdev))


def holds_file(records: Sequence[bytes], path: bytes, digest: bytes) -> bool:
    """Say whether sorted records hold a regular file of that path and content."""
    start = bisect_left(records, path + b"\0")
    found = records[start] if start < len(records) else b""
    return found.startswith((path + FILE, path + EXECUTABLE)) and found.endswith(digest)
