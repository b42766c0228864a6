r"""RE2's escapes: what follows a backslash (https://github.com/google/re2/wiki/Syntax)."""

import re
import sys
from collections.abc import Mapping
from typing import Final

PERL_CLASSES: Final[Mapping[str, str]] = {"d": "0-9", "s": r"\t\n\f\r ", "w": "0-9A-Za-z_"}
"""The inside of the Python class for each."""

_NAMED: Final[Mapping[str, str]] = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_SURROGATES: Final = range(0xD800, 0xE000)
_GO_REPLACEMENT: Final = "\ufffd"
"""What Go makes of a code point that no text can hold."""
_OCTAL = re.compile("0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEXADECIMAL = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})")


class BadRegexpError(ValueError):
    """Go's `regexp.Compile` refuses the text, or it uses a part of RE2 that is not known here."""


def escaped_character(text: str, position: int) -> tuple[str, int]:
    """Read an escape that stands for one character; return it and where it ends.

    Raises:
        BadRegexpError: It has no meaning.
    """
    character = text[position : position + 1]
    if character.isascii() and character and not character.isalnum():
        return character, position + 1
    if character in _NAMED:
        return _NAMED[character], position + 1
    if found := _OCTAL.match(text, position):
        return chr(int(found[0], 8)), found.end()
    found = _HEXADECIMAL.match(text, position)
    if found and (code := int(found[1] or found[2], 16)) <= sys.maxunicode:
        return _GO_REPLACEMENT if code in _SURROGATES else chr(code), found.end()
    raise BadRegexpError(f"the escape \\{character} has no meaning")
