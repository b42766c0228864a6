"""What an ignore language must answer while a tree is walked, and the empty answer."""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Protocol

from image_assets.frozen import dataclass


class Verdict(Enum):
    """What becomes of an entry that is not a directory."""

    COUNTS = auto()
    IGNORED = auto()
    EMPTY = auto()
    """Its name reaches the builder, its content does not (see `docker.py`)."""


class Level(Protocol):
    """The rules as they stand inside one directory of the context."""

    def judge(self, name: str) -> Verdict:
        """Judge the entry `name` of this directory, which is not itself a directory."""

    def pick(self, names: list[str]) -> "Picked":
        """Judge many such entries at once: a large context has hundreds of thousands."""

    def enter(self, name: str) -> "Entered":
        """Judge the directory `name` of this directory."""


@dataclass(frozen=True)
class Picked:
    """Those of some files that reach the builder.

    Attributes:
        counting: With their content.
        emptied: Without it.
    """

    counting: list[str]
    emptied: list[str]


def pick_each(judge: Callable[[str], Verdict], names: Iterable[str]) -> Picked:
    """Judge one after the other."""
    picked = Picked([], [])
    for name in names:
        verdict = judge(name)
        if verdict is Verdict.COUNTS:
            picked.counting.append(name)
        elif verdict is Verdict.EMPTY:
            picked.emptied.append(name)
    return picked


@dataclass(frozen=True)
class Entered:
    """The verdict on one directory.

    Attributes:
        ignored: Whether the directory itself is left out.
        level: The rules for its inside; None if nothing in it can be included, so that it need not be opened.
    """

    ignored: bool
    level: Level | None


LEFT_OUT = Entered(ignored=True, level=None)


class Everything:
    """The rules of a context that has no ignore patterns."""

    def judge(self, name: str) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Include it."""
        return Verdict.COUNTS

    def pick(self, names: list[str]) -> Picked:
        """Include them."""
        return Picked(names, [])

    def enter(self, name: str) -> Entered:  # noqa: ARG002 - the protocol's signature
        """Include it and all inside."""
        return Entered(ignored=False, level=self)
