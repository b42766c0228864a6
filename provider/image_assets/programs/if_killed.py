"""What is to be done if this process is killed, and only then."""

import atexit
import contextlib
import subprocess
from collections.abc import Sequence
from typing import Final

from image_assets.programs.command import Command
from image_assets.programs.process import pipe_of, spawn


class IfKilled:
    """Has a program run if this process is killed.

    A shell waits at a pipe that only this process holds open. It is of a session of its own, so that what kills this
    process and its group leaves it alone.

    Args:
        argv: The program and its arguments.

    Raises:
        CommandMissingError: There is no shell.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        command = Command((*_UNLESS_TOLD, *argv))
        self._shell = spawn(command, subprocess.PIPE, subprocess.DEVNULL, subprocess.DEVNULL)
        _WAITING.add(self)

    def call_off(self) -> None:
        """Let the program not run: this process ends by itself."""
        _WAITING.discard(self)
        with contextlib.suppress(OSError), pipe_of(self._shell.stdin) as pipe:
            pipe.write(b"\n")


_WAITING: Final[set[IfKilled]] = set()
_UNLESS_TOLD: Final = ("sh", "-c", 'read -r _ && exit; exec "$0" "$@"')


@atexit.register
def call_off_all() -> None:
    """Let nothing run that waits for this process to be killed."""
    for waiting in tuple(_WAITING):
        waiting.call_off()
