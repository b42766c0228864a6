"""Many threads want the same thing: one fetches it, the others wait for that one's result or failure."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from image_assets.errors import AssetError
from image_assets.task import Task

_LISTEN_EVERY = 0.2
_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Runs at most one call for each key at a time; results are not kept."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[_T]] = {}

    def run(self, key: Hashable, call: Callable[[], _T]) -> _T:
        """Return what `call` returns, or what it returns for another thread that was first.

        Raises:
            CancelledByUserError: The user cancelled while this waited.
        """
        with self._lock:
            flight = self._running.get(key)
            first = flight is None
            flight = self._running.setdefault(key, Future())
        return self._fly(key, flight, call) if first else self._wait(flight, call)

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

    def _wait(self, flight: Future[_T], call: Callable[[], _T]) -> _T:
        while not wait((flight,), timeout=_LISTEN_EVERY).done:
            self._task.check()
        error = flight.exception()
        # What the other thread brought along has failed, not what both want.
        return call() if error and not isinstance(error, AssetError) else flight.result()
