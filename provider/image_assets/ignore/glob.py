"""`ignoreMode: glob`: minimatch with `matchBase`, as AWS CDK's `GlobIgnoreStrategy` uses it.

The last pattern that matches an entry decides; a pattern that starts with `!` includes. A pattern without a `/`
matches the name in any directory. `*`, `?` and `**` match no leading dot. Nothing in an ignored directory can be
included again: CDK does not look into one (aws-cdk-lib, `core/lib/fs/ignore`).

bracex expands the braces and wcmatch matches single names; how a pattern's parts meet a path's is written here after
minimatch (https://github.com/isaacs/minimatch), from which wcmatch's own path matching differs under `matchBase`.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache

import bracex
from wcmatch import fnmatch

from image_assets.frozen import dataclass
from image_assets.ignore.ignorefile import BadPatternError, Line
from image_assets.ignore.rules import LEFT_OUT, Entered, Everything, Level, Picked, Verdict, pick_each

_FLAGS = fnmatch.EXTMATCH | fnmatch.FORCEUNIX | fnmatch.CASE
_BRACES = re.compile(r"\{(?:(?!\{).)*\}")
_MOST_ALTERNATIVES = 10_000
_SINGLE = re.compile(r"(?<![\\\[])\[([^\[\]!^\\])\]")
_NEGATED = re.compile(r"([^\\*?\[\]()!+@{}|]*)!\(([^()]*)\)(.*)")
_WILD = frozenset("*?[(")

_Part = re.Pattern[str] | None
"""The expression for one name; None stands for `**`."""


@dataclass(frozen=True)
class GlobPattern:
    """One pattern.

    Attributes:
        includes: Whether it starts with `!`.
        alternatives: What its braces expand to, each as its parts.
    """

    includes: bool
    alternatives: Sequence[Sequence[_Part]]

    def matches(self, path: Sequence[str]) -> bool:
        """Say whether it matches the path, given as its parts."""
        return any(_fits(path[-1:] if len(parts) == 1 else path, parts) for parts in self.alternatives)


def glob_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root.

    Raises:
        BadPatternError: A pattern has no meaning.
    """
    patterns = [compile_pattern(line) for line in lines if not line.text.startswith("#")]
    return _GlobLevel(patterns[::-1], ()) if patterns else Everything()


def compile_pattern(line: Line) -> GlobPattern:
    """Compile one line.

    Raises:
        BadPatternError: It expands to too much, or has no meaning.
    """
    bare = line.text.lstrip("!")
    try:
        expanded = bracex.expand(bare, keep_escapes=True, limit=_MOST_ALTERNATIVES) if _BRACES.search(bare) else [bare]
        alternatives = [_parts(text) for text in dict.fromkeys(expanded)]
    except (ValueError, re.error, bracex.ExpansionLimitException) as fault:
        raise BadPatternError(line, str(fault)) from fault
    return GlobPattern(line.text.startswith("!"), alternatives)


def _parts(pattern: str) -> list[_Part]:
    """Split at slashes, and shorten as minimatch does: `a/../b` is `b`, `**/**` is `**`."""
    kept: list[str] = []
    for part in re.split("/+", pattern):
        if part == ".." and kept and kept[-1] not in ("", ".", "..", "**"):
            kept.pop()
        elif part != "**" or kept[-1:] != ["**"]:
            kept.append(part)
    return [None if part == "**" else _name_regexp(part) for part in kept or [""]]


@cache
def _name_regexp(part: str) -> re.Pattern[str]:
    part = _SINGLE.sub(_literal, part)
    found = _NEGATED.fullmatch(part)
    if found is None or not _WILD & set(found[3]):
        return re.compile(_translated(part))
    # In minimatch `!(a)*` asks for a name that `a*` does not match as a whole, in wcmatch for one that `*` follows on
    # something else than `a`, which is so for all names.
    start, inner, rest = found.groups()
    # A rest that is a star alone is not empty to minimatch.
    unwanted = f"@({inner})" + ("?*" if not start and rest == "*" else rest)
    refused = _translated(unwanted, fnmatch.DOTMATCH).replace("^(?s:", "(?s:")
    return re.compile(f"(?!{re.escape(start)}(?:{refused}))(?:{_translated(f'{start}*{rest}')})")


def _literal(found: re.Match[str]) -> str:
    """Return the one character of a class as itself: to minimatch `[.]` is a dot that was asked for."""
    return "\\" + found[1]


def _translated(part: str, flags: int = 0) -> str:
    # To minimatch a backslash with nothing behind it is one, to wcmatch it is nothing.
    dangling = (len(part) - len(part.rstrip("\\"))) % 2
    wanted, _ = fnmatch.translate(part + "\\" * dangling, flags=_FLAGS | flags)
    return "|".join(wanted)


def _fits(path: Sequence[str], parts: Sequence[_Part]) -> bool:
    """Say whether the parts, from the first to the last, take up the whole path."""
    # Where in the path the parts so far can end: with several `**` there are many ways to the same place.
    ends = {0}
    for index, part in enumerate(parts):
        if part is not None:
            ends = {end + 1 for end in ends if end < len(path) and part.fullmatch(path[end])}
        elif index < len(parts) - 1:
            ends = {reached for end in ends for reached in range(end, _before_dot(path, end) + 1)}
        else:
            # The last `**` takes something.
            ends = {len(path)} & {_before_dot(path, end) for end in ends if end < len(path)}
    return len(path) in ends


def _before_dot(path: Sequence[str], start: int) -> int:
    """Return how far `**` can go: it matches no name that starts with a dot."""
    return next((index for index in range(start, len(path)) if path[index].startswith(".")), len(path))


class _GlobLevel:
    """One directory's rules; the patterns stand last first."""

    def __init__(self, patterns: Sequence[GlobPattern], directory: tuple[str, ...]) -> None:
        self._patterns = patterns
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return Verdict.IGNORED if self._ignores(name) else Verdict.COUNTS

    def pick(self, names: list[str]) -> Picked:
        """Judge many such entries."""
        return pick_each(self.judge, names)

    def enter(self, name: str) -> Entered:
        """Judge a directory."""
        if self._ignores(name):
            return LEFT_OUT
        return Entered(ignored=False, level=_GlobLevel(self._patterns, (*self._directory, name)))

    def _ignores(self, name: str) -> bool:
        path = (*self._directory, name)
        for pattern in self._patterns:
            if pattern.matches(path):
                return not pattern.includes
        return False
