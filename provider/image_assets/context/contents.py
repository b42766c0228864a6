"""What of a directory reaches the builder, entry by entry, and for what does not the pattern that keeps it out."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from image_assets.context.place import Places
from image_assets.context.rules import ignore_lines, level_of
from image_assets.context.selection import Selection, select
from image_assets.context.spec import ContextSpec
from image_assets.frozen import dataclass
from image_assets.ignore.ignorefile import Line
from image_assets.ignore.rules import Level, Verdict
from image_assets.task import Task


@dataclass(frozen=True)
class Entry:
    """Something that reaches the builder.

    Attributes:
        path: Its path from the context's root; a directory's ends in `/`.
        kind: `file`, `link`, `directory` or `other`.
        size: A file's bytes that the builder gets, else 0.
    """

    path: str
    kind: str
    size: int


@dataclass(frozen=True)
class KeptOut:
    """Something that does not reach the builder, and neither does anything in it.

    Attributes:
        path: Its path from the context's root; a directory's ends in `/`.
        origin: Where the pattern stands that decided: file and line, or the input property; `scope` if none did.
        pattern: The pattern; for `scope` the reason in words.
    """

    path: str
    origin: str
    pattern: str


def entries(spec: ContextSpec, task: Task) -> Iterator[Entry]:
    """Yield what reaches the builder, directory by directory.

    Raises:
        InputError: A directory, pattern or entry is wrong or cannot be read.
    """
    yield from _entries(select(spec), task)


def _entries(selection: Selection, task: Task) -> Iterator[Entry]:
    root = Path(selection.root)
    with Places() as places:
        for listing in selection.tree(places, task).listings():
            yield from (Entry(path, "directory", 0) for path in listing.directories)
            for name in (*listing.files, *listing.followed):
                yield Entry(listing.path + name, "file", (root / listing.path / name).stat().st_size)
            yield from (Entry(listing.path + name, "file", 0) for name in listing.emptied)
            yield from (Entry(listing.path + name, "link", 0) for name in listing.links)
            yield from (Entry(listing.path + name, "other", 0) for name in listing.others)


def kept_out(spec: ContextSpec, task: Task) -> Iterator[KeptOut]:
    """Yield what does not reach the builder; of a directory that is left out whole only the directory.

    Raises:
        InputError: A directory, pattern or entry is wrong or cannot be read.
    """
    selection = select(spec)
    counting = {entry.path for entry in _entries(selection, task)}
    ways = {path[: end + 1] for path in counting for end, character in enumerate(path) if character == "/"}
    deciding = _Deciding(selection)
    pending = [""]
    while pending:
        task.check()
        directory = pending.pop()
        with os.scandir(os.path.join(selection.root, directory)) as found:  # noqa: PTH118 - as scandir wants it
            listed = sorted(found, key=lambda one: one.name)
        for one in listed:
            is_directory = one.is_dir(follow_symlinks=False)
            path = f"{directory}{one.name}/" if is_directory else directory + one.name
            if path in ways:
                pending.append(path)
            elif path not in counting:
                yield deciding.of(path)


class _Deciding:
    """Finds the line that decides on a path: the one without which, and with all after it, the path would count."""

    def __init__(self, selection: Selection) -> None:
        self._spec = selection.spec
        self._lines = ignore_lines(selection.spec, selection.file)
        self._level = cache(self._level_of)

    def of(self, path: str) -> KeptOut:
        count = len(self._lines)
        if not self._ignores(count, path):
            return KeptOut(path, "scope", "no COPY, ADD or mount of the Dockerfile takes it")
        while self._ignores(count - 1, path):
            count -= 1
        line: Line = self._lines[count - 1]
        return KeptOut(path, line.origin, line.text)

    def _level_of(self, count: int) -> Level:
        return level_of(self._spec, self._lines[:count])

    def _ignores(self, count: int, path: str) -> bool:
        """Say whether the first so many lines keep a path out."""
        *parents, name = path.removesuffix("/").split("/")
        level = self._level(count)
        for parent in parents:
            inner = level.enter(parent).level
            if inner is None:
                return True
            level = inner
        if path.endswith("/"):
            return level.enter(name).ignored
        return level.judge(name) is Verdict.IGNORED
