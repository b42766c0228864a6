"""The outline: a bounded table of what a fingerprint is of, so that a preview can say what changed (R40).

A row is an entry under its path; a directory's path ends in `/`. A row's digest is the CRC-32 of the entry's record in
hex. A directory whose entries have no rows of their own has the sum of the squares of its own and all below (modulo
2**64). So two outlines that collapse different directories can still be compared: the squares of a directory's rows add
up to its one row. They are squares since CRC-32 is linear: two files that swap their contents may leave the sum alone.

The rows of a named context begin with its name and `://`, which no path holds.
"""

import os
import zlib
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from operator import mul
from typing import Final

from image_assets.context.faults import shown
from image_assets.context.records import directory_record
from image_assets.frozen import dataclass

LIMIT: Final = 1000
"""The most rows an outline has."""
ROOT: Final = "./"
"""The row of a context whose root alone holds too many entries."""
DOCKERFILE_ROW: Final = "(Dockerfile)"
"""The row of a Dockerfile that no other row is of: it is ignored, lies outside the context, or is behind a link."""
CONTEXT_END: Final = "://"
"""What follows a named context's name in a row."""
_LONGEST: Final = 512
"""A directory with a longer path, in bytes, is never opened: the rows of a very deep tree would be megabytes."""
_SHOWN: Final = 5
_MODULUS: Final = 1 << 64
_AFTER_SLASH: Final = b"0"
"""The byte that follows `/`: all paths below `a/` sort before `a0`."""


@dataclass
class _Row:
    """An entry, and the run of sorted records that lie below it."""

    own: int = 0
    start: int = 0
    end: int = 0

    def total(self, records: Sequence[bytes]) -> int:
        """Return the row's digest."""
        return self.own**2 + _squares(records[self.start : self.end]) if self.end else self.own


def _squares(records: Sequence[bytes]) -> int:
    digests = list(map(zlib.crc32, records))
    return sum(map(mul, digests, digests))


def outline(records: Sequence[bytes], limit: int = LIMIT) -> dict[str, str]:
    """Return the outline of sorted records: directories are opened from the top down, small ones first."""
    rows = _children(records, b"", 0, len(records), limit)
    if rows is None:
        return {ROOT: _digest(_squares(records))}
    level = dict(rows)
    while level:
        level = _open_level(records, rows, level, limit)
    return {_text(path): _digest(row.total(records)) for path, row in rows.items()}


def _open_level(
    records: Sequence[bytes], rows: dict[bytes, _Row], level: Mapping[bytes, _Row], limit: int
) -> dict[bytes, _Row]:
    """Give the entries below one level's directories their own rows, where they fit; return those new rows."""
    found = [
        (path, row, children)
        for path, row in level.items()
        if row.end
        and len(path) <= _LONGEST
        and (children := _children(records, path, row.start, row.end, limit - len(rows))) is not None
    ]
    opened: dict[bytes, _Row] = {}
    for path, row, children in sorted(found, key=lambda one: (len(one[2]), one[0])):
        if len(rows) + len(opened) + len(children) <= limit:
            rows[path] = _Row(row.own)
            opened |= children
    rows |= opened
    return opened


def _children(
    records: Sequence[bytes], directory: bytes, position: int, end: int, most: int
) -> dict[bytes, _Row] | None:
    """Return the rows right below a directory (empty or ending in `/`); None if there are more than `most`."""
    rows: dict[bytes, _Row] = {}
    while position < end:
        record = records[position]
        path = record[: record.index(b"\0")]
        slash = path.find(b"/", len(directory))
        if slash >= 0:
            row = rows.setdefault(path[: slash + 1], _Row())
            row.start, row.end = position, bisect_left(records, path[:slash] + _AFTER_SLASH, position, end)
            position = row.end
        else:
            is_directory = record[len(path) :] == b"\0d"
            rows.setdefault(path + b"/" if is_directory else path, _Row()).own = zlib.crc32(record)
            position += 1
        if len(rows) > most:
            return None
    return rows


def _text(path: bytes) -> str:
    """Show a path as text that any JSON can hold."""
    return shown(os.fsdecode(path))


def _digest(value: int) -> str:
    return f"{value % _MODULUS:x}"


@dataclass(frozen=True)
class ChangedPaths:
    """What differs between two outlines; a path that ends in `/` stands for a directory and all below.

    Attributes:
        added: Paths that only the new one has.
        removed: Paths that only the old one has.
        changed: Paths of which the entry, or something below, differs.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Show the first few and a count: `~ a.py, + b.py and 12 more`."""
        marked = {"~": self.changed, "+": self.added, "-": self.removed}
        every = [f"{mark} {path}" for mark, paths in marked.items() for path in paths]
        rest = f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else ""
        return ", ".join(every[:_SHOWN]) + rest


def describe_change(old: Mapping[str, str], new: Mapping[str, str]) -> ChangedPaths:
    """Say which paths differ between two outlines; what either side has collapsed counts as one."""
    closed = _closed(old) | _closed(new)
    before, after = _summed(old, closed), _summed(new, closed)
    common = before.keys() & after.keys()
    return ChangedPaths(
        added=tuple(sorted(after.keys() - common)),
        removed=tuple(sorted(before.keys() - common)),
        changed=tuple(sorted(path for path in common if before[path] != after[path])),
    )


def _closed(rows: Mapping[str, str]) -> set[str]:
    """Return the directories whose entries have no rows of their own."""
    opened = {parent for path in rows for parent in _above(path)}
    return {path for path in rows if path.endswith("/") and path not in opened and not _is_empty(path, rows[path])}


def _is_empty(path: str, digest: str) -> bool:
    record = directory_record(os.fsencode(path.rpartition(CONTEXT_END)[2][:-1]))
    return digest == _digest(zlib.crc32(record))


def _above(path: str) -> list[str]:
    """Return the rows that a row may be collapsed into, from the top."""
    if path == DOCKERFILE_ROW:
        return []
    context, separator, inside = path.rpartition(CONTEXT_END)
    ends = [end for end, character in enumerate(inside[:-1], 1) if character == "/"]
    return [context + separator + above for above in (ROOT, *(inside[:end] for end in ends)) if above != inside]


def _summed(rows: Mapping[str, str], closed: Collection[str]) -> dict[str, int]:
    """Return the rows' digests as they are in a sum; those that lie in a closed directory are added up."""
    collapsed = _closed(rows)
    sums: dict[str, int] = {}
    for path, digest in rows.items():
        value = int(digest, 16) if path in collapsed else int(digest, 16) ** 2
        holder = next((above for above in _above(path) if above in closed), path)
        sums[holder] = (sums.get(holder, 0) + value) % _MODULUS
    return sums
