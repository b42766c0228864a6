"""What packers write is unpacked: several streams, padding, skippable frames, wide windows, long runs of zeros."""

import bz2
import gzip
import lzma
import random
import tarfile
from collections.abc import Callable

import pytest
import zstandard

from image_assets.archive.packing import Packing, packing_of, unpacked
from image_assets.errors import ArchiveError
from tests.fakes.images import tar_of

PLAIN = tar_of({"noise": random.Random(2).randbytes(3_000_000), "text": b"text" * 100_000})
HALF = len(PLAIN) // 2
Pack = Callable[[bytes], bytes]


def skippable(content: bytes = b"note") -> bytes:
    return b"\x5e\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


def windowed(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=log, compression_level=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(PLAIN) + packer.flush()


def both(pack: Pack, between: bytes = b"") -> bytes:
    return pack(PLAIN[:HALF]) + between + pack(PLAIN[HALF:])


PACKED: dict[str, tuple[Callable[[], bytes], Packing]] = {
    "gzip": (lambda: gzip.compress(PLAIN, 1), Packing.GZIP),
    "two gzip members": (lambda: both(gzip.compress), Packing.GZIP),
    "zstd": (lambda: zstandard.compress(PLAIN), Packing.ZSTD),
    "two zstd frames": (lambda: both(zstandard.compress), Packing.ZSTD),
    "skippable first": (lambda: skippable() + zstandard.compress(PLAIN), Packing.ZSTD),
    "skippable everywhere": (
        lambda: skippable() + both(zstandard.compress, skippable(b"")) + skippable(),
        Packing.ZSTD,
    ),
    "zstd window of 128 MiB": (lambda: windowed(27), Packing.ZSTD),
    "xz": (lambda: lzma.compress(PLAIN, preset=0), Packing.XZ),
    "two xz streams": (lambda: both(lambda one: lzma.compress(one, preset=0)), Packing.XZ),
    "padded xz": (lambda: both(lambda one: lzma.compress(one, preset=0), bytes(8)) + bytes(4), Packing.XZ),
    "xz -9": (lambda: lzma.compress(PLAIN, preset=9), Packing.XZ),
    "bzip2": (lambda: bz2.compress(PLAIN), Packing.BZIP2),
    "two bzip2 streams": (lambda: both(bz2.compress), Packing.BZIP2),
}


@pytest.mark.parametrize("case", PACKED)
@pytest.mark.parametrize("piece", [997, 1 << 20])
def test_what_packers_write_is_unpacked(case: str, piece: int) -> None:
    make, packing = PACKED[case]
    content = make()
    assert packing_of(content) is packing
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    assert b"".join(unpacked(packing, pieces)) == PLAIN


@pytest.mark.parametrize("pack", [lambda plain: gzip.compress(plain, 1), zstandard.compress])
def test_a_layer_with_300_mib_of_zeros_is_valid(pack: Pack) -> None:
    content = pack(bytes(300 << 20))
    assert sum(map(len, unpacked(packing_of(content), iter((content,))))) == 300 << 20


def test_a_wider_window_than_zstd_takes_is_refused() -> None:
    with pytest.raises(ArchiveError, match="too large"):
        list(unpacked(Packing.ZSTD, iter((windowed(28),))))


@pytest.mark.parametrize("name", ["\x1f\udc8b", "BZh9", "^*M\x18", "(\udcb5/\udcfd", "\udcfd7zXZ"])
def test_a_tar_is_no_packing_whatever_its_first_name(name: str) -> None:
    start = tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    assert packing_of(start) is Packing.PLAIN
