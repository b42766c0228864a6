"""git's pattern language (`wildmatch.c`) as Python regular expressions.

Patterns and paths are bytes to git: here each byte is one character (latin-1), so that `?` takes half of an `é`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

_SPECIAL: Final = frozenset("*?[\\")
_ALL: Final = [chr(code) for code in range(256)]
_SLASH: Final = "/"
_POSIX: Final[Mapping[str, Callable[[str], bool]]] = {
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "blank": lambda c: c in " \t",
    "cntrl": lambda c: c < " " or c == "\x7f",
    "digit": lambda c: "0" <= c <= "9",
    "graph": lambda c: "!" <= c <= "~",
    "lower": lambda c: "a" <= c <= "z",
    "print": lambda c: " " <= c <= "~",
    "punct": lambda c: "!" <= c <= "~" and not c.isalnum(),
    "space": lambda c: c in " \t\n\v\f\r",
    "upper": lambda c: "A" <= c <= "Z",
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}


class NeverMatchesError(ValueError):
    """git's matcher gives up on the pattern, whatever the text."""


def literal_length(pattern: str) -> int:
    """Return how many characters come before the first special one."""
    return next((index for index, character in enumerate(pattern) if character in _SPECIAL), len(pattern))


def translate(pattern: str) -> str:
    """Return the regular expression, to be used with `re.fullmatch`, for git's `WM_PATHNAME` mode.

    Raises:
        NeverMatchesError: The pattern is malformed; git takes it, and it matches nothing.
    """
    written: list[str] = []
    position = 0
    while position < len(pattern):
        text, position = _READERS.get(pattern[position], _plain)(pattern, position)
        written.append(text)
    return "(?s:" + "".join(written) + ")"


def _plain(pattern: str, position: int) -> tuple[str, int]:
    return re.escape(pattern[position]), position + 1


def _escaped(pattern: str, position: int) -> tuple[str, int]:
    if position + 1 == len(pattern):
        raise NeverMatchesError
    return _plain(pattern, position + 1)


def _any_character(_pattern: str, position: int) -> tuple[str, int]:
    return "[^/]", position + 1


def _stars(pattern: str, position: int) -> tuple[str, int]:
    """Read a run of stars: two or more that fill a whole path component cross `/`."""
    end = position + len(pattern[position:]) - len(pattern[position:].lstrip("*"))
    starts = position == 0 or pattern[position - 1] == _SLASH
    ends = end == len(pattern) or pattern[end] == _SLASH or pattern.startswith("\\/", end)
    if end - position < len("**") or not (starts and ends):
        return "[^/]*", end
    if pattern.startswith(_SLASH, end):
        return "(?:.*/)?", end + 1
    return ".*", end


def _bracket(pattern: str, position: int) -> tuple[str, int]:
    position += 1
    negated = pattern[position : position + 1] in ("!", "^") and position < len(pattern)
    position += negated
    wanted: set[str] = set()
    previous = ""
    first = True
    while first or not pattern.startswith("]", position):
        found, previous, position = _member(pattern, position, previous)
        wanted |= found
        first = False
    allowed = (set(_ALL) - wanted if negated else wanted) - {_SLASH}
    if not allowed:
        raise NeverMatchesError
    return f"[{''.join(map(re.escape, sorted(allowed)))}]", position + 1


def _member(pattern: str, position: int, previous: str) -> tuple[set[str], str, int]:
    """Read one member of a class; return its characters, the low end of a range that may follow, and where it ends."""
    character = _at(pattern, position)
    if character == "\\":
        escaped = _at(pattern, position + 1)
        return {escaped}, escaped, position + 2
    if character == "-" and previous and pattern[position + 1 : position + 2] not in ("", "]"):
        position += 1 + (pattern[position + 1] == "\\")
        high = _at(pattern, position)
        return {one for one in _ALL if previous <= one <= high}, "", position + 1
    if pattern.startswith("[:", position) and (end := _posix_end(pattern, position)):
        return _posix(pattern[position + 2 : end - 2]), "", end
    return {character}, character, position + 1


def _posix_end(pattern: str, position: int) -> int | None:
    """Return where `[:name:]` ends; None if what starts here is not such a class."""
    end = pattern.find("]", position + 2)
    if end < 0:
        raise NeverMatchesError
    return end + 1 if end > position + 2 and pattern[end - 1] == ":" else None


def _posix(name: str) -> set[str]:
    if name not in _POSIX:
        raise NeverMatchesError
    return {character for character in _ALL if _POSIX[name](character)}


def _at(pattern: str, position: int) -> str:
    if position >= len(pattern):
        raise NeverMatchesError
    return pattern[position]


_READERS: Final[Mapping[str, Callable[[str, int], tuple[str, int]]]] = {
    "*": _stars,
    "?": _any_character,
    "[": _bracket,
    "\\": _escaped,
}
