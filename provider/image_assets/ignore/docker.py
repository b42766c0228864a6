"""`ignoreMode: docker`: what BuildKit sends.

The sender is fsutil's filter (github.com/tonistiigi/fsutil, `filter.go`), which walks with patternmatcher's
`MatchesUsingParentResults`. So the rules here are those of that walk, and not of `MatchesOrParentMatches`, from which
it differs in corners: a pattern that was of no account for a directory is not tried on that directory again for the
entries inside. But fsutil opens a file only if the second rule includes it, too; if not, it sends the file as an empty
one. An example is `b` in a directory `a` under the patterns `a`, `!a/b`, `a`.

A pattern is split at its last `/` into a part that a directory is judged by, once, and a part for the name: a path then
costs two dictionary look-ups and one regular expression, however many patterns there are.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from image_assets.ignore.docker_pattern import DockerPattern, compile_pattern
from image_assets.ignore.docker_split import Split, split
from image_assets.ignore.go_text import as_go_string
from image_assets.ignore.ignorefile import BadPatternError, Line
from image_assets.ignore.rules import LEFT_OUT, Entered, Everything, Level, Picked, Verdict, pick_each

_NOTHING: tuple[int, ...] = ()
_NONE = -1
"""Comes before every pattern."""


def docker_rules(lines: Iterable[Line]) -> Level:
    """Return the rules at the context's root.

    Raises:
        BadPatternError: The builder would refuse a pattern.
    """
    lines = list(lines)
    patterns = [pattern for line in lines if (pattern := compile_pattern(line)) is not None]
    _refuse_unsendable(lines)
    if not patterns:
        return Everything()
    return DockerRules(patterns).top()


def _refuse_unsendable(lines: Sequence[Line]) -> None:
    """Refuse control characters: they are no part of a gRPC header, in which patterns that are all ASCII travel.

    Others travel encoded (moby/buildkit, session/filesync, `encodeStringForHeader`).
    """
    if all(line.text.isascii() for line in lines):
        for line in lines:
            if not line.text.isprintable():
                raise BadPatternError(line, "it has control characters, which the builder cannot be sent")


class DockerRules:
    """The patterns of one context, indexed."""

    def __init__(self, patterns: Sequence[DockerPattern]) -> None:
        self.exclusions = [pattern.exclusion for pattern in patterns]
        self._faults = {index: pattern.fault for index, pattern in enumerate(patterns) if pattern.fault is not None}
        self._splits = [split(pattern) for pattern in patterns]
        self._groups: dict[tuple[int, ...], _Group] = {}
        self._by_directory: dict[str, list[int]] = {}
        self._by_regexp: dict[re.Pattern[str], list[int]] = {}
        self._anywhere: list[int] = []
        for index, one in enumerate(self._splits):
            self._file(index, one)
        self._re_included = [pattern for pattern in patterns if pattern.exclusion]

    def _file(self, index: int, one: Split) -> None:
        if one.directory is not None:
            self._by_directory.setdefault(one.directory, []).append(index)
        elif one.directory_regexp is not None:
            self._by_regexp.setdefault(one.directory_regexp, []).append(index)
        else:
            self._anywhere.append(index)

    def top(self) -> Level:
        """Return the rules at the root."""
        return _DockerLevel(self, "", _NOTHING, _NONE)

    def group(self, directory: str) -> "_Group":
        """Return the patterns that can match an entry of the directory (empty, or ending in `/`)."""
        shown = as_go_string(directory)
        active = [*self._anywhere, *self._by_directory.get(directory, _NOTHING)]
        for regexp, indices in self._by_regexp.items():
            if regexp.match(shown):
                active += indices
        key = tuple(sorted(active))
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = _Group(key, [self._splits[index] for index in key])
        return found

    def outcome(self, hits: tuple[int, ...], new: Sequence[int]) -> tuple[bool, tuple[int, ...]]:
        """Apply the patterns in order; return whether the path is left out, and its own hits.

        Args:
            hits: The patterns that the parent directory hit: they hold without being asked again.
            new: The patterns that match the path itself: each counts only if it would change the outcome so far.
        """
        ignored = False
        kept: list[int] = []
        for index in sorted({*hits, *new}):
            inherited = index in hits
            if not inherited and index in self._faults and self.exclusions[index] is ignored:
                raise self._faults[index]
            if inherited or self.exclusions[index] is ignored:
                ignored = not self.exclusions[index]
                kept.append(index)
        return ignored, tuple(kept)

    def may_hold_included(self, directory: str) -> bool:
        """Say whether fsutil looks for re-included entries in this ignored directory."""
        return self._ever_looks and (not self._by_prefix or directory in self._roads)

    @cached_property
    def _ever_looks(self) -> bool:
        return bool(self._re_included)

    @cached_property
    def _by_prefix(self) -> bool:
        return all(pattern.prefix_only for pattern in self._re_included)

    @cached_property
    def _roads(self) -> frozenset[str]:
        """All directories that a re-included path leads through, itself included."""
        roads: set[str] = set()
        for pattern in self._re_included:
            parts = pattern.prefix.split("/")
            roads.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return frozenset(roads)


class _Group:
    """The patterns that can match in one directory (or in many that are alike), indexed by name."""

    def __init__(self, active: Sequence[int], splits: Sequence[Split]) -> None:
        self.always: list[int] = []
        self.names: dict[str, list[int]] = {}
        self.extensions: dict[str, list[int]] = {}
        self.searched: list[tuple[int, re.Pattern[str]]] = []
        self.raw: list[tuple[int, re.Pattern[str]]] = []
        self.whole: list[tuple[int, re.Pattern[str]]] = []
        for index, one in zip(active, splits, strict=True):
            self._file(index, one)
        self.any_searched = _any_of(self.searched)
        self.any_whole = _any_of(self.whole)
        self._ends = tuple(self.extensions)
        self._matches = bool(self.searched or self.whole or self.raw)

    def _file(self, index: int, one: Split) -> None:
        if one.raw is not None:
            self.raw.append((index, one.raw))
        elif one.whole is not None:
            self.whole.append((index, one.whole))
        elif one.name is not None:
            self.names.setdefault(one.name, []).append(index)
        elif one.extension is not None:
            self.extensions.setdefault(one.extension, []).append(index)
        elif one.name_regexp is not None:
            self.searched.append((index, one.name_regexp))
        else:
            self.always.append(index)

    def touched(self, directory: str, names: list[str]) -> list[str]:
        """Return those of many names that any pattern matches; most directories have none."""
        if self.always:
            return names
        known, ends = self.names, self._ends
        if self._matches:
            return [name for name in names if name in known or name.endswith(ends) or self.hits(directory, name)]
        return [name for name in names if name in known or name.endswith(ends)]

    def hits(self, directory: str, name: str) -> Sequence[int]:
        """Return the patterns that match the entry itself."""
        found: list[int] = self.always
        if name in self.names:
            found = found + self.names[name]
        if self.extensions and (dot := name.rfind(".")) >= 0 and (extension := name[dot:]) in self.extensions:
            found = found + self.extensions[extension]
        if self.any_searched is not None and self.any_searched(shown := as_go_string(name)):
            found = found + [index for index, regexp in self.searched if regexp.match(shown)]
        if self.any_whole is not None and self.any_whole(shown := as_go_string(directory + name)):
            found = found + [index for index, regexp in self.whole if regexp.match(shown)]
        if self.raw:
            found = found + [index for index, regexp in self.raw if regexp.match(directory + name)]
        return found


def _any_of(regexps: Sequence[tuple[int, re.Pattern[str]]]) -> Callable[[str], object] | None:
    """Return one test that says whether any of them matches."""
    if not regexps:
        return None
    return re.compile("|".join(f"(?:{regexp.pattern})" for _, regexp in regexps), re.ASCII).match


def _alike(names: list[str], verdict: Verdict) -> Picked:
    return Picked(names if verdict is Verdict.COUNTS else [], names if verdict is Verdict.EMPTY else [])


class _DockerLevel:
    """One directory's rules.

    Args:
        rules: All patterns.
        directory: Its path, empty or ending in `/`.
        hits: The patterns it hit, in the order of the file.
        last: The last pattern that matches it or a directory above, of account or not.
    """

    __slots__ = ("_directory", "_group", "_hits", "_last", "_plain", "_rules")

    def __init__(self, rules: DockerRules, directory: str, hits: tuple[int, ...], last: int) -> None:
        self._rules = rules
        self._directory = directory
        self._hits = hits
        self._last = last
        self._group = rules.group(directory)
        self._plain = self._verdict(_NOTHING)

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        new = self._group.hits(self._directory, name)
        return self._verdict(new) if new else self._plain

    def _verdict(self, new: Sequence[int]) -> Verdict:
        if self._rules.outcome(self._hits, new)[0]:
            return Verdict.IGNORED
        last = max(self._last, *new, _NONE)
        return Verdict.COUNTS if last == _NONE or self._rules.exclusions[last] else Verdict.EMPTY

    def pick(self, names: list[str]) -> Picked:
        """Judge many such entries."""
        touched = self._group.touched(self._directory, names)
        if not touched:
            return _alike(names, self._plain)
        picked = pick_each(self.judge, touched)
        others = _alike([*set(names).difference(touched)], self._plain)
        return Picked(picked.counting + others.counting, picked.emptied + others.emptied)

    def enter(self, name: str) -> Entered:
        """Judge a directory."""
        path = self._directory + name
        new = self._group.hits(self._directory, name)
        ignored, hits = self._rules.outcome(self._hits, new)
        if ignored and not self._rules.may_hold_included(path):
            return LEFT_OUT
        return Entered(ignored, _DockerLevel(self._rules, path + "/", hits, max(self._last, *new, _NONE)))
