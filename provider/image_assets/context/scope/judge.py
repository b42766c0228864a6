"""Finding the files and directories that a Dockerfile can take."""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from image_assets.context.dockerfile_content import read_dockerfile
from image_assets.context.scope.instructions import parse
from image_assets.context.scope.stages import copied_paths
from image_assets.context.scope.words import UnjudgeableError
from image_assets.context.spec import ContextSpec

_SYNTAX_ARG = "BUILDKIT_SYNTAX"
"""A build argument that asks for another language, as `# syntax` does."""
_WILD = frozenset("*?[")
_PLAIN_CLASS = re.compile(r"\[\w+(?:-\w+)*\]", re.ASCII)
_DECISIVE_FLAG = re.compile("--(target|build-arg|build-context|file)(=|$)|-[A-Za-z]*f")


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
        _check_options(spec)
        sources = copied_paths(parse(read_dockerfile(spec.dockerfile)), spec.target, spec.build_args)
        paths = frozenset(path for source in sources for path in _found(root, source))
    except UnjudgeableError as fault:
        return Scope(notices=(f"`scope: dockerfile` does not work for {spec.dockerfile.name}, all counts: {fault}",))
    return Scope() if "" in paths else Scope(paths)


def _check_options(spec: ContextSpec) -> None:
    """Refuse options that are not looked into, and can change what is copied."""
    if _SYNTAX_ARG in spec.build_args:
        raise UnjudgeableError(f"the build argument {_SYNTAX_ARG} asks for another syntax")
    flag = next(filter(_DECISIVE_FLAG.match, spec.build_flags), None)
    if flag is not None:
        raise UnjudgeableError(f"{flag.partition('=')[0]} among the `buildFlags` can change what is copied")


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
    """Return the names that one component of a source can mean, and perhaps more."""
    if not _WILD & set(part):
        return [part]
    plain = _PLAIN_CLASS.sub("?", part)
    if "[" in plain:
        raise UnjudgeableError(f"the class in {part} may match a slash, too")
    texts = {"*": ".*", "?": "."}
    pattern = re.compile("(?s:" + "".join(texts.get(character) or re.escape(character) for character in plain) + ")")
    try:
        return filter(pattern.fullmatch, os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return ()
