"""What a fingerprint is made of as lines of text in one order, so that `diff` tells why two machines differ."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from image_assets.context.dockerfile_content import dockerfile_digest
from image_assets.context.faults import blamed_on
from image_assets.context.selection import select
from image_assets.context.spec import ContextSpec
from image_assets.context.whole import read_context
from image_assets.task import Task

_KINDS: Final[Mapping[bytes, str]] = {
    b"f": "file",
    b"x": "executable",
    b"d": "directory",
    b"l": "link",
    b"p": "fifo",
    b"c": "device",
    b"b": "device",
}
_FILES: Final = (b"f", b"x")
_SIZE_BYTES: Final = 8


def canonical_rows(
    options: Sequence[tuple[str, str]], contexts: Mapping[str, ContextSpec], task: Task
) -> Iterator[str]:
    """Yield a line for each option, Dockerfile and entry that counts.

    The fields of a line are parted by tabs: the kind, the name or path as a JSON string, and what counts of it. Two
    lists are equal if and only if the fingerprints are.

    Raises:
        InputError: Something that counts cannot be read.
    """
    for name, value in sorted(options):
        yield _line("option", name, json.dumps(value, ensure_ascii=False))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for context in sorted(contexts):
            prefix = f"{context}://" if context else ""
            with blamed_on(context):
                dockerfile = dockerfile_digest(contexts[context])
                records = read_context(select(contexts[context]), pool, task, None).all_records()
            yield _line("context", prefix, dockerfile.hex() or "-")
            yield from (_record(prefix, record) for record in records)


def _record(prefix: str, record: bytes) -> str:
    path, _, rest = record.partition(b"\0")
    letter, fact = rest[:1], rest[1:]
    if letter in _FILES:
        told = f"{int.from_bytes(fact[:_SIZE_BYTES])} {fact[_SIZE_BYTES:].hex()}"
    elif letter == b"l":
        told = json.dumps(os.fsdecode(fact))
    else:
        told = fact.hex() or "-"
    return _line(_KINDS[letter], prefix + os.fsdecode(path), told)


def _line(kind: str, name: str, told: str) -> str:
    # Names that are not UTF-8 would not print; JSON escapes them.
    return "\t".join((kind, json.dumps(name, ensure_ascii=not name.isprintable()), told))
