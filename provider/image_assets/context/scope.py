"""`scope: dockerfile`: of the entries that reach the builder, only those that the Dockerfile can take count (R9).

The judgement errs on the wide side: a wildcard takes all names it could match, `--exclude` takes nothing away. Where no
judgement is possible the whole context counts, and a notice says why. One thing cannot be seen here: an
`ONBUILD COPY` inside a base image that lies in a registry.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from image_assets.context.dockerfile import UnjudgeableError, parse
from image_assets.context.dockerfile_content import read_dockerfile
from image_assets.context.spec import ContextSpec
from image_assets.context.stages import copied_paths
from image_assets.ignore.rules import LEFT_OUT, Entered, Level, Picked, Verdict, pick_each


@dataclass(frozen=True)
class Scope:
    """What of a context can be copied.

    Attributes:
        paths: Files and directories from the root, the latter with all inside; None for the whole context.
        notices: Why it is the whole context.
    """

    paths: frozenset[str] | None = None
    notices: tuple[str, ...] = ()


def judge_scope(spec: ContextSpec, root: str) -> Scope:
    """Find out what the Dockerfile can take.

    Raises:
        InputError: The Dockerfile cannot be read.
    """
    if spec.scope != "dockerfile" or spec.dockerfile is None:
        return Scope()
    try:
        sources = copied_paths(parse(read_dockerfile(spec.dockerfile)), spec.target, spec.build_args)
        paths = frozenset(path for source in sources for path in _found(root, source))
    except UnjudgeableError as fault:
        return Scope(notices=(f"`scope: dockerfile` does not work for {spec.dockerfile.name}, all counts: {fault}",))
    return Scope() if "" in paths else Scope(paths)


def _found(root: str, source: str) -> Iterator[str]:
    """Return the paths that a source leads to; none if there is no such file, which is the builder's to say."""
    cleaned = posixpath.normpath("/" + source).strip("/")
    if "**" in cleaned:
        raise UnjudgeableError(f"** in {source} is not followed")
    found = [""]
    for part in cleaned.split("/") if cleaned else ():
        found = [path for parent in found for path in _children(root, parent, part)]
    yield from found


def _children(root: str, parent: str, part: str) -> Iterator[str]:
    """Return the entries of one directory that a source's component can mean."""
    for name in _names(os.path.join(root, parent), part):  # noqa: PTH118 - names may be any bytes
        path = posixpath.join(parent, name)
        try:
            mode = os.lstat(os.path.join(root, path)).st_mode  # noqa: PTH118 - see above
        except OSError:
            continue
        if stat.S_ISLNK(mode):
            raise UnjudgeableError(f"{path} is a symbolic link, and what a link leads to is not followed")
        yield path


def _names(directory: str, part: str) -> Iterable[str]:
    if not set("*?[\\") & set(part):
        return [part]
    try:
        return filter(_wide(part).fullmatch, os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return ()


def _wide(part: str) -> re.Pattern[str]:
    """Return an expression for all that a wildcard component can match, and perhaps more."""
    if set("[\\") & set(part):
        return re.compile("(?s:.*)")
    texts = {"*": ".*", "?": "."}
    return re.compile("(?s:" + "".join(texts.get(character) or re.escape(character) for character in part) + ")")


class ScopedLevel:
    """The rules of a directory above what can be copied; inside, the context's own rules hold alone.

    Args:
        level: The context's own rules for this directory.
        paths: What can be copied.
        roads: The directories that lead there.
        directory: This directory, empty or ending in `/`.
    """

    def __init__(self, level: Level, paths: frozenset[str], roads: frozenset[str], directory: str = "") -> None:
        self._level = level
        self._paths = paths
        self._roads = roads
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return self._level.judge(name) if self._directory + name in self._paths else Verdict.IGNORED

    def pick(self, names: list[str]) -> Picked:
        """Judge many such entries."""
        return pick_each(self.judge, names)

    def enter(self, name: str) -> Entered:
        """Judge a directory: on the way it counts only if something in it does."""
        path = self._directory + name
        if path in self._paths:
            return self._level.enter(name)
        if path not in self._roads:
            return LEFT_OUT
        inner = self._level.enter(name).level
        if inner is None:
            return LEFT_OUT
        return Entered(ignored=True, level=ScopedLevel(inner, self._paths, self._roads, path + "/"))


def narrowed(level: Level, scope: Scope) -> Level:
    """Narrow a context's rules to what can be copied."""
    if scope.paths is None:
        return level
    parts = [path.split("/") for path in scope.paths]
    roads = frozenset("/".join(part[:end]) for part in parts for end in range(1, len(part)))
    return ScopedLevel(level, scope.paths, roads)
