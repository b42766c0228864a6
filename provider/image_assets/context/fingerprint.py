"""The fingerprint: SHA-256 over what the builder receives, by a rule that another program could follow.

Format `image-assets fingerprint 1`. All integers are unsigned and big-endian; *text* is a u32 length and that many
bytes (UTF-8; a path's bytes are the file system's). The hashed sequence is, with nothing between its parts:

1. text: the format's name, `image-assets fingerprint 1`.
2. u32: how many options; then each option, sorted by (name, value) as bytes: text name, text value.
3. u32: how many contexts; then each, sorted by name as bytes (the main one's name is empty):
   a. text: its name.
   b. text: the SHA-256 (32 bytes) of the Dockerfile's content, or empty if there is none or it does not count.
   c. u32: how many entries; a u32 length of each; then each *entry* itself; both sorted by the entries' bytes.

An *entry* is the path from the context's root, `/`-separated and without one at either end, a zero byte, a letter, and:

| letter | for | what follows |
| --- | --- | --- |
| `f` | regular file | u64 size, then the SHA-256 (32 bytes) of its content |
| `x` | regular file with its owner's executable bit (0o100) set, as git records it | the same |
| `d` | directory | nothing |
| `l` | symbolic link | its text |
| `p` | FIFO | nothing |
| `c`, `b` | character, block device | u32 major number, u32 minor number |

A socket is what BuildKit makes of it, an empty regular file; so is a file that BuildKit sends without its content (see
`ignore/docker.py`).

Nothing else is in it: no other mode bit, no owner, no time, no extended attribute, no absolute path, no ignore pattern.
"""

import hashlib
import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from image_assets.context.digests import DigestCache
from image_assets.context.dockerfile_content import dockerfile_digest
from image_assets.context.faults import blamed_on
from image_assets.context.outline import CONTEXT_END, DOCKERFILE_ROW, LIMIT, outline
from image_assets.context.reader import Reading
from image_assets.context.records import holds_file
from image_assets.context.selection import Selection, select
from image_assets.context.spec import ContextSpec
from image_assets.context.warnings import changing_directories, emptied_files, heavy_directories
from image_assets.context.whole import read_context
from image_assets.task import Task

FORMAT: Final = b"image-assets fingerprint 1"
_COUNT: Final = struct.Struct(">I").pack
_BATCH: Final = 4096


@dataclass(frozen=True)
class Fingerprint:
    """The identity of an image's source.

    Attributes:
        digest: 64 hexadecimal digits.
        outline: Path to short digest, at most 1,000 rows; rows of a named context start with its name and `:`.
        files: How many regular files were read.
        bytes: Their sizes together.
        seconds: How long it took.
        notices: What the user should know, as warnings.
        remarks: What the user may want to know.
    """

    digest: str
    outline: Mapping[str, str]
    files: int
    bytes: int
    seconds: float
    notices: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """What one context adds."""

    name: str
    dockerfile: bytes
    rows: Mapping[str, str]
    records: Sequence[bytes]
    reading: Reading
    notices: tuple[str, ...]
    remarks: tuple[str, ...]


def fingerprint(
    options: Sequence[tuple[str, str]], contexts: Mapping[str, ContextSpec], task: Task, cache: DigestCache | None
) -> Fingerprint:
    """Compute the fingerprint; safe to call from several threads at once.

    Args:
        options: The inputs that count, as name and text; their order does not.
        contexts: The main context under the empty name, the named ones under theirs.
        task: Can cancel; receives nothing else.
        cache: Knows files that have not changed since they were read; None to read all.

    Raises:
        InputError: A directory, Dockerfile, ignore pattern or entry is wrong or cannot be read.
    """
    begun = time.perf_counter()
    limit = LIMIT // max(1, len(contexts))
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def read(selection: Selection) -> Reading:
            return read_context(selection, pool, task, _usable(cache, selection))

        parts = [_part(name, contexts[name], read, limit) for name in sorted(contexts, key=_utf8)]
    return Fingerprint(
        digest=_digest(options, parts),
        outline={path: digest for part in parts for path, digest in part.rows.items()},
        files=sum(part.reading.files for part in parts),
        bytes=sum(part.reading.size for part in parts),
        seconds=time.perf_counter() - begun,
        notices=tuple(notice for part in parts for notice in part.notices),
        remarks=tuple(remark for part in parts for remark in part.remarks),
    )


def _part(name: str, spec: ContextSpec, read: Callable[[Selection], Reading], limit: int) -> _Part:
    with blamed_on(name):
        dockerfile = dockerfile_digest(spec)
        selection = select(spec)
        reading = read(selection)
    records = reading.all_records()
    rows = outline(records, limit - 1)
    if dockerfile and not _is_entry(spec, records, dockerfile):
        rows[DOCKERFILE_ROW] = dockerfile.hex()[:8]
    prefix = name + CONTEXT_END if name else ""
    return _Part(
        name,
        dockerfile,
        {prefix + path: digest for path, digest in rows.items()},
        records,
        reading,
        (
            *selection.scope.notices,
            *heavy_directories(reading.weights),
            *emptied_files(reading.emptied),
            *changing_directories(name, reading.directories, records),
        ),
        selection.scope.remarks,
    )


def _usable(cache: DigestCache | None, selection: Selection) -> DigestCache | None:
    """Do without a cache that lies in the context: to write it would change what is hashed."""
    return None if cache is not None and cache.is_inside(selection.root) else cache


def _is_entry(spec: ContextSpec, records: Sequence[bytes], dockerfile: bytes) -> bool:
    """Say whether the Dockerfile's content is that of one of the context's entries."""
    if spec.dockerfile is None:
        return False
    path = os.path.relpath(spec.dockerfile, spec.root).replace(os.sep, "/")
    return holds_file(records, os.fsencode(path), dockerfile)


def _digest(options: Sequence[tuple[str, str]], parts: Sequence[_Part]) -> str:
    digest = hashlib.sha256(_text(FORMAT) + _COUNT(len(options)))
    for option in sorted((_utf8(name), _utf8(value)) for name, value in options):
        digest.update(b"".join(map(_text, option)))
    digest.update(_COUNT(len(parts)))
    for part in parts:
        records = part.records
        digest.update(_text(_utf8(part.name)) + _text(part.dockerfile) + _COUNT(len(records)))
        digest.update(struct.pack(f">{len(records)}I", *map(len, records)))
        for start in range(0, len(records), _BATCH):
            digest.update(b"".join(records[start : start + _BATCH]))
    return digest.hexdigest()


def _text(content: bytes) -> bytes:
    return _COUNT(len(content)) + content


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
