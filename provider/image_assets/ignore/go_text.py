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
