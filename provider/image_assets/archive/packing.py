"""Gzip and zstd, recognised by their first bytes and unpacked in bounded memory.

Magic numbers: RFC 1952 section 2.3.1 and RFC 8878 section 3.1.1. A file's name says nothing: `docker save | gzip`
is often called `.tar`, and layers in an archive are always called `layer.tar`.
"""

import io
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO, Protocol, cast

from image_assets.archive.refusal import refuse
from image_assets.archive.stream import CHUNK_BYTES

#: Enough of a file to recognise its packing.
MAGIC_BYTES = 4
#: Real layers pack 2 to 10 times, runs of zeros in gzip 1,030 times: beyond both bounds it is a bomb.
_MAX_RATIO = 200
_ALWAYS_ALLOWED_BYTES = 256 << 20
#: What `zstd -d` accepts without `--long`: 128 MiB; half keeps the whole process small.
_ZSTD_WINDOW_BYTES = 64 << 20


class Packing(Enum):
    """How some content is packed."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTD = "zstd"


_MAGIC = {b"\x1f\x8b": Packing.GZIP, b"\x28\xb5\x2f\xfd": Packing.ZSTD}


class _Reader(Protocol):
    """The part of a file that unpacking needs."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


def packing_of(start: bytes) -> Packing:
    """Recognise content by its first `MAGIC_BYTES`."""
    return next((packing for magic, packing in _MAGIC.items() if start.startswith(magic)), Packing.PLAIN)


def unpacked(packing: Packing, packed: Iterator[bytes], member: str = "") -> Iterator[bytes]:
    """Yield what the packed chunks hold, in chunks of at most `CHUNK_BYTES`.

    Raises:
        ArchiveError: The packing is damaged or truncated, or unpacks to far more than any image does.
    """
    source = _ChunkFile(packed)
    reader = _READERS[packing](source)
    total = 0
    try:
        while chunk := reader.read(CHUNK_BYTES):
            total += len(chunk)
            _check_ratio(source.taken, total, member)
            yield chunk
    except _damages() as error:
        raise refuse(f"its {packing.value} packing is damaged or truncated ({error})", member) from error
    if not total and source.taken:
        # python-zstandard ends quietly inside a frame; a tar cut later is noticed by whoever reads the tar.
        raise refuse(f"its {packing.value} packing is damaged or truncated (nothing comes out)", member)
    if source.read(1):
        raise refuse(f"has bytes after the end of its {packing.value} packing", member)


def _check_ratio(packed: int, total: int, member: str) -> None:
    """Stop a decompression bomb while it is small."""
    if total > max(_ALWAYS_ALLOWED_BYTES, packed * _MAX_RATIO):
        raise refuse(f"unpacks to more than {_MAX_RATIO} times its size: it looks like a decompression bomb", member)


def _gzip(source: "_ChunkFile") -> _Reader:
    """Unpack gzip, several members in a row included, with ISA-L (twice as fast as zlib)."""
    from isal import igzip  # noqa: PLC0415 - start-up stays light

    return cast("_Reader", igzip.IGzipFile(fileobj=cast("BinaryIO", io.BufferedReader(source, CHUNK_BYTES)), mode="rb"))


def _zstd(source: "_ChunkFile") -> _Reader:
    """Unpack zstd, several frames in a row included."""
    import zstandard  # noqa: PLC0415 - start-up stays light

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    return decompressor.stream_reader(cast("BinaryIO", source), read_size=CHUNK_BYTES, read_across_frames=True)


_READERS: dict[Packing, Callable[["_ChunkFile"], _Reader]] = {
    Packing.PLAIN: lambda source: source,
    Packing.GZIP: _gzip,
    Packing.ZSTD: _zstd,
}


def _damages() -> tuple[type[Exception], ...]:
    """Return the errors by which the two libraries report bad data."""
    import zstandard  # noqa: PLC0415 - start-up stays light
    from isal import isal_zlib  # noqa: PLC0415 - start-up stays light

    # isal's stub declares its error class as an instance.
    return EOFError, OSError, cast("type[Exception]", isal_zlib.error), zstandard.ZstdError


class _ChunkFile(io.RawIOBase):
    """Chunks behind the interface of a file, counting what was taken."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.taken = 0

    def readable(self) -> bool:
        """Say yes, as `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs want any Buffer, CPython passes this
        """Fill the buffer as far as the chunk at hand reaches."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        self.taken += size
        return size
