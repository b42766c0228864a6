"""Whether what the inputs name is there, and is what it should be: on this machine, and for the program that builds."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from image_assets.context.habits import dockerfile_in, habits_of, like_dockerfiles
from image_assets.errors import Problem
from image_assets.inputs.build_fields import COMMIT
from image_assets.inputs.settings import Settings
from image_assets.plan.archive_command import missing_inputs
from image_assets.plan.commit import commit_time
from image_assets.plan.git_source import GitSource, git_source, is_git, wrong_with
from image_assets.plan.network import network_problems
from image_assets.values import has_unknown, plain

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_LOGIN = re.compile(r"://[^/]*@")
NUMBER = "write seconds since 1970 instead of `commit`"
_GIT_URL = "write its URL, as in https://host/it.git#branch:subdirectory"
_ARCHIVE = "give the path of an archive on this machine"
_HERE = "download it first, and give the path on this machine"
#: The files of which one makes a directory an image layout.
_LISTS = ("index.json", "manifest.json")


def location_problems(values: Mapping[str, Any], settings: Settings, base: Path) -> Iterator[Problem]:
    """Yield what is wrong with what the inputs name, whatever else is wrong with them."""
    directory, tarball = text_of(values, "directory"), text_of(values, "tarballFile")
    if source := git_source(directory or ""):
        yield from git_problems(source, values, settings)
        directory = None
    is_inline = values.get("dockerfileInline") is not None
    if directory and (is_inline or has_unknown([values.get("file"), values.get("builder")])):
        yield from context_problems(directory, base)
    elif directory:
        yield from directory_problems(directory, text_of(values, "file"), executable_of(values, settings), base)
    if directory and text_of(values, "sourceDateEpoch") == COMMIT and (base / directory).is_dir():
        yield from commit_problems(base / directory)
    if not has_unknown([values.get("builder")]):
        yield from network_problems(text_of(values, "networkMode"), executable_of(values, settings))
    command = plain(values.get("command"))
    if isinstance(command, dict) and isinstance(found := plain(command.get("inputs")), list):
        yield from missing_inputs(list(map(plain, found)), base)
    if tarball:
        yield from archive_problems(tarball, base)


def git_problems(source: GitSource, values: Mapping[str, Any], settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with a place in a git repository, and with what looks at its files before it is there."""
    if wrong := wrong_with(source):
        yield Problem("directory", wrong, is_shown=False)
    if text_of(values, "sourceDateEpoch") == COMMIT:
        yield Problem("sourceDateEpoch", f"the time of a commit in another repository is not looked up: {NUMBER}")
    given = plain(values.get("pinBaseImages"))
    if given is True or (given is None and settings.pin_base_images):
        yield Problem(
            "pinBaseImages", "the Dockerfile in a git repository is not read before the build: set it to false"
        )


def commit_problems(root: Path) -> Iterator[Problem]:
    """Yield that there is no commit where one is asked for."""
    if commit_time(root) is None:
        yield Problem("sourceDateEpoch", f"{root} is in no git repository with a commit, or there is no git: {NUMBER}")


def text_of(values: Mapping[str, Any], name: str) -> str | None:
    """Return an input if it is a text, and not empty."""
    value = plain(values.get(name))
    return value if isinstance(value, str) and value else None


def executable_of(values: Mapping[str, Any], settings: Settings) -> str:
    """Return the name of the program that builds."""
    builder = plain(values.get("builder"))
    own = text_of(builder, "executable") if isinstance(builder, dict) else None
    return own or settings.executable


def directory_problems(directory: str, file: str | None, executable: str, base: Path) -> Iterator[Problem]:
    """Yield what is wrong with a context and its Dockerfile."""
    root = base / directory
    if not root.is_dir():
        yield from context_problems(directory, base)
        return
    dockerfile = dockerfile_in(root, file, habits_of(executable))
    if not dockerfile.is_file():
        yield Problem("file", f"{missing(dockerfile, 'Dockerfile')}; {advice(root, file)}")


def context_problems(directory: str, base: Path) -> Iterator[Problem]:
    """Yield what is wrong with a context, whatever its Dockerfile is."""
    root = base / directory
    if not root.is_dir():
        reason = remote(directory, _GIT_URL) or f"{missing(root, 'directory')}; paths are relative to {base}"
        yield Problem("directory", reason, is_shown=not _LOGIN.search(directory))


def advice(root: Path, file: str | None) -> str:
    """Say how to name the Dockerfile that was probably meant."""
    there = like_dockerfiles(root)
    if not there:
        return "it is relative to `directory`" if file else "name yours in `file`, relative to `directory`"
    return f"`directory` holds {', '.join(there)}: write `file: {there[0]}` if that is meant"


def archive_problems(tarball: str, base: Path) -> Iterator[Problem]:
    """Yield what is wrong with the place of an archive."""
    path = base / tarball
    if path.is_dir():
        if not any((path / name).is_file() for name in _LISTS):
            yield Problem(
                "tarballFile",
                f"{path} is a directory without {_LISTS[0]}: give the directory of an OCI image layout, or a tar",
            )
    elif not path.is_file():
        reason = remote(tarball, _ARCHIVE) or f"{missing(path, 'file')}; paths are relative to {base}"
        yield Problem("tarballFile", reason, is_shown=not _LOGIN.search(tarball))


def remote(place: str, instead_of_git: str) -> str | None:
    """Say that a place is not on this machine, and what to write instead; None if it may be."""
    shown = _LOGIN.sub("://", place)
    if is_git(place):
        return f'"{shown}" is a git repository, not a path: {instead_of_git}'
    if _URL.match(place):
        return f'"{shown}" is a URL, not a path: {_HERE}'
    return None


def missing(path: Path, what: str) -> str:
    """Say that there is something else or nothing at a path."""
    return f"{path} is not a {what}" if path.exists() else f"there is no {what} at {path}"
