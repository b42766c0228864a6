"""Doing several things side by side; the first failure ends all."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from image_assets.errors import CancelledByUserError
from image_assets.task import Task

#: Transfers of one image at once, as docker and skopeo have it (5 and 6): one connection seldom fills a network.
_WORKERS = 4
#: Transfers of the whole process at once: each holds some megabytes, so this bounds memory whatever the images.
_TRANSFERS = threading.BoundedSemaphore(8)

T = TypeVar("T")


class Jobs:
    """A few threads for the blobs of one image.

    Attributes:
        check: Raises `CancelledByUserError` if the user cancelled or another blob failed; cheap, to be called often.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stopped = threading.Event()
        self._executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="publish")
        self._futures: list[Future[object]] = []

    def check(self) -> None:
        """Stop here if it is of no use to go on."""
        self._task.check()
        if self._stopped.is_set():
            raise CancelledByUserError("another part of the image failed")

    def start(self, job: Callable[[], T]) -> Future[T]:
        """Start a job as soon as a thread is free."""
        future = self._executor.submit(job)
        self._futures.append(future)  # type: ignore[arg-type]  # only waited for
        return future

    def all(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Do all of them and return what they return.

        Raises:
            Exception: What the first one that failed raised.
        """
        futures = [self.start(job) for job in jobs]
        self.settle()
        return [future.result() for future in futures]

    def make_room(self) -> None:
        """Wait until a thread is free.

        Raises:
            Exception: What a job that failed meanwhile raised.
        """
        while True:
            self.check()
            for future in self._futures:
                if future.done():
                    future.result()
            running = [future for future in self._futures if not future.done()]
            if len(running) < _WORKERS:
                return
            wait(running, timeout=0.2, return_when=FIRST_COMPLETED)

    def settle(self) -> None:
        """Wait for everything that was started.

        Raises:
            Exception: What the first one that failed raised.
        """
        done, _ = wait(self._futures, return_when=FIRST_EXCEPTION)
        for future in self._futures:
            if future in done:
                future.result()
        self._futures.clear()

    def stop(self) -> None:
        """End what is running at its next check, and wait for that."""
        self._stopped.set()
        self._executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def jobs_of(task: Task) -> Iterator[Jobs]:
    """Give threads for one image, and end them all in the end."""
    jobs = Jobs(task)
    try:
        yield jobs
    finally:
        jobs.stop()


_LOCKS: dict[str, threading.Lock] = {}
_DONE: set[str] = set()
_LOCKS_LOCK = threading.Lock()


@contextmanager
def one_at_a_time(keys: Iterable[str], check: Callable[[], None]) -> Iterator[bool]:
    """Hold everybody else in this process who does any of the same; say whether somebody did some of it before.

    Who asks for several keys gets them in one order, so that nobody waits in a circle.
    """
    wanted = sorted(set(keys))
    with ExitStack() as held:
        for key in wanted:
            with _LOCKS_LOCK:
                lock = _LOCKS.setdefault(key, threading.Lock())
            while not lock.acquire(timeout=0.2):
                check()
            held.callback(lock.release)
        yield not _DONE.isdisjoint(wanted)
        _DONE.update(wanted)


@contextmanager
def transfer_slot(check: Callable[[], None]) -> Iterator[None]:
    """Wait for one of the process's transfers to end."""
    while not _TRANSFERS.acquire(timeout=0.2):
        check()
    try:
        yield
    finally:
        _TRANSFERS.release()
