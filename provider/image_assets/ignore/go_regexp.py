r"""From the Go regular expressions that moby's patternmatcher writes to Python ones.

moby turns a pattern into Go (RE2) text without understanding classes or escapes, so their meaning is RE2's: `\d` is a
digit, `[[:alpha:]]` a POSIX class (https://github.com/google/re2/wiki/Syntax). Only what can occur in that text is
known here; all else is refused, as RE2 refuses it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ANY_DIRECTORIES: Final = "(.*/)?"

_PERL_CLASSES: Final[Mapping[str, str]] = {
    "d": "0-9",
    "s": r"\t\n\f\r ",
    "w": "0-9A-Za-z_",
}
_POSIX_CLASSES: Final[Mapping[str, str]] = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_NAMED_CHARACTERS: Final[Mapping[str, str]] = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_ASSERTIONS: Final[Mapping[str, str]] = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"\B"}
_OCTAL = re.compile("0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEXADECIMAL = re.compile("x([0-9A-Fa-f]{2})")


class BadRegexpError(ValueError):
    """Go's `regexp.Compile` refuses the text, or it uses a part of RE2 that is not known here."""


@dataclass(frozen=True)
class Node:
    """One piece of a pattern as a Python regular expression.

    Attributes:
        text: The Python text.
        literal: The character it stands for, if it is exactly one.
        slash: Whether it may match a `/`.
    """

    text: str
    literal: str | None = None
    slash: bool = False


def literal(character: str) -> Node:
    """Make the node of one character."""
    return Node(re.escape(character), character, character == "/")


def parse(text: str) -> list[Node]:
    """Split Go text into nodes; leave out the anchors that surround it.

    Raises:
        BadRegexpError: Go would not compile it.
    """
    nodes: list[Node] = []
    position = 0
    while position < len(text):
        if text.startswith(ANY_DIRECTORIES, position):
            node, position = Node("(?:.*/)?", slash=True), position + len(ANY_DIRECTORIES)
        else:
            node, position = _atom(text, position)
            if text.startswith("*", position):
                node, position = Node(node.text + "*", slash=node.slash), position + 1
        nodes.append(node)
    return nodes


def _atom(text: str, position: int) -> tuple[Node, int]:
    """Read one atom; return it and where it ends."""
    character = text[position]
    if character == "[":
        return _class(text, position + 1)
    if character == "\\":
        return _escape(text, position + 1)
    if character == ".":
        return Node(".", slash=True), position + 1
    if character == "^":
        return Node(r"\A"), position + 1
    return literal(character), position + 1


def _escape(text: str, position: int) -> tuple[Node, int]:
    """Read what follows a backslash outside a class."""
    character = text[position]
    if character in _ASSERTIONS:
        return Node(_ASSERTIONS[character]), position + 1
    if character.lower() in _PERL_CLASSES:
        body = ("^" if character.isupper() else "") + _PERL_CLASSES[character.lower()]
        return Node(f"[{body}]", slash=character.isupper()), position + 1
    value, position = _escaped_character(text, position)
    return literal(value), position


def _escaped_character(text: str, position: int) -> tuple[str, int]:
    """Read an escape that stands for one character."""
    character = text[position]
    if character.isascii() and not character.isalnum():
        return character, position + 1
    if character in _NAMED_CHARACTERS:
        return _NAMED_CHARACTERS[character], position + 1
    if found := _OCTAL.match(text, position):
        return chr(int(found[0], 8)), found.end()
    if found := _HEXADECIMAL.match(text, position):
        return chr(int(found[1], 16)), found.end()
    raise BadRegexpError(f"the escape \\{character} has no meaning")


def _class(text: str, position: int) -> tuple[Node, int]:
    """Read a class whose inside starts at `position`."""
    negated = text.startswith("^", position)
    position += negated
    parts: list[str] = []
    while not (parts and text.startswith("]", position)):
        part, position = _class_part(text, position)
        parts.append(part)
    body = f"[{'^' if negated else ''}{''.join(parts)}]"
    return Node(body, slash=re.match(body, "/") is not None), position + 1


def _class_part(text: str, position: int) -> tuple[str, int]:
    """Read a named class or one range."""
    if found := re.compile(r"\[:(\^?)(\w+):\]").match(text, position):
        return _posix(found[2], negated=bool(found[1])), found.end()
    if text.startswith("\\", position) and text[position + 1 : position + 2].lower() in _PERL_CLASSES:
        letter = text[position + 1]
        body = _PERL_CLASSES[letter.lower()]
        return (_complement(body) if letter.isupper() else body), position + 2
    low, position = _class_bound(text, position)
    high = low
    if text.startswith("-", position) and not text.startswith("-]", position):
        high, position = _class_bound(text, position + 1)
    if high < low:
        raise BadRegexpError(f"the range {low}-{high} runs backwards")
    return f"{re.escape(low)}-{re.escape(high)}", position


def _posix(name: str, *, negated: bool) -> str:
    """Return the inside of a POSIX class."""
    if name not in _POSIX_CLASSES:
        raise BadRegexpError(f"there is no class [:{name}:]")
    body = _POSIX_CLASSES[name]
    return _complement(body) if negated else body


def _complement(body: str) -> str:
    """Return the inside of a class that holds all that `body` does not: Python cannot nest a negated class."""
    inside = re.compile(f"[{body}]")
    outside = [chr(code) for code in range(128) if not inside.match(chr(code))]
    return "".join(map(re.escape, outside)) + "\u0080-\U0010ffff"


def _class_bound(text: str, position: int) -> tuple[str, int]:
    """Read one bound of a range."""
    if position >= len(text):
        raise BadRegexpError("a ] is missing")
    if text[position] == "\\":
        return _escaped_character(text, position + 1)
    return text[position], position + 1
