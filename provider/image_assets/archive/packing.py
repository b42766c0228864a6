"""Gzip, zstd, xz and bzip2, recognised by their first bytes and unpacked in bounded memory.

These are what `docker load` takes (moby `pkg/archive`, `DetectCompression`). Magic numbers: RFC 1952 section 2.3.1,
RFC 8878 sections 3.1.1 and 3.1.2, the .xz format 1.1 section 2.1.1.1, bzip2's `BZh`. A file's name says nothing:
`docker save | gzip` is often called `.tar`, and layers in an archive are always called `layer.tar`. A tar whose first
member's name begins with a magic number is told by its header's checksum.
"""

import bz2
import io
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO, Protocol, cast

from image_assets.archive.refusal import refuse
from image_assets.archive.stream import CHUNK_BYTES

#: Enough of some content to recognise its packing: one block of a tar.
START_BYTES = tarfile.BLOCKSIZE
#: More than that is unpacked only in proportion to what was really stored: real layers pack 2 to 10 times.
_MOST_RATIO = 200
#: What `zstd -d` takes without `--long`: 128 MiB.
_ZSTD_WINDOW_BYTES = 128 << 20
#: Unpacking what `xz -9` writes takes 65 MiB; a header may ask for 4 GiB.
_XZ_MEMORY_BYTES = 160 << 20


class Packing(Enum):
    """How some content is packed."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTD = "zstd"
    XZ = "xz"
    BZIP2 = "bzip2"

    @property
    def is_sent(self) -> bool:
        """Whether registries and runtimes know layers that are packed so (OCI image spec, "Media Types")."""
        return self in (Packing.GZIP, Packing.ZSTD)


#: What a machine bears to unpack whatever it is: some seconds, in constant memory and without any disk.
_MOST_BYTES = {
    Packing.PLAIN: 1 << 63,
    Packing.GZIP: 8 << 30,
    Packing.ZSTD: 8 << 30,
    Packing.XZ: 2 << 30,
    Packing.BZIP2: 2 << 30,
}

_MAGIC = (
    (re.compile(rb"\x1f\x8b"), Packing.GZIP),
    # The second is a skippable frame, with which pzstd and others begin.
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), Packing.ZSTD),
    (re.compile(rb"\xfd7zXZ\x00"), Packing.XZ),
    (re.compile(rb"BZh[1-9]"), Packing.BZIP2),
)


class _Reader(Protocol):
    """The part of a file that unpacking needs."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


def packing_of(start: bytes) -> Packing:
    """Recognise content by its first `START_BYTES`."""
    if is_tar_header(start):
        return Packing.PLAIN
    return next((packing for magic, packing in _MAGIC if magic.match(start)), Packing.PLAIN)


def is_tar_header(start: bytes) -> bool:
    """Say whether content begins with a tar's header, whose checksum is right."""
    try:
        tarfile.TarInfo.frombuf(start[:START_BYTES], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def unpacked(
    packing: Packing, packed: Iterator[bytes], member: str = "", most_bytes: int | None = None
) -> Iterator[bytes]:
    """Yield what the packed chunks hold, in chunks of at most `CHUNK_BYTES`.

    Args:
        packing: How they are packed.
        packed: The chunks.
        member: What messages call the content.
        most_bytes: How much may come out, whatever went in, if not the usual; beyond it, only in proportion to that.

    Raises:
        ArchiveError: The packing is damaged or truncated, needs too much memory, or unpacks to far more than any image.
    """
    most_bytes = most_bytes or _MOST_BYTES[packing]
    source = _ChunkFile(packed)
    reader = _READERS[packing](source)
    total = 0
    try:
        while chunk := reader.read(CHUNK_BYTES):
            total += len(chunk)
            if total > max(most_bytes, source.taken * _MOST_RATIO):
                raise refuse(
                    f"unpacks from {source.taken:,} to more than {most_bytes:,} bytes: it looks like a bomb", member
                )
            yield chunk
    except _damages() as error:
        raise refuse(f"its {packing.value} packing is damaged, truncated or too large ({error})", member) from error
    if not total and source.taken:
        # python-zstandard ends quietly inside a frame; a tar cut later is noticed by whoever reads the tar.
        raise refuse(f"its {packing.value} packing is damaged or truncated (nothing comes out)", member)
    if source.read(1):
        raise refuse(f"has bytes after the end of its {packing.value} packing", member)


def _gzip(source: "_ChunkFile") -> _Reader:
    """Unpack gzip, several members in a row included, with ISA-L (twice as fast as zlib)."""
    from isal import igzip  # noqa: PLC0415 - start-up stays light

    return cast("_Reader", igzip.IGzipFile(fileobj=cast("BinaryIO", io.BufferedReader(source, CHUNK_BYTES)), mode="rb"))


def _zstd(source: "_ChunkFile") -> _Reader:
    """Unpack zstd, several frames in a row included."""
    import zstandard  # noqa: PLC0415 - start-up stays light

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    return decompressor.stream_reader(cast("BinaryIO", source), read_size=CHUNK_BYTES, read_across_frames=True)


def _xz(source: "_ChunkFile") -> _Reader:
    """Unpack xz, several streams in a row and the zeros between them included."""
    return _Streams(source, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY_BYTES), padding=b"\0")


def _bzip2(source: "_ChunkFile") -> _Reader:
    """Unpack bzip2, several streams in a row included."""
    return _Streams(source, bz2.BZ2Decompressor)


_READERS: dict[Packing, Callable[["_ChunkFile"], _Reader]] = {
    Packing.PLAIN: lambda source: source,
    Packing.GZIP: _gzip,
    Packing.ZSTD: _zstd,
    Packing.XZ: _xz,
    Packing.BZIP2: _bzip2,
}


def _damages() -> tuple[type[Exception], ...]:
    """Return the errors by which the libraries report bad data."""
    import zstandard  # noqa: PLC0415 - start-up stays light
    from isal import isal_zlib  # noqa: PLC0415 - start-up stays light

    # isal's stub declares its error class as an instance.
    isal_error = cast("type[Exception]", isal_zlib.error)
    return EOFError, OSError, isal_error, lzma.LZMAError, zstandard.ZstdError


class _Decompressor(Protocol):
    """What `lzma` and `bz2` have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream is reached."""

    @property
    def needs_input(self) -> bool:
        """Whether more must go in before more comes out."""

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Put something in, and take out what is ready."""


class _Streams:
    """Streams one after the other, each with a decompressor of its own; what comes out at once is bounded."""

    def __init__(self, source: "_ChunkFile", new: Callable[[], _Decompressor], padding: bytes = b"") -> None:
        self._source = source
        self._new = new
        self._padding = padding
        self._decompressor = new()
        self._pending = b""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while not self._decompressor.eof or self._begin_next():
            if found := self._decompressor.decompress(self._packed(), size):
                return found
        return b""

    def _packed(self) -> bytes:
        """Return what the decompressor needs next."""
        packed, self._pending = self._pending, b""
        if packed or not self._decompressor.needs_input:
            return packed
        if not (packed := self._source.read(CHUNK_BYTES)):
            raise EOFError("it ends in the middle of a stream")
        return packed

    def _begin_next(self) -> bool:
        """Begin with the stream after the one that ended; say whether there is one."""
        rest = self._decompressor.unused_data.lstrip(self._padding)
        while not rest and (packed := self._source.read(CHUNK_BYTES)):
            rest = packed.lstrip(self._padding)
        if rest:
            self._decompressor, self._pending = self._new(), rest
        return bool(rest)


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
