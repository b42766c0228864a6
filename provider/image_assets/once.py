"""Asking once for what many threads want: they wait for the one that asks."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, Generic, TypeVar

from image_assets.errors import AssetError, CancelledByUserError
from image_assets.task import Task

_TICK: Final = 0.2
"""Seconds between two looks at the user's wish to cancel."""
_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Runs at most one call for each key at a time; results are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[_T]] = {}

    def run(self, key: Hashable, call: Callable[[], _T], task: Task) -> _T:
        """Return what `call` returns, or what it returns for another thread that was first.

        Args:
            key: What makes two calls the same.
            call: Its `AssetError` is everybody's who waits, but nobody's who comes later.
            task: Can cancel the waiting.

        Raises:
            CancelledByUserError: The user cancelled while this waited.
        """
        while True:
            with self._lock:
                flight = self._running.get(key)
                first = flight is None
                flight = self._running.setdefault(key, Future())
            if first:
                return self._fly(key, flight, call)
            while not wait((flight,), timeout=_TICK).done:
                task.check()
            if not _is_its_own(flight.exception()):
                return flight.result()

    def _fly(self, key: Hashable, flight: Future[_T], call: Callable[[], _T]) -> _T:
        try:
            result = call()
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            with self._lock:
                del self._running[key]


def _is_its_own(error: BaseException | None) -> bool:
    """Say whether what failed is what another thread brought along, or its wish to go on, and not what both want."""
    return error is not None and (not isinstance(error, AssetError) or isinstance(error, CancelledByUserError))


class Answers(Generic[_T]):
    """Answers by question, kept; failures are not."""

    def __init__(self) -> None:
        self._flights: SingleFlight[_T] = SingleFlight()
        self._found: dict[Hashable, _T] = {}

    def get(self, question: Hashable, ask: Callable[[], _T], task: Task) -> _T:
        """Return the answer to a question; the arguments are those of `SingleFlight.run`.

        Raises:
            AssetError: There was none, now or while this waited for another thread's.
            CancelledByUserError: The user cancelled.
        """
        if question not in self._found:
            self._flights.run(question, lambda: self._ask(question, ask), task)
        return self._found[question]

    def _ask(self, question: Hashable, ask: Callable[[], _T]) -> _T:
        # Between a look at what is there and the call, another call may have ended.
        if question not in self._found:
            self._found[question] = ask()
        return self._found[question]


class BegunCalls:
    """Calls that run in threads of their own, each begun once; what came of it is kept, failures too.

    Args:
        at_once: How many run side by side.
        name: What the threads are called.
    """

    def __init__(self, at_once: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(at_once, name)
        self._begun: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def begin(self, key: Hashable, call: Callable[[], _T]) -> Future[_T]:
        """Begin a call unless one with its key has begun, and return what will come of it."""
        with self._lock:
            if key not in self._begun:
                self._begun[key] = self._pool.submit(call)
            return self._begun[key]
