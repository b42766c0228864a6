"""Whether whoever follows a deployment sees rows that are drawn anew, or a log that only grows.

The engine does not tell a plugin. Its command line redraws rows if it reads from and writes to a terminal, unless
options or a CI system speak against it (Pulumi: sdk `cmdutil.Interactive`, `ciutil`).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from image_assets.frozen import dataclass

_PROC: Final = Path("/proc")
_MOST_ANCESTORS: Final = 5
_LOGGING_OPTIONS: Final = frozenset({"--non-interactive", "--diff", "--json", "-j"})
_CI_VARIABLES: Final = frozenset(
    {
        "APPVEYOR",
        "BITBUCKET_COMMIT",
        "BUILDKITE",
        "CF_BUILD_URL",
        "CIRCLECI",
        "CODEBUILD_BUILD_ARN",
        "DRONE",
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "GO_PIPELINE_LABEL",
        "HUDSON_URL",
        "JENKINS_URL",
        "MAGNUM",
        "PULUMI_CI_SYSTEM",
        "SEMAPHORE",
        "TEAMCITY_VERSION",
        "TF_BUILD",
        "TRAVIS",
        "bamboo_planKey",
    }
)
_CONTROLLING: Final = Path("/dev/tty")
_TERMINALS: Final = ("/dev/pts/", "/dev/tty", "/dev/console")


@dataclass(frozen=True)
class Process:
    """A running process, as Linux tells of it (proc(5)).

    Attributes:
        pid: Its number.
    """

    pid: int

    @property
    def name(self) -> str:
        """The program's name."""
        return (_PROC / str(self.pid) / "comm").read_text().strip()

    @property
    def arguments(self) -> list[str]:
        """The command line, without the program."""
        return os.fsdecode((_PROC / str(self.pid) / "cmdline").read_bytes()).split("\0")[1:]

    @property
    def parent(self) -> "Process":
        """Who started it."""
        # The name in parentheses may hold anything; what follows it does not.
        stat = (_PROC / str(self.pid) / "stat").read_text(errors="replace")
        return Process(int(stat.rpartition(")")[2].split()[1]))

    @property
    def terminal(self) -> Path | None:
        """The terminal that it writes to, if it reads from one, too."""
        links = [(_PROC / str(self.pid) / "fd" / descriptor).readlink() for descriptor in ("0", "1")]
        return links[1] if all(str(link).startswith(_TERMINALS) for link in links) else None


def terminal_of_rows(environ: Mapping[str, str]) -> Path | None:
    """Return the terminal in which the command line that started this plugin redraws rows; None if it writes a log."""
    if environ.get("TERM", "").lower() == "dumb" or not _CI_VARIABLES.isdisjoint(environ):
        return None
    if not (_PROC / "self" / "stat").exists():
        return _CONTROLLING if _has_controlling_terminal() else None
    try:
        engine = _engine(Process(os.getppid()))
        return None if any(_is_for_a_log(argument) for argument in engine.arguments) else engine.terminal
    except (OSError, ValueError, IndexError):
        return None


def _engine(parent: Process) -> Process:
    """Find the command line among the ancestors: a plugin from source has its language host in between."""
    ancestor = parent
    for _ in range(_MOST_ANCESTORS):
        if ancestor.name == "pulumi":
            return ancestor
        ancestor = ancestor.parent
    return parent


def _is_for_a_log(argument: str) -> bool:
    option, _, value = argument.partition("=")
    return option in _LOGGING_OPTIONS and value.lower() not in {"false", "f", "0"}


def _has_controlling_terminal() -> bool:
    """Say so where nothing more can be learnt: somebody sits there, but the output may go to a file."""
    try:
        os.close(os.open(_CONTROLLING, os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
