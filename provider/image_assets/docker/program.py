"""Finding a program that builds as BuildKit or podman does."""

import functools
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image_assets.command import Command, CommandMissingError, CommandTimeoutError, LocalRunner
from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.errors import BuildError

_TIMEOUT: Final = 30.0
"""Seconds for a question that a program answers without asking anybody; a loaded machine takes long to start one."""
_FIRST_WITHOUT_OWN_BUILDKIT: Final = 23
"""From version 23 on docker's CLI builds with BuildKit through the buildx plugin only (its release notes)."""
_OTHERS: Final[Mapping[str, Dialect]] = {"podman": PODMAN, "nerdctl": NERDCTL, "finch": NERDCTL}


@dataclass(frozen=True)
class Program:
    """A program that can build.

    Attributes:
        path: The program.
        dialect: How it is called.
        plugin: The buildx program, where docker itself does not find it: it runs alone too.
    """

    path: str
    dialect: Dialect
    plugin: str | None = None

    @property
    def buildx(self) -> tuple[str, ...]:
        """The words that start buildx."""
        return (self.plugin,) if self.plugin else (self.path, "buildx")

    @property
    def build(self) -> tuple[str, ...]:
        """The words that start a build."""
        return (*self.buildx, "build") if self.dialect is BUILDX else (self.path, "build")


def find_program(executable: str, environ: Mapping[str, str]) -> Program:
    """Find the first program of that name on PATH that can build; what was found is remembered.

    A docker CLI without buildx from version 23 on has the old builder only, which knows neither secrets nor
    `<Dockerfile>.dockerignore`: it is passed over for the next one on PATH.

    Raises:
        BuildError: There is no such program, or none can build.
    """
    search = environ.get("PATH", os.defpath)
    paths = tuple(_all_on_path(executable, search))
    if not paths:
        raise BuildError(
            f"`{executable}` is not installed: no program of that name is on PATH. "
            "Install docker with its buildx component, or name another program, such as podman, in `builder.executable`"
        )
    return _choose(paths, search, environ.get("DOCKER_CONFIG"), environ.get("HOME"))


def _all_on_path(executable: str, search: str) -> Iterator[str]:
    directories = [None] if os.path.dirname(executable) else search.split(os.pathsep)  # noqa: PTH120 - "./x" counts
    for directory in directories:
        if found := shutil.which(executable, path=directory):
            yield found


@functools.lru_cache(maxsize=32)
def _choose(paths: tuple[str, ...], search: str, config: str | None, home: str | None) -> Program:
    """Ask the programs in turn; the arguments are all that the answers depend on."""
    chosen = {"PATH": search, "DOCKER_CONFIG": config, "HOME": home}
    environment = os.environ | {name: value for name, value in chosen.items() if value is not None}
    for path in paths:
        if program := _identify(path, environment):
            return program
    raise BuildError(
        f"`{paths[0]}` cannot build with BuildKit: `{paths[0]} buildx version` fails, and the old builder has no "
        "secrets and other ignore rules. Install docker's buildx component (https://docs.docker.com/go/buildx/; "
        "Debian and Ubuntu: `apt-get install docker-buildx-plugin` or `docker-buildx`)"
    )


def _identify(path: str, environment: Mapping[str, str]) -> Program | None:
    version = _ask(path, "--version", environment) or ""
    for word, dialect in _OTHERS.items():
        if word in version.lower():
            return Program(path, dialect)
    if _ask(path, "buildx version", environment) is not None:
        return Program(path, BUILDX)
    if plugin := shutil.which("docker-buildx", path=environment["PATH"]):
        return Program(path, BUILDX, str(Path(plugin).absolute()))
    major = re.search(r"version v?(\d+)\.", version)
    if major and int(major[1]) < _FIRST_WITHOUT_OWN_BUILDKIT:
        return Program(path, EMBEDDED)
    return None


def _ask(path: str, words: str, environment: Mapping[str, str]) -> str | None:
    command = Command((path, *words.split()), environment=environment, timeout=_TIMEOUT)
    try:
        finished = LocalRunner().run(command, threading.Event())
    except (CommandMissingError, CommandTimeoutError):
        return None
    return finished.text if finished.code == 0 else None
