"""What is to be done if this process is killed, and only then."""

import atexit
import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from image_assets.programs.command import Command
from image_assets.programs.process import pipe_of, spawn


class IfKilled:
    """Ends what runs for this process if that is killed, and then runs a program.

    A shell waits at a pipe that only this process holds open. It is of a session of its own, so that what kills this
    process and its group leaves it alone. No more than POSIX is asked of the system.

    Args:
        argv: The program and its arguments.

    Raises:
        CommandMissingError: There is no shell.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        command = Command((*_WATCH, *argv))
        self._shell = spawn(command, subprocess.PIPE, subprocess.DEVNULL, subprocess.DEVNULL)
        with _CHANGING:
            _WAITING.add(self)
            self.tell(_line())

    def tell(self, line: str) -> None:
        """Write what the shell shall know: it keeps the last line."""
        # A shell that somebody has ended knows nothing.
        with contextlib.suppress(OSError, ValueError):
            pipe = pipe_of(self._shell.stdin)
            pipe.write(f"{line}\n".encode())
            pipe.flush()

    def call_off(self) -> None:
        """Let nothing be done: this process ends by itself."""
        with _CHANGING:
            _WAITING.discard(self)
            self.tell(_CALLED_OFF)
            with contextlib.suppress(OSError):
                pipe_of(self._shell.stdin).close()


@contextlib.contextmanager
def ended_if_killed(group: int) -> Iterator[None]:
    """Have a group of processes ended if this process is killed meanwhile.

    Args:
        group: The number of its first process.
    """
    _note(_GROUPS.add, group)
    try:
        yield
    finally:
        _note(_GROUPS.discard, group)


@atexit.register
def call_off_all() -> None:
    """Let nothing be done that waits for this process to be killed."""
    for waiting in tuple(_WAITING):
        waiting.call_off()


def _note(change: Callable[[int], None], group: int) -> None:
    with _CHANGING:
        change(group)
        for waiting in _WAITING:
            waiting.tell(_line())


def _line() -> str:
    return " ".join(map(str, sorted(_GROUPS)))


_WAITING: Final[set[IfKilled]] = set()
_GROUPS: Final[set[int]] = set()
_CHANGING: Final = threading.Lock()
_CALLED_OFF: Final = "off"
_LISTEN: Final = f'while read -r line; do test "$line" = {_CALLED_OFF} && exit; groups=$line; done'
"""The last line holds the groups that run."""
_END: Final = 'for group in $groups; do kill -s TERM -- "-$group"; done 2>/dev/null'
"""Without `--` dash takes a group for an option; busybox complains of it, and goes on."""
_WATCH: Final = ("sh", "-c", f'{_LISTEN}; {_END}; exec "$0" "$@"')
