r"""From the Go regular expressions that moby's patternmatcher writes to Python ones.

moby turns a pattern into Go (RE2) text without understanding classes, escapes, braces or bars, so their meaning is
RE2's: `\d` is a digit, `[[:alpha:]]` a POSIX class, `a|b` a choice, `a{2}` a repetition
(https://github.com/google/re2/wiki/Syntax). Only what can occur in that text is known here; all else is refused, as RE2
refuses it. `\p` (a Unicode class), which RE2 knows, is refused too.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from image_assets.frozen import dataclass
from image_assets.ignore.go_class import class_text
from image_assets.ignore.go_escape import PERL_CLASSES, BadRegexpError, escaped_character

ANY_DIRECTORIES: Final = "(.*/)?"

_ASSERTIONS: Final[Mapping[str, str]] = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"\B"}
_REPETITION = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_MOST_REPEATED: Final = 1000
UNDECODED: Final = "\ufffd"


@dataclass(frozen=True)
class Node:
    """One piece of a pattern as a Python regular expression.

    Attributes:
        text: The Python text.
        literal: The character it stands for, if it is exactly one.
        slash: Whether it may match a `/`.
        assertion: Whether it is a condition on the place, and matches no text.
        repeated: Whether it ends in a repetition.
    """

    text: str
    literal: str | None = None
    slash: bool = False
    assertion: bool = False
    repeated: bool = False


START: Final = Node(r"\A", assertion=True)
END: Final = Node(r"\Z", assertion=True)
_BAR: Final = Node("|")


def literal(character: str) -> Node:
    """Make the node of one character; U+FFFD stands for any byte that is not UTF-8, and so is not just itself."""
    return Node(re.escape(character), None if character == UNDECODED else character, character == "/")


def parse(text: str) -> list[list[Node]]:
    """Split Go text into its alternatives, and these into nodes.

    Raises:
        BadRegexpError: Go would not compile it.
    """
    alternatives: list[list[Node]] = [[]]
    position = 0
    while position < len(text):
        nodes = alternatives[-1]
        if repetition := _REPETITION.match(text, position):
            nodes[-1:] = [_repeated(nodes, repetition)]
            position = repetition.end()
        elif text.startswith(r"\Q", position):
            quoted, _, rest = text[position + 2 :].partition(r"\E")
            nodes.extend(map(literal, quoted))
            position = len(text) - len(rest)
        else:
            node, position = _atom(text, position)
            alternatives.append([]) if node is _BAR else nodes.append(node)
    return alternatives


def _repeated(nodes: list[Node], repetition: re.Match[str]) -> Node:
    """Repeat the last node."""
    least = int(repetition[1])
    most = int(repetition[3] or _MOST_REPEATED) if repetition[2] else least
    if not nodes or nodes[-1].repeated:
        raise BadRegexpError(f"there is nothing that {repetition[0]} can repeat")
    if not least <= most <= _MOST_REPEATED:
        raise BadRegexpError(f"{repetition[0]} is no valid repetition")
    return replace(nodes[-1], text=f"(?:{nodes[-1].text}){repetition[0]}", literal=None, repeated=True)


def _atom(text: str, position: int) -> tuple[Node, int]:
    """Read one atom, with the `*` behind it; return it and where it ends."""
    if text.startswith(ANY_DIRECTORIES, position):
        return Node("(?:.*/)?", slash=True, repeated=True), position + len(ANY_DIRECTORIES)
    node, position = _single(text, position)
    if text.startswith("*", position):
        return replace(node, text=node.text + "*", literal=None, repeated=True), position + 1
    return node, position


def _single(text: str, position: int) -> tuple[Node, int]:
    character = text[position]
    if character == "[":
        body, position = class_text(text, position + 1)
        return Node(body, slash=re.match(body, "/") is not None), position
    if character == "\\":
        return _escape(text, position + 1)
    if character in _SPECIAL:
        return _SPECIAL[character], position + 1
    return literal(character), position + 1


_SPECIAL: Final[Mapping[str, Node]] = {"^": START, "$": END, "|": _BAR, ".": Node(".", slash=True)}


def _escape(text: str, position: int) -> tuple[Node, int]:
    """Read what follows a backslash outside a class."""
    character = text[position : position + 1]
    if character in _ASSERTIONS:
        return Node(_ASSERTIONS[character], assertion=True), position + 1
    if character and character.lower() in PERL_CLASSES:
        body = ("^" if character.isupper() else "") + PERL_CLASSES[character.lower()]
        return Node(f"[{body}]", slash=character.isupper()), position + 1
    value, position = escaped_character(text, position)
    return literal(value), position
