"""The words of an instruction, split as BuildKit's lexers split them, as long as they are plain.

Source: moby/buildkit, frontend/dockerfile/parser (`split_command.go`, `line_parsers.go`) and frontend/dockerfile/shell
(`lex.go`).
"""

import re
from collections.abc import Iterable
from typing import Final

from image_assets.frozen import dataclass

_BLANK: Final = "[\t\v\f\r ]"
_BLANKS = re.compile(f"{_BLANK}+")
_FLAG = re.compile(f"""--(?:[^\t\v\f\r "']|"[^"]*"|'[^']*')*(?={_BLANK}|$)""")
_FLAG_QUOTES = re.compile(r""""([^"]*)"|'([^']*)'""")
_SYNTAX_ARG: Final = "BUILDKIT_SYNTAX"
"""A build argument that asks for another language, as `# syntax` does."""
MARKS: Final = frozenset("\"'\\`")
"""Quotes, and both characters that can be the escape."""
_QUOTED = re.compile(r"""(["'])([^"'\\`$]*)\1""")
_PIECE = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|<<[\t\r ]*|[^'"\\]""", re.DOTALL)
_HEREDOC = re.compile(r"\d*<<(-?)[\t\n\f\r ]*([^<]+)", re.ASCII)
_HEREDOC_NAME = re.compile(r"""(["']?)([^"'\\`$\s]+)\1""")
_ODD_VARIABLE = re.compile(r"\$\{(?!\w+\})")


class UnjudgeableError(ValueError):
    """What the Dockerfile takes from the context cannot be told; the text says why."""


def refuse_other_syntax(build_args: Iterable[str]) -> None:
    """Refuse a Dockerfile in another language.

    Args:
        build_args: The names of the build arguments.

    Raises:
        UnjudgeableError: One of them asks for it.
    """
    if _SYNTAX_ARG in build_args:
        raise UnjudgeableError(f"the build argument {_SYNTAX_ARG} asks for another syntax")


def split_words(text: str) -> list[str]:
    """Split at blanks, whatever quotes there are, as the arguments of `COPY`, `ADD` and `FROM` are split."""
    return [word for word in _BLANKS.split(text) if word]


def split_flags(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the `--name=value` words in front, without quotes, the value empty if there is none, and the rest.

    Raises:
        UnjudgeableError: A flag has an escape, an open quote or is not ASCII, so that it may end elsewhere.
    """
    flags: list[tuple[str, str]] = []
    text = text.lstrip()
    while text.startswith("--"):
        found = _FLAG.match(text)
        if found is None or {"\\", "`"} & set(found[0]) or not found[0].isascii():
            word = split_words(text)[0]
            raise UnjudgeableError(f"the flag {word} has an open quote, escapes or unusual characters")
        text = text[found.end() :].lstrip()
        word = _FLAG_QUOTES.sub(lambda quoted: quoted[1] or quoted[2] or "", found[0])
        if word == "--":
            break
        name, _, value = word.removeprefix("--").partition("=")
        flags.append((name, value))
    return flags, text


def has_odd_blanks(text: str) -> bool:
    """Say whether there are blanks at which some of BuildKit's lexers split, and others do not."""
    return any(character.isspace() and not character.isascii() for character in text)


def plain(word: str) -> str:
    """Return what a word means, with the quotes around it taken away.

    Raises:
        UnjudgeableError: It depends on a variable, or has quotes or escapes inside.
    """
    quoted = _QUOTED.fullmatch(word)
    bare = quoted[2] if quoted else word
    if "$" in bare:
        raise UnjudgeableError(f"the path {word} is computed")
    if MARKS & set(bare) or bare != bare.strip() or not bare.isprintable():
        raise UnjudgeableError(f"the word {word!r} has quotes, escapes or unusual characters")
    return bare


@dataclass(frozen=True)
class Heredoc:
    """A text that follows an instruction line.

    Attributes:
        name: The line that ends it.
        chomps: Whether tabs before that line do not count.
    """

    name: str
    chomps: bool


def is_heredoc(word: str) -> bool:
    """Say whether a word asks for a heredoc."""
    return bool(_HEREDOC.fullmatch(word))


def heredocs(line: str) -> list[Heredoc]:
    """Return the heredocs that an instruction's line asks for.

    Raises:
        UnjudgeableError: It is not plain where its words end, or how a heredoc is called.
    """
    return [_heredoc(found) for word in _shell_words(line) if (found := _HEREDOC.fullmatch(word))]


def _shell_words(line: str) -> list[str]:
    """Split at blanks that are not quoted or escaped; the quotes stay, and blanks behind `<<`, too."""
    words = [""]
    position = 0
    if _ODD_VARIABLE.search(line) or has_odd_blanks(line):
        raise UnjudgeableError("a heredoc beside a variable or blanks of unusual form")
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            raise UnjudgeableError("a heredoc beside a quote that does not end")
        position = piece.end()
        if piece[0].isspace():
            words.append("")
        else:
            words[-1] += piece[0]
    return words


def _heredoc(found: re.Match[str]) -> Heredoc:
    name = _HEREDOC_NAME.fullmatch(found[2])
    if name is None:
        raise UnjudgeableError(f"a heredoc with the unusual name {found[2]}")
    return Heredoc(name[2], bool(found[1]))
