"""Comparing programs by the clock: they take turns, so that what else the machine does hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The times of one thing.

    Attributes:
        name: What was timed.
        seconds: One number a run.
    """

    name: str
    seconds: Sequence[float]

    @property
    def best(self) -> float:
        """The least disturbed run, in seconds."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The usual run, in seconds."""
        return statistics.median(self.seconds)


def take_turns(actions: Mapping[str, Callable[[], object]], runs: int = 5) -> list[Timing]:
    """Run every action once unmeasured, then `runs` times in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(runs + 1):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return [Timing(name, taken) for name, taken in seconds.items()]


def table(title: str, timings: Sequence[Timing]) -> str:
    """Return a table in which everything is also compared with the first row."""
    base = timings[0]
    lines = [title, f"{'':32} {'best':>8} {'median':>8} {'over base':>10} {'x base':>7}"]
    for row in timings:
        over, ratio = row.median - base.median, row.median / base.median
        lines.append(f"{row.name:32} {row.best:7.2f}s {row.median:7.2f}s {over:+9.2f}s {ratio:6.2f}x")
    return "\n".join(lines)
