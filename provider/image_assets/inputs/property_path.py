"""Pulumi's property paths: `buildArgs.V`, `files["src/a.py"]`, `tags[0]`, and `*` for any part."""

import re
from collections.abc import Iterable
from typing import Any

from image_assets.values import is_list, is_map, plain

_PART = re.compile(r'\["((?:\\"|[^"])*)"\]|\[([^\]"]*)\]|([^.\[\]]+)')
_ANY = "*"


def parts(path: str) -> list[str]:
    """Return the names and indexes that a path leads through."""
    return [next(filter(None, match.groups()), "").replace('\\"', '"') for match in _PART.finditer(path)]


def covers(pattern: str, path: str) -> bool:
    """Say whether a path is the one that a pattern names, or leads into it."""
    wanted, found = parts(pattern), parts(path)
    return len(wanted) <= len(found) and all(name in (_ANY, part) for name, part in zip(wanted, found, strict=False))


def is_covered(path: str, patterns: Iterable[str]) -> bool:
    """Say whether any pattern covers a path."""
    return any(covers(pattern, path) for pattern in patterns)


def join(path: str, key: str) -> str:
    """Append a key to a path in Pulumi's property path syntax."""
    if not path:
        return key if key.isidentifier() else f"[{quoted(key)}]"
    return f"{path}.{key}" if key.replace("-", "_").isidentifier() else f"{path}[{quoted(key)}]"


def within(path: str, inner: str) -> str:
    """Return the path of a part, given its path within a value and that value's own."""
    return f"{path}{'' if not path or not inner or inner.startswith('[') else '.'}{inner}"


def quoted(key: str) -> str:
    """Quote a key for a property path: of all characters, Pulumi has an escape for the quote alone."""
    return '"' + key.replace('"', '\\"') + '"'


def at(path: str, values: Any) -> Any:
    """Return the value at a path that `join` made, None where there is none."""
    found = values
    for part in parts(path):
        found = plain(found)
        if is_list(found):
            found = found[int(part)] if part.isdecimal() and int(part) < len(found) else None
        else:
            found = found.get(part) if is_map(found) else None
    return found
