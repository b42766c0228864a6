"""What a program writes, while it runs: both outputs side by side, the last part of each, and its lines."""

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from image_assets.programs.process import TICK, pipe_of

_CAPTURE: Final = 4 << 20
"""Bytes kept of each output; of more, the last ones."""
_CHUNK: Final = 64 << 10
_LONGEST_LINE: Final = 1 << 20
"""Bytes without an end of line that are kept together: a listener may look for a text that must not be cut."""
AFTERMATH: Final = 0.5
"""Seconds to wait for output after the program ended: a daemon it left behind may hold the pipe open for ever."""


class Tail:
    """The last part of what was written."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, chunk: bytes) -> None:
        """Add what was written next."""
        self.content += chunk
        del self.content[:-_CAPTURE]


class Lines:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """Add what was written next, and hand on the lines that it ends."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._rest) > _LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Hand on what is there of the last line."""
        if self._rest:
            self._emit(self._rest)
        self._rest = b""

    def _emit(self, line: bytes) -> None:
        self._on_line(line.decode(errors="replace"))


def outputs(process: "subprocess.Popen[bytes]") -> Iterator[tuple[int, bytes]]:
    """Yield (0 or 1, chunk) of both outputs until they end, with an empty chunk at each tick."""
    relay = _Relay()
    for which, pipe in enumerate((process.stdout, process.stderr)):
        threading.Thread(target=relay.carry, args=(which, pipe_of(pipe)), daemon=True).start()
    idle_until = float("inf")
    try:
        while relay.open > 0 and time.monotonic() < idle_until:
            which, chunk = relay.take()
            if chunk or process.poll() is None:
                idle_until = float("inf")
            else:
                idle_until = min(idle_until, time.monotonic() + AFTERMATH)
            yield which, chunk
        while process.poll() is None:
            time.sleep(TICK / 10)
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
        for chunk in chunks(pipe):
            self._put(which, chunk)
        self._put(which, b"")

    def _put(self, which: int, chunk: bytes) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(queue.Full):
                self._chunks.put((which, chunk), timeout=TICK)
                return

    def take(self) -> tuple[int, bytes]:
        """Return the next chunk, or an empty one after a while."""
        try:
            which, chunk = self._chunks.get(timeout=TICK)
        except queue.Empty:
            return 0, b""
        self.open -= not chunk
        return which, chunk


def chunks(pipe: BinaryIO) -> Iterator[bytes]:
    """Yield what comes out of a pipe, as it comes, and close it."""
    with pipe, contextlib.suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), _CHUNK):
            yield chunk
