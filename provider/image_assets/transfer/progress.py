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
class _Move:
    """What is moved: bytes in all (0 if that is not known), and bytes done by each counter."""

    total: int
    done: list[int] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return 0 < self.total <= sum(self.done)

    def __str__(self) -> str:
        """Show it as `12/30`."""
        done = sum(self.done)
        if not self.total:
            return str(done // _MEGABYTE)
        return f"{min(done, self.total) // _MEGABYTE}/{-(-self.total // _MEGABYTE)}"


class Progress:
    """Adds up what several blobs have done: `pushing 12/30 MB`, `saving 20/60, pushing 12/30 MB`.

    It is told at most twice a second, and when all is done.

    Args:
        task: Gets the line.
        total: Bytes to push; 0 if that is not known.
        clock: Seconds of a clock that only goes forwards.
    """

    def __init__(self, task: Task, total: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._task = task
        self._clock = clock
        self._moves = {"pushing": _Move(total)}
        self._begun: dict[str, _Move] = {}
        self._next_line = 0.0
        self._lock = threading.Lock()

    def saving(self, total: int) -> Callable[[int], None]:
        """Return the counter of an image that is read out of its engine meanwhile."""
        self._moves["saving"] = _Move(total)
        return self.counter("saving")

    def counter(self, verb: str = "pushing") -> Callable[[int], None]:
        """Return a function that takes how many bytes of one blob are done; fewer than before if it starts again."""
        move = self._moves[verb]
        with self._lock:
            key = len(move.done)
            move.done.append(0)
        return lambda done: self._report(verb, key, done)

    def _report(self, verb: str, key: int, done: int) -> None:
        """Note it, and tell if the last line is old enough."""
        move = self._moves[verb]
        with self._lock:
            move.done[key] = done
            begins = verb not in self._begun
            if not begins and not move.is_complete and self._clock() < self._next_line:
                return
            self._begun[verb] = move
            self._next_line = self._clock() + _SECONDS_BETWEEN_LINES
            line = ", ".join(f"{name} {each}" for name, each in self._begun.items())
        tell = self._task.status if begins else self._task.live
        tell(f"{line} MB")
