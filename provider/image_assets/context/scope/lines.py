"""A Dockerfile's directives and its logical lines.

Source: moby/buildkit, frontend/dockerfile/parser (`directives.go`, `parser.go`).
"""

import re
from typing import Final

from image_assets.context.scope.words import Heredoc, UnjudgeableError
from image_assets.frozen import dataclass

_DIRECTIVE = re.compile("#[\t\n\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_DIRECTIVES: Final = frozenset(("syntax", "escape", "check"))
_ESCAPES: Final = ("\\", "`")
_USUAL_SYNTAX = re.compile(r"(docker\.io/)?docker/dockerfile(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")
# Characters that Python takes for blanks and Go does not.
_CONTROL = re.compile("[\0\x1c-\x1f]")


@dataclass(frozen=True)
class LogicalLine:
    """An instruction's text, continuation lines joined.

    Attributes:
        number: The line where it starts, from 1.
        text: The text.
        pieces: Where it stands: of each line its number, the column and the stretch of the text that begins there.
    """

    number: int
    text: str
    pieces: tuple[tuple[int, int, range], ...]

    def places(self, start: int, end: int) -> list[tuple[int, slice]]:
        """Return where a stretch of the text stands: the lines, and the columns in them."""
        found = []
        for number, column, piece in self.pieces:
            first, behind = max(start, piece.start), min(end, piece.stop)
            if first < behind:
                found.append((number, slice(column + first - piece.start, column + behind - piece.start)))
        return found


class Lines:
    """The lines of a Dockerfile, read one instruction after the other.

    Args:
        content: The file.

    Raises:
        UnjudgeableError: It is written in another language, or is not text.
    """

    def __init__(self, content: bytes) -> None:
        try:
            text = content.removeprefix(b"\xef\xbb\xbf").decode()
        except UnicodeDecodeError as fault:
            raise UnjudgeableError("it is not UTF-8 text") from fault
        if _CONTROL.search(text):
            raise UnjudgeableError("it has control characters")
        self._lines = [line.rstrip("\r") for line in text.split("\n")]
        self._position = 0
        escape = re.escape(self._escape())
        # An escape that is itself escaped continues nothing.
        self._continued = re.compile(f"(?:(?<=[^{escape}])|^){escape}[ \t]*$")

    def _escape(self) -> str:
        """Read the directives at the top; return the character that continues a line."""
        escape = _ESCAPES[0]
        if self._lines[0].startswith(("//", "{", "#!")):
            raise UnjudgeableError("it may ask for another syntax")
        for line in self._lines:
            found = _DIRECTIVE.fullmatch(line.lstrip())
            if not found or found[1].lower() not in _DIRECTIVES:
                break
            name, value = found[1].lower(), found[2]
            if name == "syntax" and not _USUAL_SYNTAX.fullmatch(value):
                raise UnjudgeableError(f"it asks for the syntax {value}")
            escape = value if name == "escape" else escape
        if escape not in _ESCAPES:
            raise UnjudgeableError(f"{escape} is no escape character")
        return escape

    def next(self) -> LogicalLine | None:
        """Return the next instruction's line; None at the end.

        Comments and blank lines have no meaning, not even between lines that continue each other.
        """
        text = ""
        pieces: list[tuple[int, int, range]] = []
        while self._position < len(self._lines):
            line = self._lines[self._position]
            self._position += 1
            if line.lstrip()[:1] in ("", "#"):
                continue
            end = self._continued.search(line)
            # Blanks have no meaning before the text.
            column = 0 if text else len(line) - len(line.lstrip())
            added = line[column : end.start()] if end else line[column:]
            pieces.append((self._position, column, range(len(text), len(text) + len(added))))
            text += added
            if end is None:
                break
        return LogicalLine(pieces[0][0], text.rstrip(), tuple(pieces)) if pieces else None

    def skip(self, heredoc: Heredoc) -> None:
        """Go to behind a heredoc that starts here.

        Raises:
            UnjudgeableError: It has no end.
        """
        rest = self._lines[self._position :]
        bodies = [line.lstrip("\t") for line in rest] if heredoc.chomps else rest
        if heredoc.name not in bodies:
            raise UnjudgeableError(f"the end of <<{heredoc.name} is not found")
        self._position += bodies.index(heredoc.name) + 1
