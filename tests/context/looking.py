"""A context's entries as the fingerprint counts them, in the form in which a BuildKit's are read back."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from image_assets.context import ContextSpec, Fingerprint, fingerprint
from image_assets.context.selection import select
from image_assets.context.whole import read_context
from image_assets.task import Task
from tests.context.buildkit import Entry

_KINDS = {"p": "fifo", "c": "device", "b": "device"}


def fingerprint_of(spec: ContextSpec) -> Fingerprint:
    """Take the fingerprint of one context alone."""
    return fingerprint((), {"": spec}, Task(), None)


def digest_of(root: Path) -> str:
    """Return the digest of a directory under its own ignore file."""
    return fingerprint_of(ContextSpec(root)).digest


def counted(spec: ContextSpec) -> dict[str, Entry]:
    """Return the entries that count, by path; directories end in `/`."""
    with ThreadPoolExecutor(1) as pool:
        reading = read_context(select(spec), pool, Task(), None)
    return dict(map(_entry, reading.all_records()))


def _entry(record: bytes) -> tuple[str, Entry]:
    name, _, rest = record.partition(b"\0")
    path, kind, payload = os.fsdecode(name), chr(rest[0]), rest[1:]
    if kind in "fx":
        return path, ("file", payload[8:].hex(), "x" if kind == "x" else "-")
    if kind == "l":
        return path, ("link", os.fsdecode(payload))
    return (path + "/", ("directory",)) if kind == "d" else (path, (_KINDS[kind],))


def content_of(text: bytes, *, executable: bool = False) -> Entry:
    """Return the entry of a file with that content."""
    return "file", hashlib.sha256(text).hexdigest(), "x" if executable else "-"
