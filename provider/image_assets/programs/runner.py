"""Running a program to its end, or as a stream, until it ends, the user cancels or its time is over."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from image_assets.errors import CancelledByUserError
from image_assets.programs.command import Command, CommandFailedError, CommandTimeoutError, Finished, ignore
from image_assets.programs.if_killed import ended_if_killed
from image_assets.programs.outputs import AFTERMATH, Lines, Tail, chunks, outputs
from image_assets.programs.process import TICK, end, pipe_of, spawn, wait_for


class LocalRunner:
    """Runs programs on this machine."""

    def run(self, command: Command, cancelled: threading.Event, on_line: Callable[[str], None] = ignore) -> Finished:
        """See `Runner.run`."""
        process = _start(command)
        try:
            with ended_if_killed(process.pid):
                return _attend(process, command, cancelled, on_line)
        finally:
            end(process)

    @contextlib.contextmanager
    def stream(self, command: Command, cancelled: threading.Event) -> Iterator[BinaryIO]:
        """See `Runner.stream`."""
        process = _start(command)
        watch = _Watch(process, cancelled, command.timeout)
        try:
            with ended_if_killed(process.pid):
                yield pipe_of(process.stdout)
                watch.judge(command)
        except Exception:
            # A reader that finds the stream cut off tells the consequence only.
            _check_cancelled(cancelled)
            raise
        finally:
            watch.stop()
            end(process)


def run_unattended(command: Command, seconds: float) -> None:
    """Run a program to its end, which may come after this process's own; wait for it some seconds.

    Raises:
        CommandMissingError: There is no such program.
    """
    wait_for(spawn(command, subprocess.DEVNULL, subprocess.DEVNULL, subprocess.DEVNULL), seconds)


def run_helper(
    argv: Sequence[str],
    stdin: bytes,
    *,
    environment: Mapping[str, str] | None = None,
    cancelled: threading.Event | None = None,
    timeout: float = 30,
) -> bytes:
    """Run a small program, such as a docker credential helper, and return its standard output.

    Raises:
        CommandMissingError: There is no such program.
        CommandFailedError: It ended with another code than 0; `output` and `errors` hold what it said.
        CommandTimeoutError: It took longer than `timeout` seconds.
        CancelledByUserError: `cancelled` was set meanwhile.
    """
    command = Command(tuple(argv), environment=environment, stdin=stdin, timeout=timeout)
    finished = LocalRunner().run(command, cancelled or threading.Event())
    if finished.code != 0:
        raise _failure(command, finished)
    return finished.output


def _start(command: Command) -> "subprocess.Popen[bytes]":
    process = spawn(command, subprocess.PIPE if command.stdin else subprocess.DEVNULL, subprocess.PIPE)
    if command.stdin:
        threading.Thread(target=_feed, args=(pipe_of(process.stdin), command.stdin), daemon=True).start()
    return process


def _feed(pipe: BinaryIO, content: bytes) -> None:
    # A program may end without reading all it was given.
    with contextlib.suppress(OSError), pipe:
        pipe.write(content)


def _attend(
    process: "subprocess.Popen[bytes]", command: Command, cancelled: threading.Event, on_line: Callable[[str], None]
) -> Finished:
    """Collect both outputs until the program ends, the user cancels or the time is over."""
    deadline = _deadline(command.timeout)
    tails = (Tail(), Tail())
    lines = (Lines(on_line), Lines(on_line))
    for which, chunk in outputs(process):
        if chunk:
            tails[which].add(chunk)
            lines[which].add(chunk)
        _check_cancelled(cancelled)
        if time.monotonic() > deadline:
            raise _too_slow(command)
    for each in lines:
        each.flush()
    return Finished(process.wait(), bytes(tails[0].content), bytes(tails[1].content))


class _Watch:
    """Reads the standard error and ends the program when its time is over, while another thread reads the output."""

    def __init__(self, process: "subprocess.Popen[bytes]", cancelled: threading.Event, timeout: float | None) -> None:
        self._process = process
        self._cancelled = cancelled
        self._deadline = _deadline(timeout)
        self._done = threading.Event()
        self._errors = Tail()
        self._threads = (
            threading.Thread(target=self._read_errors, daemon=True),
            threading.Thread(target=self._guard, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def _read_errors(self) -> None:
        for chunk in chunks(pipe_of(self._process.stderr)):
            self._errors.add(chunk)

    def _guard(self) -> None:
        while not self._done.wait(TICK):
            if self._cancelled.is_set() or time.monotonic() > self._deadline:
                end(self._process)
                return

    def judge(self, command: Command) -> None:
        """Raise what is to be raised once the reader is content."""
        output = pipe_of(self._process.stdout)
        if not output.closed and not output.read(1):
            self._process.wait()
        _check_cancelled(self._cancelled)
        if time.monotonic() > self._deadline:
            raise _too_slow(command)
        if self._process.poll():
            self._threads[0].join(AFTERMATH)
            raise _failure(command, Finished(self._process.returncode, b"", bytes(self._errors.content)))

    def stop(self) -> None:
        self._done.set()
        self._threads[1].join()


def _deadline(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _check_cancelled(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise CancelledByUserError("cancelled")


def _too_slow(command: Command) -> CommandTimeoutError:
    return CommandTimeoutError(f"`{command.argv[0]}` did not end within {command.timeout:g} s")


def _failure(command: Command, finished: Finished) -> CommandFailedError:
    said = finished.text[-2000:] or "it said nothing"
    return CommandFailedError(
        f"`{command.argv[0]}` ended with code {finished.code}: {said}", finished.code, finished.output, finished.errors
    )
