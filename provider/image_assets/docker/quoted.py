"""Finding the step that failed by the command that the builder's message quotes.

BuildKit's executors name the process, not the step (moby/buildkit `solver/llbsolver/ops/exec.go`):
`process "/bin/sh -c make" did not complete successfully: exit code: 2`, before 0.9
`executor failed running [/bin/sh -c make]: exit code: 2`. Old ones end at times without the step's own error.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

_QUOTES: Final = (
    re.compile(r'process "(.*)" did not complete successfully', re.DOTALL),
    re.compile(r"executor failed running \[(.*)\]: ", re.DOTALL),
)
_RUN: Final = re.compile(r"(?:\[[^\]]*\] )?RUN ((?:--\w\S* )*)(.*)", re.IGNORECASE)
_SHELL: Final = re.compile(r"(?:\S*/)?(?:ba|da|z|k)?sh -\w*c ")


def quoted_command(message: str) -> str:
    """Return the command that a message says has failed, single spaces between its words; empty if it names none."""
    found = next((match for quote in _QUOTES if (match := quote.search(message))), None)
    return " ".join(found[1].replace('\\"', '"').split()) if found else ""


def step_name(command: str) -> str:
    """Write the instruction that a command is likely to have come from."""
    return f"RUN {_SHELL.sub('', command, count=1)}"


def running(names: Iterable[str], command: str) -> str | None:
    """Return the name of the step that runs the command; of several the one that says most of it."""
    fitting = [name for name in names if (own := _command_of(name)) and _ends_in(command, own)]
    return max(fitting, key=lambda name: len(_command_of(name)), default=None)


def _ends_in(command: str, own: str) -> bool:
    """Say whether a command is an instruction's: alone, or behind the shell and its flags."""
    return command == own or command.endswith(f" {own}")


def _command_of(name: str) -> str:
    """Return what the step of a name runs, as a message would quote it; empty if it runs nothing."""
    match = _RUN.fullmatch(name)
    if match is None:
        return ""
    words = " ".join(match[2].split())
    return _exec_form(words) or words


def _exec_form(words: str) -> str:
    """Return the command of `RUN ["a", "b"]`; empty if it is none."""
    try:
        parsed = json.loads(words)
    except ValueError:
        return ""
    return " ".join(map(str, parsed)) if isinstance(parsed, list) else ""
