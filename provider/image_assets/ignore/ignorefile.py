"""Reading `.dockerignore`: lines to patterns, as moby/patternmatcher's `ignorefile.ReadAll` does."""

from collections.abc import Iterator, Sequence
from typing import Final

from image_assets.frozen import dataclass
from image_assets.ignore.go_text import clean, trim_space

_BOM: Final = b"\xef\xbb\xbf"
_LONGEST_LINE: Final = 64 * 1024 - 1
_SHOWN: Final = 80
"""Characters of a wrong pattern that a message holds."""


@dataclass(frozen=True)
class Line:
    """One pattern and where it stands.

    Attributes:
        text: The pattern, cleaned, with its `!` if it re-includes.
        origin: The file's name and line for messages (`.dockerignore:3`), or the input property (`exclude[0]`).
    """

    text: str
    origin: str


class BadPatternError(ValueError):
    """A pattern that the builder would refuse; the text says where it stands."""

    def __init__(self, line: Line, reason: str) -> None:
        shown = line.text if len(line.text) <= _SHOWN else f"{line.text[:_SHOWN]}..."
        super().__init__(f"{line.origin}: the pattern {shown!r} is invalid: {reason}")
        self.line = line
        self.reason = reason


def read_lines(content: bytes, name: str) -> list[Line]:
    """Return the patterns of an ignore file's content.

    A byte-order mark, comments (`#` in the first column), blank lines, surrounding space, a leading `/` and all that
    Go's `path.Clean` drops have no meaning. Bytes that are not UTF-8 become U+FFFD, as on their way to the builder.

    Raises:
        BadPatternError: A line is longer than Go's scanner takes (64 KiB).
    """
    content = content.removeprefix(_BOM)
    lines = content.split(b"\n")
    return list(_patterns([raw.removesuffix(b"\r") for raw in lines], name))


def read_exclude(patterns: Sequence[str]) -> list[Line]:
    """Return the patterns of the `exclude` input: each item means what it would as a line of the ignore file."""
    found: list[Line] = []
    for index, pattern in enumerate(patterns):
        text = _pattern(pattern)
        if text:
            found.append(Line(text, f"exclude[{index}]"))
    return found


def _patterns(lines: Sequence[bytes], name: str) -> Iterator[Line]:
    for number, raw in enumerate(lines, 1):
        origin = f"{name}:{number}"
        if len(raw) > _LONGEST_LINE:
            raise BadPatternError(Line(f"{raw[:20]!r}...", origin), "the line is longer than 64 KiB")
        text = _pattern(_decode(raw))
        if text:
            yield Line(text, origin)


def _decode(raw: bytes) -> str:
    """Decode as Go does: one U+FFFD for each byte that is not UTF-8."""
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in raw.decode("utf-8", "surrogateescape"))


def _pattern(line: str) -> str:
    """Return the pattern of one line; empty if it has none."""
    if line.startswith("#"):
        return ""
    text = trim_space(line)
    inverted = text.startswith("!")
    if inverted:
        text = trim_space(text[1:])
    if text:
        text = clean(text)
        if len(text) > 1:
            text = text.removeprefix("/")
    return "!" + text if inverted else text


def read_raw_lines(content: bytes, name: str) -> list[Line]:
    """Return the lines of an ignore file whose language is not Docker's: only a byte-order mark and line ends go."""
    lines = content.removeprefix(_BOM).split(b"\n")
    decoded = (raw.removesuffix(b"\r").decode("utf-8", "surrogateescape") for raw in lines)
    return [Line(text, f"{name}:{number}") for number, text in enumerate(decoded, 1) if text]


def read_raw_exclude(patterns: Sequence[str]) -> list[Line]:
    """Return the patterns of the `exclude` input as they are."""
    return [Line(text, f"exclude[{index}]") for index, text in enumerate(patterns) if text]
