"""Other processes that take part in one walk: the time of small files is spent under Python's global lock.

The tree is shared out as the walk goes: a worker that is idle gets directories which nobody has listed yet, and gives
back within some milliseconds what it has read and what it has not come to. A worker gets nothing before it says that
it is ready. So no process waits long for another: the directories of a worker that dies, or is late when all else is
read, are read again here.
"""

import os
import pickle
import selectors
import sys
import threading
import time
from pathlib import Path
from typing import Final, Self

from image_assets.context.part import Answer, Order
from image_assets.context.tree import Tree
from image_assets.programs.command import CommandMissingError
from image_assets.programs.own_program import own_program
from image_assets.programs.peer import Peer
from image_assets.task import Task

_PATIENCE: Final = 0.05
"""Seconds of this thread's own work after which one more worker is worth its start: some 3,500 small files.

The start takes 0.1 s of another core, and nobody waits for it.
"""
_LATE: Final = 0.5
"""Seconds that a worker may take for one answer, beside what the slowest directory took here, when all else is read."""
_MOST_PATHS: Final = 64
_TICK: Final = 0.1
_LARGE_CACHE: Final = 7_000_000
"""In bytes; with more than these 100,000 digests a context has one worker, so that memory stays bounded."""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MOST_WORKERS: Final = min(_cores() - 1, 4)
"""In this process, for all contexts: each takes some 15 MB, and 25 MB more for 100,000 digests in the cache."""
_SEATS: Final = threading.Semaphore(MOST_WORKERS)
WORKER_FLAG: Final = "--context-worker"
"""The only argument with which a packed program, which has no interpreter to start, runs `worker.py` instead."""


class Workers:
    """The workers of one context; there are none before the walk has taken a while.

    Args:
        order: What they must know.
        task: Can cancel waiting for them.
        patience: Seconds of this thread's own work until the first is started, and between it and the next.

    Attributes:
        answers: How many parts they have read.
    """

    def __init__(self, order: Order, task: Task, patience: float = _PATIENCE) -> None:
        self.answers = 0
        self._order = order
        self._task = task
        self._patience = patience
        self._start_at = time.thread_time() + patience
        self._selector = selectors.DefaultSelector()
        self._idle: list[Worker] = []
        self._starting: set[Worker] = set()
        self._busy: dict[Worker, list[str]] = {}
        self._given_at: dict[Worker, float] = {}
        self._exchanged_at = float("inf")
        self._slowest = 0.0
        self._left: list[str] = []
        self._most = 1 if _size(order.cache) > _LARGE_CACHE else MOST_WORKERS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self._starting, *self._idle, *self._busy]:
            worker.end()
        self._selector.close()

    def exchange(self, tree: Tree) -> list[Answer]:
        """Return what the workers have read by now, and give those that are idle something to do."""
        now = time.monotonic()
        self._slowest = max(self._slowest, now - self._exchanged_at)
        if time.thread_time() >= self._start_at and (self._left or tree.is_shareable):
            self._start()
        answers = self._collect(0) if self._busy or self._starting else []
        while self._idle and (paths := self._share(tree)):
            self._give(self._idle.pop(), paths)
        self._exchanged_at = time.monotonic()
        return answers

    def wait(self) -> tuple[list[Answer], list[str]]:
        """Wait until all is read, or there is something to do here.

        Returns:
            Answers, and the directories to go on with; none if all is read.

        Raises:
            CancelledByUserError: The user does not want to wait any more.
        """
        answers: list[Answer] = []
        while self._busy and not self._left:
            self._task.check()
            answers += self._collect(_TICK)
            self._lose_late()
        self._exchanged_at = float("inf")
        paths, self._left = _halved(self._left)
        return answers, paths

    def _start(self) -> None:
        self._start_at = time.thread_time() + self._patience
        enough = len(self._starting) + len(self._idle) + len(self._busy) >= self._most
        worker = None if enough else Worker.start(self._order)
        if worker is None:
            self._start_at = float("inf")
        else:
            self._selector.register(worker.peer.output, selectors.EVENT_READ, worker)
            self._starting.add(worker)

    def _share(self, tree: Tree) -> list[str]:
        paths = self._left[:_MOST_PATHS]
        del self._left[:_MOST_PATHS]
        return paths or tree.hand_over(_MOST_PATHS)

    def _give(self, worker: "Worker", paths: list[str]) -> None:
        if worker.send(paths):
            self._busy[worker] = paths
            self._given_at[worker] = time.monotonic()
        else:
            self._lose(worker, paths)

    def _collect(self, seconds: float) -> list[Answer]:
        """Take the answers that are there, or come within a time."""
        answers: list[Answer] = []
        for key, _ in self._selector.select(seconds):
            worker: Worker = key.data
            paths = self._busy.pop(worker, [])
            answer = worker.receive()
            if answer is None:
                self._lose(worker, paths)
                continue
            self._idle.append(worker)
            if worker in self._starting:
                self._starting.remove(worker)
                continue
            self._left += answer.left
            answers.append(answer)
        self.answers += len(answers)
        return answers

    def _lose_late(self) -> None:
        """Give up workers that take longer than reading their directories here would, as far as that can be told."""
        latest = time.monotonic() - _LATE - self._slowest
        for worker in [worker for worker in self._busy if self._given_at[worker] < latest]:
            self._lose(worker, self._busy.pop(worker))

    def _lose(self, worker: "Worker", paths: list[str]) -> None:
        """Go on without a worker that has died, or is late."""
        self._left += paths
        self._starting.discard(worker)
        self._start_at = float("inf")
        self._selector.unregister(worker.peer.output)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.end()


def _size(path: Path | None) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def _halved(paths: list[str]) -> tuple[list[str], list[str]]:
    middle = len(paths) - len(paths) // 2
    return paths[:middle], paths[middle:]


class Worker:
    """One process; `worker.py` is what runs in it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    @classmethod
    def start(cls, order: Order) -> "Worker | None":
        """Start a worker; None if there is no core for it, none can be started, or it would read names otherwise."""
        if not sys.executable or sys.getfilesystemencoding() != "utf-8" or not _SEATS.acquire(blocking=False):
            return None
        try:
            worker = cls(Peer(own_program("image_assets.context.worker", WORKER_FLAG)))
        except CommandMissingError:
            _SEATS.release()
            return None
        worker.send(order)
        return worker

    def send(self, message: Order | list[str]) -> bool:
        """Send something; False if the worker has died."""
        try:
            pickle.dump(message, self.peer.input, pickle.HIGHEST_PROTOCOL)
            self.peer.input.flush()
        except OSError:
            return False
        return True

    def receive(self) -> Answer | None:
        """Wait for an answer; None if the worker has died."""
        try:
            answer: Answer = pickle.load(self.peer.output)  # noqa: S301 - from our own child, by a pipe of its own
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        return answer

    def end(self) -> None:
        """End the process; what it is reading is lost."""
        self.peer.end()
        _SEATS.release()
