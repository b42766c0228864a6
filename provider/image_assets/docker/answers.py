"""What programs that build have answered in this process: each question is asked once."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

from image_assets.errors import BuildError
from image_assets.task import Task

_TICK: Final = 0.2
"""Seconds between two looks at the user's wish to cancel."""


class Answers:
    """Answers by question: who asks meanwhile waits for the answer, and a refusal is not kept for who comes later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: dict[Hashable, threading.Lock] = {}
        self._found: dict[Hashable, str] = {}
        self._refused: dict[Hashable, tuple[float, BuildError]] = {}

    def get(self, question: Hashable, ask: Callable[[], str], task: Task) -> str:
        """Return the answer to a question.

        Args:
            question: What makes two questions the same.
            ask: Asks it.
            task: Can cancel the waiting.

        Raises:
            BuildError: There was none, now or while this waited for another thread's.
            CancelledByUserError: The user cancelled.
        """
        came = time.monotonic()
        with self._lock:
            asking = self._asking.setdefault(question, threading.Lock())
        while not asking.acquire(timeout=_TICK):
            task.check()
        try:
            return self._found[question] if question in self._found else self._ask(question, came, ask)
        finally:
            asking.release()

    def _ask(self, question: Hashable, came: float, ask: Callable[[], str]) -> str:
        when, refusal = self._refused.get(question, (float("-inf"), None))
        if refusal and when > came:
            raise refusal
        try:
            answer = self._found[question] = ask()
        except BuildError as error:
            self._refused[question] = (time.monotonic(), error)
            raise
        return answer
