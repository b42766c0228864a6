"""Go's text rules that an ignore file is read by, where Python's own differ."""

import posixpath
import re

GO_SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What `unicode.IsSpace` calls space: `str.strip()` would also take U+001C to U+001F."""

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def trim_space(text: str) -> str:
    """Strip as Go's `strings.TrimSpace` does."""
    return text.strip(GO_SPACE)


def clean(path: str) -> str:
    """Shorten a slash-separated path as Go's `path.Clean` does (`posixpath.normpath` keeps a leading `//`)."""
    shortened = posixpath.normpath(path)
    return shortened[1:] if shortened.startswith("//") else shortened


def as_go_string(text: str) -> str:
    """Show each byte that is not UTF-8 (a lone surrogate in Python) as U+FFFD, as Go's decoder sees it."""
    return text if text.isascii() else _ESCAPED_BYTE.sub("\ufffd", text)


def match_syntax_error(pattern: str) -> bool:
    r"""Say whether Go's `filepath.Match` (Unix) would refuse the pattern with `ErrBadPattern`.

    Outside a class only a trailing `\` is wrong; inside one, an empty class, a bare `-` or `]` as a bound, and a
    missing `]`.
    """
    position = 0
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
            if position > len(pattern):
                return True
        elif pattern[position] == "[":
            end = _class_end(pattern, position + 1)
            if end is None:
                return True
            position = end
        else:
            position += 1
    return False


def _class_end(pattern: str, position: int) -> int | None:
    """Return where the class whose inside starts at `position` ends, or None if it is malformed."""
    position += pattern.startswith("^", position)
    ranges = 0
    while not (ranges and pattern.startswith("]", position)):
        bound = _bound_end(pattern, position)
        if bound is not None and pattern.startswith("-", bound):
            bound = _bound_end(pattern, bound + 1)
        if bound is None:
            return None
        position = bound
        ranges += 1
    return position + 1


def _bound_end(pattern: str, position: int) -> int | None:
    """Return where one bound of a class's range ends; None where Go's `getEsc` fails (it needs text behind, too)."""
    if position >= len(pattern) or pattern[position] in "-]":
        return None
    end = position + 1 + (pattern[position] == "\\")
    return end if end < len(pattern) else None
