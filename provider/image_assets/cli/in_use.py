"""Where `image-assets gc` reads what is in use: stacks, exported states, and standard input."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final

import click

from image_assets.errors import AssetError, CancelledByUserError, InputError, Problem
from image_assets.frozen import dataclass
from image_assets.programs.command import Command
from image_assets.programs.runner import LocalRunner
from image_assets.retention.in_use import Named, Names, in_state, in_text
from image_assets.task import Task

_PULUMI: Final = ("pulumi", "--non-interactive", "--color=never")
_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Sources:
    """What the options name.

    Attributes:
        stacks: Stacks, by name.
        backends: Backends, all of whose stacks count.
        states: Exported states.
    """

    stacks: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    states: tuple[IO[str], ...] = ()


def read_sources(sources: Sources, names: Names, task: Task) -> list[Named]:
    """Read everything that says what is in use.

    Raises:
        InputError: Something could not be read: with every reason.
        CancelledByUserError: The user cancelled.
    """
    found: list[Named] = []
    problems: list[Problem] = []
    for source, read, understand in _readers(sources, task, problems):
        task.status(f"reading {source}")
        try:
            found.append(understand(read(), names, source))
        except CancelledByUserError:
            raise
        except (AssetError, OSError, ValueError) as error:
            problems.append(_problem(source, error))
    if problems:
        raise InputError(problems)
    return found


_Reader = tuple[str, Callable[[], str], Callable[[str, Names, str], Named]]


def _readers(sources: Sources, task: Task, problems: list[Problem]) -> Iterator[_Reader]:
    for file in sources.states:
        yield file.name, file.read, in_state
    # A stack is looked for in the backend, if there is one.
    home = {"PULUMI_BACKEND_URL": sources.backends[0]} if len(sources.backends) == 1 else {}
    for stack in sources.stacks:
        yield f"stack {stack}", _export(stack, home, task), in_state
    for url in sources.backends:
        environ = {"PULUMI_BACKEND_URL": url}
        task.status(f"listing the stacks of {url}")
        try:
            stacks = json.loads(_pulumi(("stack", "ls", "--all", "--json"), environ, task))
            names = [str(stack["name"]) for stack in stacks]
        except CancelledByUserError:
            raise
        except (AssetError, ValueError, TypeError, KeyError) as error:
            problems.append(_problem(f"backend {url}", error))
            continue
        if not names:
            problems.append(
                Problem("", f"the backend {url} has no stacks, so nothing is deleted: is it the right one?")
            )
        for name in names:
            yield f"stack {name} of {url}", _export(name, environ, task), in_state
    if _is_piped() and not any(file.name == "<stdin>" for file in sources.states):
        yield "standard input", _standard_input, in_text


def _export(stack: str, environ: Mapping[str, str], task: Task) -> Callable[[], str]:
    return lambda: _pulumi(("stack", "export", "--stack", stack, "--show-secrets"), environ, task)


def _pulumi(arguments: tuple[str, ...], environ: Mapping[str, str], task: Task) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **environ}
    command = Command((*_PULUMI, *arguments), environment=environment, timeout=_SECONDS)
    with LocalRunner().stream(command, task.cancelled) as output:
        return output.read().decode()


def _is_piped() -> bool:
    """Say whether somebody hands something over: nothing is read from terminals and from /dev/null."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _standard_input() -> str:
    click.echo("reading what is in use from standard input (</dev/null if there is nothing)", err=True)
    text = sys.stdin.read()
    if not text.strip():
        raise click.ClickException(
            "standard input is empty: did the command that lists what is in use fail? Nothing is deleted. If there is "
            "nothing to read, end the command with </dev/null"
        )
    return text


def _problem(source: str, error: Any) -> Problem:
    text = str(error)
    return Problem("", text if source in text else f"{source} cannot be read, so nothing is deleted: {text}")
