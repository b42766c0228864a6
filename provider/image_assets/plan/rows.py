"""How the outline is stored among the inputs, so that a preview shows it only where something changed.

The engine prints every input of a new or destroyed resource, but for those whose name begins with `__` (Pulumi: sdk
`resource.IsInternalPropertyKey`), at any depth. A text of several lines is compared line by line. All rows are one
text, since each property costs the engine a line in its log in every message.
"""

from collections.abc import Mapping
from typing import Any, Final

from image_assets.values import plain

_SHOWN: Final = 10
"""The most rows that a new or destroyed resource shows."""
_ALL: Final = "__rows"
"""Where in `files` all rows are. Up to 0.1.0 they stood in `files` itself, however many they were."""
_HEAD: Final = "@ digest path"
"""The text's first line; one that begins so is no YAML, which the engine would print as a whole."""

TEXT: Final = f"files.{_ALL}"
"""The property path of the text."""


def as_stored(rows: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of the input `files`."""
    visible = rows if len(rows) <= _SHOWN and _ALL not in rows else {}
    return {**visible, _ALL: "\n".join([_HEAD, *(f"{digest} {path}" for path, digest in rows.items())])}


def kept_rows(olds: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is stored in the input `files`, None if it was stored otherwise then."""
    return _files(olds) if have_texts(olds, olds) else None


def rows_of(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the outline that Check stored."""
    files = _files(values)
    stored = files.get(_ALL)
    if isinstance(stored, str) and _is_text(stored):
        return {path: digest for digest, _, path in (line.partition(" ") for line in stored.split("\n")[1:])}
    return stored if isinstance(stored, dict) else files


def shown_rows(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the rows that have properties of their own."""
    rows = {path: digest for path, digest in _files(values).items() if isinstance(digest, str)}
    return {path: digest for path, digest in rows.items() if path != _ALL or not _is_text(digest)}


def have_texts(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Say whether both have their rows as a text, too."""
    return all(_is_text(_files(values).get(_ALL)) for values in (olds, news))


def _files(values: Mapping[str, Any]) -> Mapping[str, Any]:
    files = plain(values.get("files"))
    return files if isinstance(files, dict) else {}


def _is_text(stored: Any) -> bool:
    return isinstance(stored, str) and stored.startswith(_HEAD)
