"""The start of a program, and its end with all that it started.

Every program gets a session of its own, so that what it starts can be ended with it, and so that the terminal's Ctrl-C
reaches the provider alone, which then decides. Nothing runs in the child before the program itself: a hook there is not
safe in a process with threads.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import IO, BinaryIO, Final

from image_assets.programs import processes
from image_assets.programs.command import Command, CommandMissingError

_GRACE: Final = 1.0
"""Seconds a program has to end by itself after SIGTERM."""
TICK: Final = 0.1
"""Seconds between two looks at the clock and at the user's wish to cancel."""


def spawn(command: Command, stdin: int, stderr: int, stdout: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
    """Start a program; what its standard files are is told as `subprocess.Popen` takes it.

    Raises:
        CommandMissingError: It cannot be started.
    """
    try:
        return subprocess.Popen(
            command.argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=command.environment,
            cwd=command.directory,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandMissingError(f"cannot run `{command.argv[0]}`: {error.strerror or error}") from error


def pipe_of(pipe: IO[bytes] | None) -> BinaryIO:
    """Return a standard file that was asked for as a pipe."""
    assert pipe is not None  # noqa: S101 - all three are pipes here; for the type checker
    return pipe  # type: ignore[return-value]  # Popen promises the wider type only


def wait_for(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait for the end, but not for ever."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End the program, and all it started, if it is still running."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        _end_group(process)
    process.wait()


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the process group to end, then kill what is left of it and of what it started."""
    deadline = time.monotonic() + _GRACE
    strays = processes.descendants(process.pid)
    _signal_group(process, signal.SIGTERM)
    wait_for(process, _GRACE)
    # The group outlives its first process while a child of it, such as podman's, stops what it runs.
    while time.monotonic() < deadline and _signal_group(process, 0):
        time.sleep(TICK / 10)
    _signal_group(process, signal.SIGKILL)
    # Podman runs each step in a session of its own, which nothing ends when podman is ended.
    for pid, _ in strays.items() & processes.running().items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> bool:
    """Send a signal; say whether there is anybody to get it."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
