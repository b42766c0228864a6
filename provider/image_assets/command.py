"""Running other programs: the only file that imports `subprocess`.

Every program gets a session of its own, so that what it starts can be ended with it, and so that the terminal's Ctrl-C
reaches the provider alone, which then decides. Nothing runs in the child before the program itself: a hook there is not
safe in a process with threads.
"""

import atexit
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol

import image_assets
from image_assets import processes
from image_assets.errors import AssetError, CancelledByUserError

_CAPTURE: Final = 4 << 20
"""Bytes kept of each output; of more, the last ones."""
_CHUNK: Final = 64 << 10
_LONGEST_LINE: Final = 1 << 20
"""Bytes without an end of line that are kept together: a listener may look for a text that must not be cut."""
_TICK: Final = 0.1
"""Seconds between two looks at the clock and at the user's wish to cancel."""
_GRACE: Final = 1.0
"""Seconds a program has to end by itself after SIGTERM."""
_AFTERMATH: Final = 0.5
"""Seconds to wait for output after the program ended: a daemon it left behind may hold the pipe open for ever."""


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


def _ignore(_line: str) -> None:
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

    def run(self, command: Command, cancelled: threading.Event, on_line: Callable[[str], None] = _ignore) -> Finished:
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


class LocalRunner:
    """Runs programs on this machine."""

    def run(self, command: Command, cancelled: threading.Event, on_line: Callable[[str], None] = _ignore) -> Finished:
        """See `Runner.run`."""
        process = _start(command)
        try:
            return _attend(process, command, cancelled, on_line)
        finally:
            _end(process)

    @contextlib.contextmanager
    def stream(self, command: Command, cancelled: threading.Event) -> Iterator[BinaryIO]:
        """See `Runner.stream`."""
        process = _start(command)
        watch = _Watch(process, cancelled, command.timeout)
        try:
            yield _pipe(process.stdout)
            watch.judge(command)
        except Exception:
            # A reader that finds the stream cut off tells the consequence only.
            _check_cancelled(cancelled)
            raise
        finally:
            watch.stop()
            _end(process)


def run_unattended(command: Command, seconds: float) -> None:
    """Run a program to its end, which may come after this process's own; wait for it some seconds.

    Raises:
        CommandMissingError: There is no such program.
    """
    _wait(_spawn(command, subprocess.DEVNULL, subprocess.DEVNULL, subprocess.DEVNULL), seconds)


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
        self._process = _spawn(Command(tuple(argv)), subprocess.PIPE, subprocess.DEVNULL)
        self.input = _pipe(self._process.stdin)
        self.output = _pipe(self._process.stdout)

    def end(self) -> None:
        """Kill the program, which must not mind, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self.input, self.output):
            # What the program did not read any more cannot be written either.
            with contextlib.suppress(OSError):
                pipe.close()


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
        self._shell = _spawn(command, subprocess.PIPE, subprocess.DEVNULL, subprocess.DEVNULL)
        _WAITING.add(self)

    def call_off(self) -> None:
        """Let the program not run: this process ends by itself."""
        _WAITING.discard(self)
        with contextlib.suppress(OSError), _pipe(self._shell.stdin) as pipe:
            pipe.write(b"\n")


SWEEP_FLAG: Final = "--sweep"
"""The first argument with which a packed program sweeps temporary folders (`own_folder`)."""
_WAITING: Final[set[IfKilled]] = set()
_UNLESS_TOLD: Final = ("sh", "-c", 'read -r _ && exit; exec "$0" "$@"')


@atexit.register
def call_off_all() -> None:
    """Let nothing run that waits for this process to be killed."""
    for waiting in tuple(_WAITING):
        waiting.call_off()


def own_program(module: str, flag: str, *arguments: str) -> tuple[str, ...]:
    """Return how this interpreter runs a module's `main` with what it can import here, whatever the environment.

    Args:
        module: The module.
        flag: The first argument with which a packed program, which has no interpreter to start, runs it.
        arguments: What `sys.argv` holds from its second item on.
    """
    if getattr(sys, "frozen", False):
        return (sys.executable, flag, *arguments)
    path = [str(Path(image_assets.__file__).parents[1]), *filter(None, sys.path)]
    count = len(arguments) + 1
    program = f"import sys; sys.path[:] = sys.argv[{count}:]; del sys.argv[{count}:]; from {module} import main; main()"
    options = ("-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", *(("-B",) if sys.dont_write_bytecode else ()))
    return (sys.executable, *options, "-c", program, *arguments, *path)


class _Watch:
    """Reads the standard error and ends the program when its time is over, while another thread reads the output."""

    def __init__(self, process: "subprocess.Popen[bytes]", cancelled: threading.Event, timeout: float | None) -> None:
        self._process = process
        self._cancelled = cancelled
        self._deadline = _deadline(timeout)
        self._done = threading.Event()
        self._errors = _Tail()
        self._threads = (
            threading.Thread(target=self._read_errors, daemon=True),
            threading.Thread(target=self._guard, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def _read_errors(self) -> None:
        for chunk in _chunks(_pipe(self._process.stderr)):
            self._errors.add(chunk)

    def _guard(self) -> None:
        while not self._done.wait(_TICK):
            if self._cancelled.is_set() or time.monotonic() > self._deadline:
                _end(self._process)
                return

    def judge(self, command: Command) -> None:
        """Raise what is to be raised once the reader is content."""
        output = _pipe(self._process.stdout)
        if not output.closed and not output.read(1):
            self._process.wait()
        _check_cancelled(self._cancelled)
        if time.monotonic() > self._deadline:
            raise _too_slow(command)
        if self._process.poll():
            self._threads[0].join(_AFTERMATH)
            raise _failure(command, Finished(self._process.returncode, b"", bytes(self._errors.content)))

    def stop(self) -> None:
        self._done.set()
        self._threads[1].join()


class _Tail:
    """The last part of what was written."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, chunk: bytes) -> None:
        self.content += chunk
        del self.content[:-_CAPTURE]


