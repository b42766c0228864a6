"""RE2's character classes as Python's (https://github.com/google/re2/wiki/Syntax)."""

import re
from collections.abc import Mapping
from typing import Final

from image_assets.ignore.go_escape import PERL_CLASSES, BadRegexpError, escaped_character

_POSIX: Final[Mapping[str, str]] = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_NAMED = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)


def class_text(text: str, position: int) -> tuple[str, int]:
    """Read a class whose inside starts at `position`; return the Python class and where it ends.

    Raises:
        BadRegexpError: Go would not compile it.
    """
    negated = text.startswith("^", position)
    position += negated
    parts: list[str] = []
    while not (parts and text.startswith("]", position)):
        part, position = _part(text, position)
        parts.append(part)
    return f"[{'^' if negated else ''}{''.join(parts)}]", position + 1


def _part(text: str, position: int) -> tuple[str, int]:
    """Read a named class or one range."""
    if found := _NAMED.match(text, position):
        return _posix(found[2], negated=bool(found[1])), found.end()
    if text.startswith("\\", position) and text[position + 1 : position + 2].lower() in PERL_CLASSES:
        letter = text[position + 1]
        body = PERL_CLASSES[letter.lower()]
        return (_complement(body) if letter.isupper() else body), position + 2
    low, position = _bound(text, position)
    high = low
    if text.startswith("-", position) and not text.startswith("-]", position):
        high, position = _bound(text, position + 1)
    if high < low:
        raise BadRegexpError(f"the range {low}-{high} runs backwards")
    return re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}", position


def _posix(name: str, *, negated: bool) -> str:
    """Return the inside of a POSIX class."""
    if name not in _POSIX:
        raise BadRegexpError(f"there is no class [:{name}:]")
    return _complement(_POSIX[name]) if negated else _POSIX[name]


def _complement(body: str) -> str:
    """Return the inside of a class that holds all that `body` does not: Python cannot nest a negated class."""
    inside = re.compile(f"[{body}]")
    outside = (chr(code) for code in range(128) if not inside.match(chr(code)))
    return "".join(map(re.escape, outside)) + "\u0080-\U0010ffff"


def _bound(text: str, position: int) -> tuple[str, int]:
    """Read one bound of a range."""
    if position >= len(text):
        raise BadRegexpError("a ] is missing")
    if text[position] == "\\":
        return escaped_character(text, position + 1)
    return text[position], position + 1
