"""Pulumi's property paths: `buildArgs.V`, `files["src/a.py"]`, `tags[0]`, and `*` for any part."""

import re
from collections.abc import Iterable

_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[([^\]"]*)\]|([^.\[\]]+)')
_ANY = "*"


def parts(path: str) -> list[str]:
    """Return the names and indexes that a path leads through."""
    return [next(filter(None, match.groups()), "") for match in _PART.finditer(path)]


def covers(pattern: str, path: str) -> bool:
    """Say whether a path is the one that a pattern names, or leads into it."""
    wanted, found = parts(pattern), parts(path)
    return len(wanted) <= len(found) and all(name in (_ANY, part) for name, part in zip(wanted, found, strict=False))


def is_covered(path: str, patterns: Iterable[str]) -> bool:
    """Say whether any pattern covers a path."""
    return any(covers(pattern, path) for pattern in patterns)
