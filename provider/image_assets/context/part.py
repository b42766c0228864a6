"""One process's part of a walk, as the processes tell each other of it."""

import time
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from image_assets.context.digests import DigestCache
from image_assets.context.files import Files
from image_assets.context.large_files import LargeFile
from image_assets.context.place import Places
from image_assets.context.reader import Reading, read_listing
from image_assets.context.selection import Selection
from image_assets.errors import InputError, Problem
from image_assets.frozen import dataclass
from image_assets.task import Task

_SLICE = 0.01
"""Seconds after which a part is given back, so that the work can be shared out anew."""


@dataclass(frozen=True)
class Order:
    """What a worker must know of a context.

    Attributes:
        selection: Which entries count.
        cache: The file of the digest cache; None to read all.
        limit: How many digests the cache keeps.
    """

    selection: Selection
    cache: Path | None = None
    limit: int = 0


@dataclass
class Answer:
    """What came of one part.

    Attributes:
        reading: What was read.
        large: Large files that were not: path of the directory, name, and whether the name may be a link.
        found: Digests that the cache did not know.
        left: Paths of directories that were not walked.
        problems: Why reading ended early; empty if it did not.
    """

    reading: Reading = field(default_factory=Reading)
    large: list[tuple[str, str, bool]] = field(default_factory=list)
    found: dict[bytes, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()


class Part:
    """A tree that is walked in slices.

    Args:
        order: The context.
        places: Holds what must stay open.
        seconds: How long a slice takes at most, but for the directory it ends with.
    """

    def __init__(self, order: Order, places: Places, seconds: float = _SLICE) -> None:
        self._tree = order.selection.tree(places, Task())
        self._cache = DigestCache(order.cache, order.limit) if order.cache is not None else None
        self._seconds = seconds

    def read(self, paths: Sequence[str]) -> Answer:
        """Read directories and what is below them, as far as the time goes."""
        answer = Answer()
        files = Files(Task(), self._cache, lambda file: answer.large.append(_named(file)))
        end = time.perf_counter() + self._seconds
        try:
            for listing in self._tree.listings(paths):
                read_listing(listing, files, answer.reading)
                if time.perf_counter() >= end:
                    answer.left += self._tree.hand_over()
        except InputError as fault:
            answer.problems = fault.problems
        answer.reading.records += files.records
        answer.found = files.found
        return answer


def _named(file: LargeFile) -> tuple[str, str, bool]:
    return file.path, file.name, file.follow
