"""`ignoreMode: git`: the patterns mean what they would in the one `.gitignore` at the context's root.

A pattern is one of pathspec's, with the matching written after https://git-scm.com/docs/gitignore and git's `dir.c`:
pathspec's own differs from git in corners that generated trees find at once (it refuses a trailing backslash, and
`!***/*` does not re-include what it does in git). On the way down, the last pattern that matches an entry itself
decides, and nothing in an ignored directory can be included again.

Nested `.gitignore` files, the user's global one and `.git/info/exclude` are not read: they would make the outcome
depend on the machine, or on files that are not the asset's.
"""

import os
import re
from collections.abc import Iterable, Sequence

from pathspec.pattern import Pattern

from image_assets.ignore.ignorefile import Line
from image_assets.ignore.rules import LEFT_OUT, Entered, Everything, Level, Picked, Verdict, pick_each
from image_assets.ignore.wildmatch import NeverMatchesError, literal_length, translate


class GitPattern(Pattern):
    """One line of a `.gitignore`, as a pattern of pathspec's.

    Args:
        ignores: What a match means: ignored, or with a leading `!` included again.
        directory_only: Whether it ends in `/`.
        by_name: Whether it is matched with the entry's name alone, since it holds no other `/`.
        regexp: Matches the name, or the path from the root.
    """

    __slots__ = ("by_name", "directory_only", "regexp")

    def __init__(self, *, ignores: bool, directory_only: bool, by_name: bool, regexp: re.Pattern[str]) -> None:
        super().__init__(ignores)
        self.directory_only = directory_only
        self.by_name = by_name
        self.regexp = regexp

    def match_file(self, file: str) -> re.Match[str] | None:
        """Match a path from the root; a directory's ends in `/`."""
        path = file.removesuffix("/")
        if self.directory_only and path == file:
            return None
        return self.regexp.fullmatch(path.rpartition("/")[2] if self.by_name else path)


def git_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root."""
    patterns = [pattern for line in lines if (pattern := compile_pattern(line)) is not None]
    return _GitLevel(patterns[::-1], "") if patterns else Everything()


def compile_pattern(line: Line) -> GitPattern | None:
    """Compile one line; None if it can match nothing: a comment, or a pattern that git takes but cannot use."""
    # git reads a pattern up to a zero byte.
    text = _trim(_as_bytes(line.text.partition("\0")[0]))
    if text.startswith("#"):
        return None
    includes = text.startswith("!")
    text = text.removeprefix("!")
    directory_only = text.endswith("/")
    text = text.removesuffix("/")
    if not text:
        return None
    by_name = "/" not in text
    text = text.removeprefix("/")
    fixed = literal_length(text)
    try:
        # git compares the literal start itself, so that stars behind it count as standing at a pattern's start.
        regexp = re.compile(re.escape(text[:fixed]) + translate(text[fixed:]))
    except NeverMatchesError:
        return None
    return GitPattern(ignores=not includes, directory_only=directory_only, by_name=by_name, regexp=regexp)


def _as_bytes(text: str) -> str:
    """Show each byte as one character."""
    return text if text.isascii() else os.fsencode(text).decode("latin-1")


def _trim(text: str) -> str:
    """Drop trailing spaces that are not escaped."""
    end = 0
    position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
            end = position + 1
        elif text[position] != " ":
            end = position + 1
        position += 1
    return text[:end]


class _GitLevel:
    """One directory's rules; the patterns stand last first."""

    def __init__(self, patterns: Sequence[GitPattern], directory: str) -> None:
        self._patterns = patterns
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return Verdict.IGNORED if self._ignores(name, is_directory=False) else Verdict.COUNTS

    def pick(self, names: list[str]) -> Picked:
        """Judge many such entries."""
        return pick_each(self.judge, names)

    def enter(self, name: str) -> Entered:
        """Judge a directory."""
        if self._ignores(name, is_directory=True):
            return LEFT_OUT
        return Entered(ignored=False, level=_GitLevel(self._patterns, f"{self._directory}{name}/"))

    def _ignores(self, name: str, *, is_directory: bool) -> bool:
        file = _as_bytes(self._directory) + _as_bytes(name) + ("/" if is_directory else "")
        found = next((pattern for pattern in self._patterns if pattern.match_file(file)), None)
        return found is not None and bool(found.include)
