"""Reading a Dockerfile as far as `scope: dockerfile` needs it: instructions, their flags and words.

Rules: https://docs.docker.com/reference/dockerfile/. What is not surely understood is reported, never guessed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(.*?)\s*$")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_WITH_HEREDOC: Final = frozenset(("COPY", "ADD", "RUN"))
_USUAL_SYNTAX = re.compile(r"(docker\.io/)?docker/dockerfile(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")


class UnjudgeableError(ValueError):
    """What the Dockerfile takes from the context cannot be told; the text says why."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        line: Where it starts, from 1.
        name: In upper case.
        rest: What follows the name, continuation lines joined, without heredoc bodies.
    """

    line: int
    name: str
    rest: str

    @property
    def flags(self) -> list[tuple[str, str]]:
        """Return the `--name=value` words in front; the value is empty if there is none."""
        found: list[tuple[str, str]] = []
        for word in self.rest.split():
            if not word.startswith("--"):
                break
            name, _, value = word[2:].partition("=")
            found.append((name, value))
        return found

    @property
    def arguments(self) -> list[str]:
        """Return the words behind the flags, or the items of the JSON form."""
        text = self.rest
        while found := re.match(r"--\S*\s+", text):
            text = text[found.end() :]
        if text.startswith("["):
            words = _json_words(text)
            if words is not None:
                return words
        return text.split()


def _json_words(text: str) -> list[str] | None:
    try:
        words = json.loads(text)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def parse(content: bytes) -> list[Instruction]:
    """Split a Dockerfile into instructions.

    Raises:
        UnjudgeableError: It is written in another language, or is not text.
    """
    try:
        lines = re.split("\r?\n", content.removeprefix(b"\xef\xbb\xbf").decode())
    except UnicodeDecodeError as fault:
        raise UnjudgeableError("it is not UTF-8 text") from fault
    escape = _escape_of(lines)
    return list(_instructions(lines, escape))


def _escape_of(lines: Sequence[str]) -> str:
    """Read the directives at the top; return the character that continues a line."""
    escape = "\\"
    if lines[0].startswith(("//", "{")):
        raise UnjudgeableError("it may ask for another syntax")
    for line in lines:
        found = _DIRECTIVE.match(line.strip())
        if not found:
            break
        name, value = found[1].lower(), found[2]
        if name == "syntax" and not _USUAL_SYNTAX.fullmatch(value):
            raise UnjudgeableError(f"it asks for the syntax {value}")
        if name == "escape":
            escape = value
    return escape


def _instructions(lines: Sequence[str], escape: str) -> Iterator[Instruction]:
    position = 0
    while position < len(lines):
        start = position
        text, position = _logical_line(lines, position, escape)
        if not text:
            continue
        name, _, rest = text.partition(" ")
        if name.upper() in _WITH_HEREDOC:
            position = _after_heredocs(lines, position, rest)
        yield Instruction(start + 1, name.upper(), rest.strip())


def _logical_line(lines: Sequence[str], position: int, escape: str) -> tuple[str, int]:
    """Join a line with those that continue it; comments and blank lines between them have no meaning."""
    parts: list[str] = []
    while position < len(lines):
        line = lines[position].rstrip()
        position += 1
        if line.lstrip().startswith("#") or not line.strip():
            if parts:
                continue
            return "", position
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line[: -len(escape)])
    return re.sub(r"\s+", " ", "".join(parts).strip(), count=1), position


def _after_heredocs(lines: Sequence[str], position: int, rest: str) -> int:
    """Return the line after the bodies of all heredocs that the instruction starts."""
    for found in filter(None, map(_HEREDOC.fullmatch, rest.split())):
        bodies = [line.lstrip("\t") if found[1] else line for line in lines[position:]]
        word = found[2].strip("\"'")
        if word not in bodies:
            raise UnjudgeableError(f"the end of <<{word} is not found")
        position += bodies.index(word) + 1
    return position
