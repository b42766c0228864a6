"""What is run, how it ended, and who runs it."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from typing import BinaryIO, Protocol

from image_assets.errors import AssetError
from image_assets.frozen import dataclass


class CommandMissingError(AssetError):
    """The program is not there or may not be run."""


class CommandTimeoutError(AssetError):
    """The program did not end in time and was killed."""


class CommandFailedError(AssetError):
    """The program ended with another code than 0.

    Attributes:
        code: The exit code; negative for the signal that killed it.
        output: What it wrote to its standard output: credential helpers put their errors there.
        errors: What it wrote to its standard error.
    """

    def __init__(self, message: str, code: int, output: bytes, errors: bytes) -> None:
        super().__init__(message)
        self.code = code
        self.output = output
        self.errors = errors


def ignore(_line: str) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class Command:
    """One program to run.

    Attributes:
        argv: The program and its arguments; never holds a secret, as every user of the machine can read it.
        environment: The whole environment, or None for the provider's own.
        stdin: What the program can read; may be secret.
        directory: Where it runs, or None for the provider's own directory.
        timeout: Seconds until it is killed, or None.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    directory: str | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    Attributes:
        code: The exit code; negative for the signal that killed it.
        output: The last 4 MiB of its standard output.
        errors: The last 4 MiB of its standard error.
    """

    code: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        """Both outputs as one text without the space around."""
        return (self.output + self.errors).decode(errors="replace").strip()


class Runner(Protocol):
    """Whoever runs programs."""

    def run(self, command: Command, cancelled: threading.Event, on_line: Callable[[str], None] = ignore) -> Finished:
        """Run to the end and hand on each line of either output as it comes.

        Raises:
            CommandMissingError: There is no such program.
            CommandTimeoutError: It took longer than it may.
            CancelledByUserError: The event was set; the program and what it started are gone.
        """

    def stream(self, command: Command, cancelled: threading.Event) -> AbstractContextManager[BinaryIO]:
        """Give the program's standard output as a binary stream; leaving early ends the program.

        Raises:
            CommandMissingError: There is no such program.
            CommandFailedError: The whole output was read, and the program failed.
            CommandTimeoutError: It took longer than it may.
            CancelledByUserError: The event was set; the program and what it started are gone.
        """
