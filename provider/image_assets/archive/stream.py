"""The bytes of a tar as something that is read forwards: a file by offset, or chunks that arrive once."""

import os
from collections.abc import Iterator
from typing import Protocol

from image_assets.archive.memo import Key, key_of
from image_assets.archive.refusal import refuse

#: One read of content: large enough that a system call costs nothing beside hashing, small enough to stay in cache.
CHUNK_BYTES = 1 << 20


class TarBytes(Protocol):
    """The (decompressed) bytes of a tar, read from front to back."""

    position: int

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer if the tar ends there."""

    def skip_to(self, offset: int) -> None:
        """Go forwards to `offset`, which may lie beyond the end."""


class FileBytes:
    """A plain tar file: skipping costs nothing, and `pread` leaves no shared offset between threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.position = 0

    def key(self) -> Key | None:
        """Return what tells whether the file is still the same."""
        return key_of(self._descriptor)

    def read(self, size: int) -> bytes:
        """Return the next bytes of the file."""
        data = os.pread(self._descriptor, size, self.position)
        self.position += len(data)
        return data

    def skip_to(self, offset: int) -> None:
        """Go to `offset`.

        Raises:
            ArchiveError: The file ends before it.
        """
        if offset > self.size:
            raise truncated(self.size)
        self.position = offset

    def range(self, offset: int, size: int) -> Iterator[bytes]:
        """Read one part of the file in chunks; several threads may do so at once.

        Raises:
            ArchiveError: The file became shorter meanwhile.
        """
        end = offset + size
        while offset < end:
            data = os.pread(self._descriptor, min(CHUNK_BYTES, end - offset), offset)
            if not data:
                raise truncated(offset)
            offset += len(data)
            yield data


class ChunkBytes:
    """A tar that arrives in chunks, once: a decompressed file, or what `docker save` writes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end."""
        parts = []
        while size > 0 and self._fill():
            part = self._rest[:size]
            parts.append(part)
            size -= len(part)
            self._advance(len(part))
        return b"".join(parts)

    def skip_to(self, offset: int) -> None:
        """Read and drop everything before `offset`.

        Raises:
            ArchiveError: The tar ends before it.
        """
        while self.position < offset:
            if not self._fill():
                raise truncated(self.position)
            self._advance(min(len(self._rest), offset - self.position))

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the next `size` bytes in the chunks they came in.

        Raises:
            ArchiveError: The tar ends before that.
        """
        while size > 0:
            if not self._fill():
                raise truncated(self.position)
            part = bytes(self._rest[:size])
            self._advance(len(part))
            size -= len(part)
            yield part

    def drain(self) -> None:
        """Read to the end, so that whoever writes the other side of a pipe can finish."""
        while self._fill():
            self._advance(len(self._rest))

    def _fill(self) -> bool:
        """Make sure that at least one byte is at hand, unless the end is reached."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = memoryview(chunk)
        return True

    def _advance(self, size: int) -> None:
        """Take bytes off the front."""
        self._rest = self._rest[size:]
        self.position += size


def truncated(position: int) -> Exception:
    """Make the error of a tar that ends too early."""
    return refuse(f"is truncated: it ends at byte {position:,} of the tar, in the middle of a member")
