"""A program that is talked to."""

import contextlib
import subprocess
from collections.abc import Sequence

from image_assets.programs.command import Command
from image_assets.programs.process import pipe_of, spawn


class Peer:
    """A program of our own that is talked to through its standard input and output; nobody reads its errors.

    Args:
        argv: The program and its arguments.

    Attributes:
        input: What the program reads.
        output: What it writes.

    Raises:
        CommandMissingError: It cannot be started.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._process = spawn(Command(tuple(argv)), subprocess.PIPE, subprocess.DEVNULL)
        self.input = pipe_of(self._process.stdin)
        self.output = pipe_of(self._process.stdout)

    def end(self) -> None:
        """Kill the program, which must not mind, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self.input, self.output):
            # What the program did not read any more cannot be written either.
            with contextlib.suppress(OSError):
                pipe.close()
