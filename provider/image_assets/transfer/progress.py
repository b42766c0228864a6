"""How far a transfer is, as one line in the resource's row."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from image_assets.task import Task

#: More lines than this a second are not readable, and with 20 assets they would drown the engine.
_SECONDS_BETWEEN_LINES = 0.5
_MEGABYTE = 1_000_000


@dataclass
class Progress:
    """Adds up what several blobs have done, and says so at most twice a second.

    Attributes:
        task: Gets the line.
        total: Bytes to do; 0 if that is not known.
        clock: Seconds of a clock that only goes forwards.
    """

    task: Task
    total: int = 0
    clock: Callable[[], float] = time.monotonic
    _done: dict[int, int] = field(default_factory=dict)
    _next_line: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def counter(self) -> Callable[[int], None]:
        """Return a function that takes how many bytes of one blob are done; fewer than before if it starts again."""
        with self._lock:
            key = len(self._done)
            self._done[key] = 0
        return lambda done: self._report(key, done)

    def _report(self, key: int, done: int) -> None:
        """Note it, and tell if the last line is old enough."""
        with self._lock:
            self._done[key] = done
            if (now := self.clock()) < self._next_line:
                return
            self._next_line = now + _SECONDS_BETWEEN_LINES
            line = self._line(sum(self._done.values()))
        self.task.status(line)

    def _line(self, done: int) -> str:
        """Write the line."""
        shown = (
            f"{min(done, self.total) // _MEGABYTE}/{-(-self.total // _MEGABYTE)}" if self.total else done // _MEGABYTE
        )
        return f"pushing {shown} MB"
