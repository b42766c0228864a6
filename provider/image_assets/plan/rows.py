"""How the outline is stored among the inputs, so that a preview shows it only where something changed.

The engine prints every input of a new or destroyed resource, but for those whose name begins with `__` (Pulumi: sdk
`resource.IsInternalPropertyKey`), at any depth. A changed row is printed whatever its name.
"""

from collections.abc import Mapping
from typing import Any, Final

from image_assets.inputs.types import plain

_SHOWN: Final = 10
"""The most rows that a new or destroyed resource shows."""
_ALL: Final = "__rows"
"""Where in `files` all rows are; up to 0.1.0 they stood in `files` itself, however many they were."""


def as_stored(rows: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of the input `files`."""
    visible = rows if len(rows) <= _SHOWN and _ALL not in rows else {}
    return {**visible, _ALL: dict(rows)}


def rows_of(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the outline that Check stored."""
    files = _files(values)
    return files[_ALL] if _is_hidden(files) else files


def changed_at(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """Return the property path of the rows by which a difference is shown: one where both have theirs, if there is."""
    old, new = _files(olds), _files(news)
    both_hide = _is_hidden(old) and _is_hidden(new)
    return f"files.{_ALL}" if both_hide and 1 in (len(old), len(new)) else "files"


def _files(values: Mapping[str, Any]) -> Mapping[str, Any]:
    files = plain(values.get("files"))
    return files if isinstance(files, dict) else {}


def _is_hidden(files: Mapping[str, Any]) -> bool:
    return isinstance(files.get(_ALL), dict)
