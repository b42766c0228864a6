"""Passing on the newest text of each row, not more often than it can be read, and the last one always."""

import threading
import time
from collections.abc import Callable
from typing import Final

INTERVAL: Final = 1.0
"""Seconds between two texts of one row."""


class Newest:
    """Sends on a thread of its own, so that nobody waits for the engine.

    Args:
        send: Takes a row and its text.
        interval: Seconds between two texts of one row.
    """

    def __init__(self, send: Callable[[str, str], None], interval: float = INTERVAL) -> None:
        self._send = send
        self._interval = interval
        self._waiting: dict[str, str] = {}
        self._sent: dict[str, tuple[float, str]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, row: str, text: str) -> None:
        """Send the text at once or as soon as it may be, unless a newer one comes before."""
        with self._changed:
            self._waiting[row] = text
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="status", daemon=True)
                self._thread.start()
            self._changed.notify()

    def flush(self, row: str) -> None:
        """Send what waits: something else is to stand after it."""
        with self._changed:
            due = self._take([row])
        self._send_all(due)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(self._seconds_to_wait())
                now = time.monotonic()
                due = self._take([row for row in self._waiting if self._time_of(row) <= now])
            self._send_all(due)

    def _seconds_to_wait(self) -> float | None:
        if not self._waiting:
            return None
        return max(0.0, min(map(self._time_of, self._waiting)) - time.monotonic())

    def _time_of(self, row: str) -> float:
        """Return when the row may get its next text."""
        return self._sent[row][0] + self._interval if row in self._sent else 0.0

    def _take(self, rows: list[str]) -> list[tuple[str, str]]:
        """Take the rows' texts out, but for those that stand there already."""
        texts = [(row, text) for row in rows if (text := self._waiting.pop(row, None)) is not None]
        news = [(row, text) for row, text in texts if row not in self._sent or self._sent[row][1] != text]
        self._sent |= {row: (time.monotonic(), text) for row, text in news}
        return news

    def _send_all(self, texts: list[tuple[str, str]]) -> None:
        for row, text in texts:
            self._send(row, text)
