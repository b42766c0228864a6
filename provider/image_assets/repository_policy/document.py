"""One statement at a time in the text of a policy document: everything else keeps its bytes and its order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_VERSION = "2012-10-17"


@dataclass(frozen=True)
class _Part:
    """A JSON value inside a text: what it is, and where it stands."""

    value: Any
    start: int
    end: int


def find(document: str | None, sid: str) -> dict[str, Any] | None:
    """Return the statement of a Sid."""
    parts = _statements(document) if document else []
    return next((dict(part.value) for part in parts if part.value.get("Sid") == sid), None)


def merge(document: str | None, sid: str, statement: Mapping[str, Any]) -> str:
    """Put a statement under its Sid into a document, in the place of the old one if there is one.

    Everything else keeps its bytes and its order.
    """
    text = _dump({"Sid": sid, **{key: value for key, value in statement.items() if key != "Sid"}})
    parts = _statements(document) if document else []
    if not document or not parts:
        return f'{{"Version":"{_VERSION}","Statement":[{text}]}}'
    own = next((part for part in parts if part.value.get("Sid") == sid), None)
    if own:
        return document[: own.start] + text + document[own.end :]
    return _respell(document, parts, [_text(document, part) for part in parts] + [text])


def remove(document: str, sid: str) -> str | None:
    """Take the statement of a Sid out of a document; None if none is left. The others keep their bytes and order."""
    parts = _statements(document)
    kept = [_text(document, part) for part in parts if part.value.get("Sid") != sid]
    if len(kept) == len(parts):
        return document
    return _respell(document, parts, kept) if kept else None


def _respell(document: str, parts: Sequence[_Part], statements: Sequence[str]) -> str:
    """Write other statements where the old ones stand: the value may be a list, or one bare statement."""
    whole = _member(document, "Statement")
    if whole is None or not parts:
        return document
    return f"{document[: whole.start]}[{','.join(statements)}]{document[whole.end :]}"


def _text(document: str, part: _Part) -> str:
    return document[part.start : part.end]


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _statements(document: str) -> list[_Part]:
    """Return each statement of a document, with its place."""
    whole = _member(document, "Statement")
    if whole is None:
        return []
    if isinstance(whole.value, dict):
        return [whole]
    return [value for value, _ in _walk(document, whole.start, keyed=False)]


def _member(document: str, name: str) -> _Part | None:
    return next((value for value, key in _walk(document, _skip(document, 0), keyed=True) if key == name), None)


def _walk(document: str, start: int, *, keyed: bool) -> Iterator[tuple[_Part, str | None]]:
    """Yield the members of the JSON object, or the items of the list, that begins at `start`."""
    at = _skip(document, start + 1)
    while document[at] not in "]}":
        key = _value(document, at) if keyed else None
        at = _skip(document, _skip(document, key.end) + 1) if key else at
        part = _value(document, at)
        yield part, key.value if key else None
        at = _skip(document, part.end)
        at = _skip(document, at + 1) if document[at] == "," else at


def _value(document: str, at: int) -> _Part:
    value, end = json.JSONDecoder().raw_decode(document, at)
    return _Part(value, at, end)


def _skip(document: str, at: int) -> int:
    """Return where the next character that is not blank stands."""
    while document[at] in " \t\r\n":
        at += 1
    return at
