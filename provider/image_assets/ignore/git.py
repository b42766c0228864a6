"""`ignoreMode: git`."""

from collections.abc import Iterable

from image_assets.ignore.ignorefile import Line
from image_assets.ignore.rules import Level


def git_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root."""
    raise NotImplementedError
