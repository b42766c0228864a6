"""What an ignore language must answer while a tree is walked, and the empty answer."""

from typing import Protocol


class Level(Protocol):
    """The rules as they stand inside one directory of the context."""

    def ignores(self, name: str) -> bool:
        """Say whether the entry `name` of this directory, which is not itself a directory, is left out."""

    def enter(self, name: str) -> "Entered":
        """Judge the directory `name` of this directory."""


class Entered:
    """The verdict on one directory.

    Attributes:
        ignored: Whether the directory itself is left out.
        level: The rules for its inside; None if nothing in it can be included, so that it need not be opened.
    """

    __slots__ = ("ignored", "level")

    def __init__(self, ignored: bool, level: Level | None) -> None:  # noqa: FBT001 - made once for each directory walked
        self.ignored = ignored
        self.level = level


class Everything:
    """The rules of a context that has no ignore patterns."""

    def ignores(self, name: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Include it."""
        return False

    def enter(self, name: str) -> Entered:  # noqa: ARG002 - the protocol's signature
        """Include it and all inside."""
        return Entered(ignored=False, level=self)
