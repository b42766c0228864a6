"""`ignoreMode: git`: the patterns mean what they would in the one `.gitignore` at the context's root.

pathspec reads each pattern (https://git-scm.com/docs/gitignore); git's rule for a whole path is applied here, on the
way down: the last pattern that matches the entry itself decides, and nothing in an ignored directory can be included
again. Nested `.gitignore` files, the user's global one and `.git/info/exclude` are not read: they would make the outcome
depend on the machine, or on files that are not the asset's.
"""

from collections.abc import Iterable, Sequence

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from image_assets.ignore.ignorefile import BadPatternError, Line
from image_assets.ignore.rules import LEFT_OUT, Entered, Everything, Level, Verdict

_DIRECTORY_MARK = "ps_d"
"""The group by which pathspec's expressions tell where the directory that they matched ends."""


def git_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root.

    Raises:
        BadPatternError: A pattern has no meaning.
    """
    patterns = [pattern for line in lines if (pattern := _compile(line)).include is not None]
    return _GitLevel(patterns, "") if patterns else Everything()


def _compile(line: Line) -> GitIgnoreSpecPattern:
    try:
        return GitIgnoreSpecPattern(line.text)
    except ValueError as fault:
        raise BadPatternError(line, str(fault)) from fault


class _GitLevel:
    """One directory's rules."""

    def __init__(self, patterns: Sequence[GitIgnoreSpecPattern], directory: str) -> None:
        self._patterns = patterns
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return Verdict.IGNORED if self._ignores(self._directory + name) else Verdict.COUNTS

    def enter(self, name: str) -> Entered:
        """Judge a directory."""
        path = f"{self._directory}{name}/"
        return LEFT_OUT if self._ignores(path) else Entered(ignored=False, level=_GitLevel(self._patterns, path))

    def _ignores(self, path: str) -> bool:
        for pattern in reversed(self._patterns):
            if _matches(pattern, path):
                return bool(pattern.include)
        return False


def _matches(pattern: GitIgnoreSpecPattern, path: str) -> bool:
    """Say whether the pattern matches the path itself, and not just a directory above it."""
    found = pattern.regex.match(path) if pattern.regex is not None else None
    if found is None:
        return False
    marked = found.groupdict().get(_DIRECTORY_MARK)
    return marked is None or found.end(_DIRECTORY_MARK) == len(path)