class _Lines:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._rest) > _LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        if self._rest:
            self._emit(self._rest)
        self._rest = b""

    def _emit(self, line: bytes) -> None:
        self._on_line(line.decode(errors="replace"))


def _spawn(command: Command, stdin: int, stderr: int, stdout: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
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


def _start(command: Command) -> "subprocess.Popen[bytes]":
    process = _spawn(command, subprocess.PIPE if command.stdin else subprocess.DEVNULL, subprocess.PIPE)
    if command.stdin:
        threading.Thread(target=_feed, args=(_pipe(process.stdin), command.stdin), daemon=True).start()
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
    tails = (_Tail(), _Tail())
    lines = (_Lines(on_line), _Lines(on_line))
    for which, chunk in _outputs(process):
        if chunk:
            tails[which].add(chunk)
            lines[which].add(chunk)
        _check_cancelled(cancelled)
        if time.monotonic() > deadline:
            raise _too_slow(command)
    for each in lines:
        each.flush()
    return Finished(process.wait(), bytes(tails[0].content), bytes(tails[1].content))


def _outputs(process: "subprocess.Popen[bytes]") -> Iterator[tuple[int, bytes]]:
    """Yield (0 or 1, chunk) of both outputs until they end, with an empty chunk at each tick."""
    relay = _Relay()
    for which, pipe in enumerate((process.stdout, process.stderr)):
        threading.Thread(target=relay.carry, args=(which, _pipe(pipe)), daemon=True).start()
    idle_until = float("inf")
    try:
        while relay.open > 0 and time.monotonic() < idle_until:
            which, chunk = relay.take()
            if chunk or process.poll() is None:
                idle_until = float("inf")
            else:
                idle_until = min(idle_until, time.monotonic() + _AFTERMATH)
            yield which, chunk
        while process.poll() is None:
            time.sleep(_TICK / 10)
            yield 0, b""
    finally:
        relay.closed.set()


class _Relay:
    """Brings what two threads read to one."""

    def __init__(self) -> None:
        # Bounded: a program that writes faster than we listen has to wait, not our memory to grow.
        self._chunks: queue.Queue[tuple[int, bytes]] = queue.Queue(maxsize=16)
        self.open = 2
        self.closed = threading.Event()

    def carry(self, which: int, pipe: BinaryIO) -> None:
        """Read the pipe to its end; an empty chunk says so."""
        for chunk in _chunks(pipe):
            self._put(which, chunk)
        self._put(which, b"")

    def _put(self, which: int, chunk: bytes) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(queue.Full):
                self._chunks.put((which, chunk), timeout=_TICK)
                return

    def take(self) -> tuple[int, bytes]:
        """Return the next chunk, or an empty one after a while."""
        try:
            which, chunk = self._chunks.get(timeout=_TICK)
        except queue.Empty:
            return 0, b""
        self.open -= not chunk
        return which, chunk


def _chunks(pipe: BinaryIO) -> Iterator[bytes]:
    with pipe, contextlib.suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), _CHUNK):
            yield chunk


def _pipe(pipe: IO[bytes] | None) -> BinaryIO:
    assert pipe is not None  # noqa: S101 - all three are pipes here; for the type checker
    return pipe  # type: ignore[return-value]  # Popen promises the wider type only


def _deadline(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _end(process: "subprocess.Popen[bytes]") -> None:
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
    _wait(process, _GRACE)
    # The group outlives its first process while a child of it, such as podman's, stops what it runs.
    while time.monotonic() < deadline and _signal_group(process, 0):
        time.sleep(_TICK / 10)
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
