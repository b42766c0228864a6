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
from dataclasses import field
from functools import cached_property
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
from image_assets.frozen import dataclass
from image_assets.task import Task

FORMAT: Final = b"image-assets fingerprint 1"
_COUNT: Final = struct.Struct(">I").pack
_BATCH: Final = 4096


@dataclass(frozen=True)
class Fingerprint:
    """The identity of an image's source.

    Attributes:
        digest: 64 hexadecimal digits.
        files: How many regular files were read.
        bytes: Their sizes together.
        seconds: How long it took.
        notices: What the user should know, as warnings.
        remarks: What the user may want to know.
        parts: What it is of.
    """

    digest: str
    files: int
    bytes: int
    seconds: float
    notices: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    parts: "tuple[Part, ...]" = field(default=(), repr=False)

    @cached_property
    def outline(self) -> Mapping[str, str]:
        """Path to short digest, at most 1,000 rows; made when asked for, as it takes as long as a second reading."""
        limit = LIMIT // max(1, len(self.parts))
        return {path: digest for part in self.parts for path, digest in part.rows(limit).items()}


@dataclass(frozen=True)
class Part:
    """What one context adds.

    Attributes:
        name: The context's name.
        spec: How it is read.
        dockerfile: The digest of the Dockerfile's content, empty if it does not count.
        records: Those of all entries, sorted.
        reading: What was read.
        notices: See `Fingerprint`.
        remarks: See `Fingerprint`.
    """

    name: str
    spec: ContextSpec
    dockerfile: bytes
    records: Sequence[bytes]
    reading: Reading
    notices: tuple[str, ...]
    remarks: tuple[str, ...]

    def rows(self, limit: int) -> dict[str, str]:
        """Return its rows of the outline, not more than the limit; a named context's begin with its name."""
        rows = outline(self.records, limit - 1)
        if self.dockerfile and not _is_entry(self.spec, self.records, self.dockerfile):
            rows[DOCKERFILE_ROW] = self.dockerfile.hex()[:8]
        prefix = self.name + CONTEXT_END if self.name else ""
        return {prefix + path: digest for path, digest in rows.items()} if prefix else rows


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
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def read(selection: Selection) -> Reading:
            return read_context(selection, pool, task, _usable(cache, selection))

        parts = tuple(_part(name, contexts[name], read) for name in sorted(contexts, key=_utf8))
    return Fingerprint(
        digest=_digest(options, parts),
        files=sum(part.reading.files for part in parts),
        bytes=sum(part.reading.size for part in parts),
        seconds=time.perf_counter() - begun,
        notices=tuple(notice for part in parts for notice in part.notices),
        remarks=tuple(remark for part in parts for remark in part.remarks),
        parts=parts,
    )


def _part(name: str, spec: ContextSpec, read: Callable[[Selection], Reading]) -> Part:
    with blamed_on(name):
        dockerfile = dockerfile_digest(spec)
        selection = select(spec)
        reading = read(selection)
    records = reading.all_records()
    return Part(
        name,
        spec,
        dockerfile,
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


def _digest(options: Sequence[tuple[str, str]], parts: Sequence[Part]) -> str:
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
