"""`ignoreMode: glob`: minimatch with `matchBase`, as AWS CDK's `GlobIgnoreStrategy` uses it.

The last pattern that matches an entry decides; a pattern that starts with `!` includes. A pattern without a `/` matches
the name in any directory. `*` and `?` match no leading dot. Nothing in an ignored directory can be included again: CDK
does not look into one (aws-cdk-lib, `core/lib/fs/ignore`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wcmatch import glob

from image_assets.ignore.ignorefile import BadPatternError, Line
from image_assets.ignore.rules import LEFT_OUT, Entered, Everything, Level, Verdict

_FLAGS = glob.GLOBSTAR | glob.EXTGLOB | glob.BRACE | glob.MATCHBASE | glob.FORCEUNIX | glob.CASE


@dataclass(frozen=True)
class _Pattern:
    includes: bool
    regexps: Sequence[re.Pattern[str]]

    def matches(self, path: str) -> bool:
        return any(regexp.fullmatch(path) for regexp in self.regexps)


def glob_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root.

    Raises:
        BadPatternError: A pattern has no meaning.
    """
    patterns = [_compile(line) for line in lines if line.text and not line.text.startswith("#")]
    return _GlobLevel(patterns, "") if patterns else Everything()


def _compile(line: Line) -> _Pattern:
    bare = line.text.lstrip("!")
    try:
        wanted, _ = glob.translate(bare, flags=_FLAGS)
        return _Pattern(line.text.startswith("!"), [re.compile(text) for text in wanted])
    except (ValueError, re.error) as fault:
        raise BadPatternError(line, str(fault)) from fault


class _GlobLevel:
    """One directory's rules."""

    def __init__(self, patterns: Sequence[_Pattern], directory: str) -> None:
        self._patterns = patterns
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return Verdict.IGNORED if self._ignores(self._directory + name) else Verdict.COUNTS

    def enter(self, name: str) -> Entered:
        """Judge a directory."""
        path = self._directory + name
        return LEFT_OUT if self._ignores(path) else Entered(ignored=False, level=_GlobLevel(self._patterns, path + "/"))

    def _ignores(self, path: str) -> bool:
        for pattern in reversed(self._patterns):
            if pattern.matches(path):
                return not pattern.includes
        return False
