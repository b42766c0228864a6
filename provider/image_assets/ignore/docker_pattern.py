"""One `.dockerignore` pattern, compiled as `Pattern.compile` of github.com/moby/patternmatcher does."""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Final

from image_assets.frozen import dataclass
from image_assets.ignore.go_escape import BadRegexpError
from image_assets.ignore.go_match import is_refused
from image_assets.ignore.go_regexp import ANY_DIRECTORIES, Node, parse
from image_assets.ignore.go_text import clean, trim_space
from image_assets.ignore.ignorefile import BadPatternError, Line

# moby means to quote `|`, `{` and `}` too, but its bitmap has no room for them (`1 << (b / 8)` overflows a byte).
_QUOTED_BY_MOBY: Final = frozenset(".+()$")
_BYTE_ORDER_MARK: Final = "\ufeff"
_NEVER_PREFIX: Final = frozenset("*[]?^\\")


class Kind(Enum):
    """How moby decides a match; the names are moby's."""

    EXACT = auto()
    PREFIX = auto()
    SUFFIX = auto()
    REGEXP = auto()


@dataclass(frozen=True)
class DockerPattern:
    """A pattern ready to be matched.

    Attributes:
        text: The cleaned pattern without its `!`.
        exclusion: Whether it re-includes (moby's word for a `!` pattern).
        kind: How it matches.
        alternatives: Its pieces; empty unless `kind` is `REGEXP`.
        fault: The error to raise as soon as the pattern is asked for a match: moby compiles no sooner.
    """

    text: str
    exclusion: bool
    kind: Kind
    alternatives: Sequence[Sequence[Node]] = ()
    fault: BadPatternError | None = None

    @property
    def prefix(self) -> str:
        """Return what fsutil compares with a directory to see if the pattern can match inside it."""
        return self.text.removesuffix("/**").removesuffix("/*")

    @property
    def prefix_only(self) -> bool:
        """Say whether fsutil takes the pattern for a plain path."""
        return _NEVER_PREFIX.isdisjoint(self.prefix)


def compile_pattern(line: Line) -> DockerPattern | None:
    """Compile one line; None if it has no pattern.

    Raises:
        BadPatternError: The builder would refuse it.
    """
    text = trim_space(line.text)
    if not text:
        return None
    text = clean(text)
    exclusion = text.startswith("!")
    if exclusion:
        text = text[1:]
        if not text:
            raise BadPatternError(line, "nothing follows the `!`")
    if is_refused(text):
        raise BadPatternError(line, r"a class like [a-z] is empty or not closed, or a \ has nothing behind it")
    return _compile(text, line, exclusion=exclusion)


def _compile(text: str, line: Line, *, exclusion: bool) -> DockerPattern:
    writer = _GoText(text)
    go_text = f"^{''.join(writer.write())}$"
    if writer.kind is not Kind.REGEXP:
        return DockerPattern(text, exclusion, writer.kind)
    try:
        return DockerPattern(text, exclusion, Kind.REGEXP, parse(go_text))
    except BadRegexpError as fault:
        return DockerPattern(text, exclusion, Kind.REGEXP, fault=BadPatternError(line, str(fault)))


class _GoText:
    """Writes moby's regular expression for a pattern and finds out the kind on the way."""

    def __init__(self, pattern: str) -> None:
        # text/scanner, which moby reads with, drops a leading byte-order mark.
        self._rest = iter(pattern.removeprefix(_BYTE_ORDER_MARK))
        self._next = next(self._rest, "")
        self.kind = Kind.EXACT

    def write(self) -> Iterator[str]:
        """Yield the text piece by piece; `kind` is right at the end."""
        first = True
        while self._next:
            character = self._take()
            if character == "*" and self._next == "*":
                yield self._double_star(first=first)
            else:
                yield self._single(character)
            first = False

    def _take(self) -> str:
        character, self._next = self._next, next(self._rest, "")
        return character

    def _double_star(self, *, first: bool) -> str:
        self._take()
        if self._next == "/":
            self._take()
        written = ANY_DIRECTORIES if self._next else ".*"
        if not self._next and self.kind is Kind.EXACT:
            self.kind = Kind.PREFIX
        else:
            self.kind = Kind.REGEXP
        if first:
            self.kind = Kind.SUFFIX
        return written

    def _single(self, character: str) -> str:
        if character in "*?[]":
            self.kind = Kind.REGEXP
            return {"*": "[^/]*", "?": "[^/]"}.get(character, character)
        if character == "\\" and self._next:
            self.kind = Kind.REGEXP
            return "\\" + self._take()
        # A backslash at the end stays as it is, and so takes the `$` behind it for a character to match.
        return "\\" + character if character in _QUOTED_BY_MOBY else character
