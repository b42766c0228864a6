"""One statement at a time in the text of a policy document: everything else keeps its bytes and its order."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from image_assets.frozen import dataclass

_VERSION = "2012-10-17"
#: What counts where a document names none (IAM user guide, "IAM JSON policy elements: Version").
_FIRST_VERSION = "2008-10-17"
#: What a policy variable begins with; before `_VERSION` it is plain text (same source, "Policy variables").
_VARIABLE = "${"


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


def merge(
    document: str | None, sid: str, statement: Mapping[str, Any], own: Callable[[str], bool] = lambda _sid: False
) -> str:
    """Put a statement under its Sid into a document.

    Statements for whose Sids `own` says yes stand in the order of their Sids, in the places that they have together; a
    new one adds a place at the end. Everything else keeps its bytes and its order.
    """
    text = _dump({"Sid": sid, **{key: value for key, value in statement.items() if key != "Sid"}})
    parts = _statements(document) if document else []
    if not document or not parts:
        return f'{{"Version":"{_VERSION}","Statement":[{text}]}}'
    present = next((part for part in parts if part.value.get("Sid") == sid), None)
    placed = [(_sid(part), text if part is present else _text(document, part)) for part in parts]
    wanted = _ordered(placed if present else [*placed, (sid, text)], lambda other: other == sid or own(other))
    if present and wanted == placed:
        return document[: present.start] + text + document[present.end :]
    return _respell(document, parts, [text for _, text in wanted])


def _ordered(placed: Sequence[tuple[str, str]], own: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Sort what is our own by Sid, within the places that it has."""
    ours = iter(sorted(item for item in placed if own(item[0])))
    return [next(ours) if own(item[0]) else item for item in placed]


def understand_variables(document: str, sid: str) -> str | None:
    """Give a document the version in which the `${...}` of a statement is a variable, if it holds any.

    None if that would change the meaning of another statement, which has such a text too.
    """
    version = _member(document, "Version")
    parts = _statements(document)
    with_variables = {_sid(part) for part in parts if _VARIABLE in _dump(part.value)}
    if sid not in with_variables or (version.value if version else _FIRST_VERSION) >= _VERSION:
        return document
    if with_variables != {sid}:
        return None
    if version is None:
        brace = _skip(document, 0) + 1
        return f'{document[:brace]}"Version":"{_VERSION}",{document[brace:]}'
    return f'{document[: version.start]}"{_VERSION}"{document[version.end :]}'


def compact(document: str) -> str:
    """Return a document without the blanks that ECR counts."""
    return _dump(json.loads(document))


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


def _sid(part: _Part) -> str:
    return str(part.value.get("Sid", ""))


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
