"""The plain command line in a terminal of a given size: what stands on its screen, from moment to moment."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyte

from tests.support.project import Project


@dataclass
class Terminal:
    """A command that runs in a terminal.

    Attributes:
        process: The command.
        screen: What its user sees.
        text: All that was written, control sequences included.
    """

    process: "subprocess.Popen[bytes]"
    screen: pyte.Screen
    descriptor: int
    text: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._stream = pyte.ByteStream(self.screen)

    def look(self, wait: float = 0.1) -> list[str]:
        """Take what comes within some seconds; return the screen's lines."""
        if select.select([self.descriptor], [], [], wait)[0]:
            # The terminal's other end is closed when its last process has ended.
            with contextlib.suppress(OSError):
                chunk = os.read(self.descriptor, 1 << 16)
                self.text += chunk
                self._stream.feed(chunk)
        return [line.rstrip() for line in self.screen.display]

    def watch(self, seconds: float, until: Callable[[list[str]], bool] = lambda _: False) -> Iterator[list[str]]:
        """Yield the screen again and again until the command ends, the time is over, or it shows what is wanted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines = self.look()
            yield lines
            if until(lines):
                return
            if self.process.poll() is not None:
                yield self.look(0.5)
                return

    def wait(self, seconds: float, until: Callable[[list[str]], bool] = lambda _: False) -> list[str]:
        """Return the screen once it shows what is wanted, or the last one of a command that ended.

        Raises:
            AssertionError: Neither happened in time.
        """
        (lines,) = deque(self.watch(seconds, until), maxlen=1)
        assert until(lines) or self.process.poll() is not None, "\n".join(lines)
        return lines

    def close(self) -> None:
        """Close the terminal's window: the command gets a hangup."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


@contextlib.contextmanager
def running(project: Project, arguments: Sequence[str], columns: int = 100, lines: int = 40) -> Iterator[Terminal]:
    """Run `pulumi` in a terminal of that size."""
    project.pulumi("stack", "ls")
    environ = project.isolated_environ | {"TERM": "xterm-256color"}
    with opened(["pulumi", *arguments], project.folder, environ, columns, lines) as terminal:
        yield terminal


@contextlib.contextmanager
def opened(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], columns: int = 100, lines: int = 40
) -> Iterator[Terminal]:
    """Run a command in a terminal of that size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    # The leader of a session gets the hangup when its terminal goes.
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "env", "--default-signal", *command],
        cwd=folder,
        env=environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    terminal = Terminal(process, pyte.Screen(columns, lines), ours)
    try:
        yield terminal
    finally:
        terminal.close()
        process.kill()
        process.wait()
