"""Finding a program that builds as BuildKit or podman does."""

import functools
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.logins.docker_config import config_directory, docker_config
from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner

_TIMEOUT: Final = 30.0
"""Seconds for a question that a program answers without asking anybody; a loaded machine takes long to start one."""
_FIRST_WITHOUT_OWN_BUILDKIT: Final = 23
"""From version 23 on docker's CLI builds with BuildKit through the buildx plugin only (its release notes)."""
_CHOOSING: Final = threading.Lock()
_PLUGIN: Final = "docker-buildx"
_PLUGIN_DIRECTORIES: Final = tuple(
    f"/usr/{prefix}/docker/cli-plugins" for prefix in ("local/lib", "local/libexec", "lib", "libexec")
)
"""Where docker looks for plugins on every Unix (github.com/docker/cli `cli-plugins/manager`)."""
_OTHERS: Final[Mapping[str, Dialect]] = {"podman": PODMAN, "nerdctl": NERDCTL, "finch": NERDCTL}


@dataclass(frozen=True)
class Program:
    """A program that can build.

    Attributes:
        path: The program.
        dialect: How it is called.
        plugin: The buildx program, which runs without docker in front of it too: that is a process less.
        knows_plugin: Whether docker itself finds buildx.
    """

    path: str
    dialect: Dialect
    plugin: str | None = None
    knows_plugin: bool = True

    @property
    def buildx(self) -> tuple[str, ...]:
        """The words that start buildx."""
        return (self.plugin,) if self.plugin else (self.path, "buildx")

    @property
    def build(self) -> tuple[str, ...]:
        """The words that start a build."""
        return (*self.buildx, "build") if self.dialect is BUILDX else (self.path, "build")

    @property
    def by_hand(self) -> "Program":
        """The program as a person would call it."""
        return replace(self, plugin=None) if self.knows_plugin else self


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
    # Several builds begin at once: the first asks for all.
    with _CHOOSING:
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
    if any(word in Path(path).resolve().name.lower() for word in _OTHERS) and (
        other := _other(path, _ask(path, "--version", environment))
    ):
        return other
    plugins = () if _is_script(path) else _plugins(environment)
    programs = (path, path, *plugins)
    words = ("--version", "buildx version", *("version" for _ in plugins))
    # The first build waits for the answers.
    with ThreadPoolExecutor(len(programs), "identify") as pool:
        version, found, *of_plugins = pool.map(partial(_ask, environment=environment), programs, words)
    if other := _other(path, version):
        return other
    if found is not None:
        same = (plugin for plugin, own in zip(plugins, of_plugins, strict=True) if own == found)
        return Program(path, BUILDX, next(same, None))
    if plugin := shutil.which(_PLUGIN, path=environment["PATH"]):
        return Program(path, BUILDX, str(Path(plugin).absolute()), knows_plugin=False)
    major = re.search(r"version v?(\d+)\.", version or "")
    if major and int(major[1]) < _FIRST_WITHOUT_OWN_BUILDKIT:
        return Program(path, EMBEDDED)
    return None


def _other(path: str, version: str | None) -> Program | None:
    """Return the program that is not docker's, as it names itself; a script of docker's name may call one."""
    dialects = (dialect for word, dialect in _OTHERS.items() if version and word in version.lower())
    return next((Program(path, dialect) for dialect in dialects), None)


def _is_script(path: str) -> bool:
    """Say whether the program is the user's own, which may do more than call docker."""
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        # Whoever may run a program need not be able to read it; a script cannot run so.
        return False


def _plugins(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what docker may start as buildx, in the order in which it looks; it is one that calls itself the same."""
    directories = (
        config_directory(environment) / "cli-plugins",
        *map(Path, docker_config(environment).content.get("cliPluginsExtraDirs") or ()),
        *map(Path, _PLUGIN_DIRECTORIES),
    )
    programs = (str(directory.absolute() / _PLUGIN) for directory in directories)
    return tuple(one for one in programs if os.access(one, os.X_OK))


def _ask(path: str, words: str, environment: Mapping[str, str]) -> str | None:
    command = Command((path, *words.split()), environment=environment, timeout=_TIMEOUT)
    try:
        finished = LocalRunner().run(command, threading.Event())
    except (CommandMissingError, CommandTimeoutError):
        return None
    return finished.text if finished.code == 0 else None
