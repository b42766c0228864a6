"""Blocking work on threads of its own: what reads files, builds and talks to registries."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from image_assets.custom_resource import Job
from image_assets.errors import TimedOutError

T = TypeVar("T")

THREADS: Final = 128
"""Creates of a large program wait on locks, builds and the network, not on the processor."""
SECONDS_TO_CLEAN_UP: Final = 3.0
"""The engine kills a plugin five seconds after the interrupt."""


class Jobs:
    """The work that is going on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "resource")
        self._running: set[Future[Any]] = set()

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function on the resources' own threads."""
        job = self._pool.submit(function, *args)
        # The RPC ends with its connection, the job does not.
        self._running.add(job)
        job.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(job)

    async def ended(self, seconds: float) -> None:
        """Wait until nothing runs any more, but not longer than this."""
        running = [asyncio.wrap_future(job) for job in self._running.copy()]
        if running:
            await asyncio.wait(running, timeout=seconds)

    async def in_time(self, seconds: float, job: Job, work: Coroutine[Any, Any, T]) -> T:
        """Await work, and cancel its job when the time is over; 0 seconds mean any time."""
        running = asyncio.create_task(work)
        await asyncio.wait({running}, timeout=seconds or None)
        if running.done():
            return running.result()
        job.task.cancelled.set()
        await asyncio.wait({running}, timeout=SECONDS_TO_CLEAN_UP)
        # Whatever it ends with, and when: it came too late.
        running.add_done_callback(lambda ended: ended.exception())
        raise TimedOutError(f"this was not done within {seconds:g} s, the time that `customTimeouts` gives it")
