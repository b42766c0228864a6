"""Layers are compressed by several threads, and always to the same bytes."""

import gzip
import os
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_assets.transfer.compress import blocks, compressed

MIB = 1 << 20


def cut(content: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start, at = [], 0, 0
    while start < len(content):
        pieces.append(content[start : start + sizes[at % len(sizes)]])
        start, at = start + sizes[at % len(sizes)], at + 1
    return pieces


CONTENT = random.Random(1).randbytes(MIB) + b"words that repeat " * 200_000 + bytes(3 * MIB) + b"end"


@pytest.mark.parametrize(
    "content", [b"", b"a", bytes(MIB), bytes(MIB + 1), CONTENT], ids=["none", "one", "a", "b", "c"]
)
def test_any_reader_of_gzip_gets_the_content_back(content: bytes) -> None:
    packed = b"".join(compressed(iter([content] if content else [])))
    assert gzip.decompress(packed) == content
    assert zlib.decompressobj(31).decompress(packed) == content


@pytest.mark.parametrize("sizes", [[MIB], [7, 900_001], [3 * MIB + 5], [65_536]])
def test_how_the_content_comes_in_does_not_change_the_bytes(sizes: list[int]) -> None:
    assert b"".join(compressed(iter(cut(CONTENT, sizes)))) == b"".join(compressed(iter([CONTENT])))


def test_the_header_has_no_time_and_no_name() -> None:
    assert b"".join(compressed(iter([b"x"])))[:10] == b"\x1f\x8b\x08\0\0\0\0\0\x04\xff"


def test_blocks_refer_to_the_ones_before_them() -> None:
    """Cutting must cost next to nothing: each block has the end of the one before as its dictionary."""
    noise = os.urandom(20_000)
    packed = b"".join(compressed(iter([bytes(MIB - len(noise)) + noise + noise + bytes(MIB - len(noise))])))
    assert len(packed) < 20_000 + 12_000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 50))
def test_blocks_keep_content_and_length(chunks: list[bytes], size: int) -> None:
    made = list(blocks(iter(chunks), size))
    assert b"".join(made) == b"".join(chunks)
    assert all(len(block) == size for block in made[:-1])
    assert all(made)
