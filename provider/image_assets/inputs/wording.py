"""How a problem with an input is said: what was given, what is missing, and what was probably meant."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from image_assets.errors import Problem
from image_assets.inputs.property_path import join
from image_assets.values import plain


class Named(Protocol):
    """What a program gives under a name."""

    @property
    def doc(self) -> str:
        """Its documentation."""

    @property
    def required(self) -> bool:
        """Whether the program must give it."""


def lacking(row: Named, value: Any) -> str | None:
    """Say what to write for something that must be there and is not, or is empty."""
    if not row.required or plain(value) not in (None, ""):
        return None
    return missing(row.doc) if plain(value) is None else f"must not be empty: {_to_write(row.doc)}"


def missing(doc: str) -> str:
    """Say that something is missing, and what to write, by its documentation."""
    return f"is missing: {_to_write(doc)}"


def _to_write(doc: str) -> str:
    sentence = re.split(r"\.(?:\s|$)", doc, maxsplit=1)[0]
    is_name = sentence[:2].isupper()
    return f"write {sentence if is_name else sentence[:1].lower() + sentence[1:]}"


def unknown_names(value: Mapping[str, Any], known: list[str], path: str) -> Iterator[Problem]:
    """Yield each name that does not exist, with the nearest one that does."""
    for key in value:
        if key not in known:
            reason = f"there is no such property{nearest(key, known) or listed(known)}"
            yield Problem(join(path, key), reason, is_shown=not _SECRET_NAME.search(key))


_SECRET_NAME = re.compile("pass|pwd|secret|token|key|auth|credential|login", re.IGNORECASE)
"""What a misspelt property of a secret may be called."""


def one_of(value: str, allowed: tuple[str, ...]) -> str:
    """Say which values there are, and which of them was probably meant."""
    return f"must be one of {', '.join(allowed)}{nearest(value, allowed)}"


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Return "; did you mean X?" if something known is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    lowered = {name.lower(): name for name in known}
    close = get_close_matches(word.lower().replace("_", ""), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]}?" if close else ""


def listed(known: list[str]) -> str:
    """Return "; there are A, B and C"."""
    return f"; there are {', '.join(known)}" if known else ""


NAMES_OF_TYPES: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    type(None): "null",
}


def describe(value: Any) -> str:
    """Name a value's type as users of any language know it."""
    return NAMES_OF_TYPES.get(type(value), "an object")
