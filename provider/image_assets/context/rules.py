"""The ignore rules of one context: which file they come from, and the language they are in."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from image_assets.context.faults import refused_pattern
from image_assets.context.links import resolve_within
from image_assets.context.spec import ContextSpec
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.ignore.ignorefile import (
    BadPatternError,
    Line,
    read_exclude,
    read_lines,
    read_raw_exclude,
    read_raw_lines,
)
from image_assets.ignore.rules import Level


@dataclass(frozen=True)
class IgnoreFile:
    """The ignore file in force.

    Attributes:
        name: How messages call it.
        content: Its bytes; empty if there is none.
        own: Whether it holds for one Dockerfile alone.
    """

    name: str = ".dockerignore"
    content: bytes = b""
    own: bool = False


def ignore_file(spec: ContextSpec) -> IgnoreFile:
    """Find and read the ignore file: docker's is `<Dockerfile>.dockerignore` beside it, or else the root's own.

    Source: https://docs.docker.com/build/concepts/context/#filename-and-location; `Habits` for other programs.

    Raises:
        InputError: It is there but cannot be read.
    """
    for directory, name in _candidates(spec):
        content = _content(directory, name)
        if content is not None:
            return IgnoreFile(name, content, own=name not in spec.habits.ignore_files)
    return IgnoreFile()


def _candidates(spec: ContextSpec) -> Iterator[tuple[Path, str]]:
    """Yield where an ignore file may be, the one that counts first."""
    if spec.dockerfile is not None and spec.dockerfile_text is None:
        for ending in spec.habits.own_ignore_files:
            yield spec.dockerfile.parent, spec.dockerfile.name + ending
    for name in spec.habits.ignore_files:
        yield spec.root, name


def has_empty_ignore_file(spec: ContextSpec) -> bool:
    """Say whether the ignore file in force is the Dockerfile's own, and empty: some frontends take it for none."""
    file = ignore_file(spec)
    return file.own and not file.content


def _content(directory: Path, name: str) -> bytes | None:
    """Return the file's bytes, or None if there is no such file.

    BuildKit resolves a link with the directory as root, as nothing outside has been sent to it.
    """
    path = resolve_within(str(directory), name)
    try:
        return Path(path).read_bytes() if path is not None and Path(path).is_file() else None
    except OSError as fault:
        raise InputError.single(
            "directory", f"cannot read the ignore file {directory / name}: {fault.strerror}"
        ) from fault


def top_level(spec: ContextSpec, file: IgnoreFile) -> Level:
    """Return the rules at the context's root.

    Raises:
        InputError: A pattern is invalid; names file and line.
    """
    try:
        return level_of(spec, ignore_lines(spec, file))
    except BadPatternError as fault:
        raise refused_pattern(fault) from fault


def ignore_lines(spec: ContextSpec, file: IgnoreFile) -> list[Line]:
    """Return the lines of the ignore file, and the patterns of `exclude` after them.

    Raises:
        BadPatternError: A line is too long.
    """
    if spec.ignore_mode == "docker":
        return [*read_lines(file.content, file.name), *read_exclude(spec.exclude)]
    return [*read_raw_lines(file.content, file.name), *read_raw_exclude(spec.exclude)]


def level_of(spec: ContextSpec, lines: Sequence[Line]) -> Level:
    """Return the rules that lines of a context's language make.

    Raises:
        BadPatternError: A pattern is invalid.
    """
    return _LANGUAGES[spec.ignore_mode](lines)


def _docker(lines: Sequence[Line]) -> Level:
    from image_assets.ignore.docker import docker_rules  # noqa: PLC0415 - see _LANGUAGES

    return docker_rules(lines)


def _git(lines: Sequence[Line]) -> Level:
    from image_assets.ignore.git import git_rules  # noqa: PLC0415 - see _LANGUAGES

    return git_rules(lines)


def _glob(lines: Sequence[Line]) -> Level:
    from image_assets.ignore.glob import glob_rules  # noqa: PLC0415 - see _LANGUAGES

    return glob_rules(lines)


_LANGUAGES = {"docker": _docker, "git": _git, "glob": _glob}
"""Each imports its language only when it is used: wcmatch would slow every start."""
