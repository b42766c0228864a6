"""Sending blobs that come one after the other from one stream, several at once, in bounded memory."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from image_assets.transfer.jobs import Jobs

#: What one blob may be ahead of its upload. Small layers fit whole, so the next ones start meanwhile.
_HELD_BYTES = 8 << 20

#: What all blobs of the process may be ahead of their uploads: many images wait for few transfers.
_ALL_HELD_BYTES = 96 << 20

T = TypeVar("T")
Read = Callable[[], Iterator[bytes]]


class _Held:
    """The bytes in all pipes together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.size = 0

    def add(self, size: int) -> None:
        """Count bytes that came, or went."""
        with self._lock:
            self.size += size


held = _Held()


class Pipe:
    """What one blob passes through from the stream to its upload."""

    def __init__(self, check: Callable[[], None], again: Callable[[], Iterator[bytes]]) -> None:
        """Make an empty pipe.

        Args:
            check: Raises if it is of no use to go on.
            again: Reads the blob anew, for an upload that must start again.
        """
        self._check = check
        self._again = again
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._ended = self._left = self._started = False
        self._failure: BaseException | None = None
        self._moved = threading.Condition()

    def fill(self, chunks: Iterable[bytes], done: Callable[[], bool]) -> None:
        """Put the blob in; returns early once nobody reads any more."""
        try:
            for chunk in chunks:
                if not self._put(chunk, done):
                    return
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)

    def read(self) -> Iterator[bytes]:
        """Take the blob out; the second time, and later, it is read anew."""
        with self._moved:
            first, self._started = not self._started, True
            self._left = not first
            self._moved.notify_all()
        return self._take() if first else self._again()

    def _put(self, chunk: bytes, done: Callable[[], bool]) -> bool:
        """Add a chunk when there is room."""
        with self._moved:
            while self._is_full() and not (self._left or done()):
                self._moved.wait(0.1)
                self._check()
            if self._left or done():
                self._drop()
                return False
            self._held.append(chunk)
            self._count(len(chunk))
            self._moved.notify_all()
        return True

    def close(self) -> None:
        """Let go of what nobody will take out."""
        with self._moved:
            self._left = True
            self._drop()
            self._moved.notify_all()

    def _is_full(self) -> bool:
        """Say whether the next chunk must wait; an empty pipe takes one, so that every upload goes on."""
        return self._held_bytes > _HELD_BYTES or (self._held_bytes > 0 and held.size > _ALL_HELD_BYTES)

    def _drop(self) -> None:
        self._held.clear()
        self._count(-self._held_bytes)

    def _count(self, size: int) -> None:
        self._held_bytes += size
        held.add(size)

    def _end(self, failure: BaseException | None) -> None:
        """Say that nothing more comes."""
        with self._moved:
            self._ended, self._failure = True, failure
            self._moved.notify_all()

    def _take(self) -> Iterator[bytes]:
        """Yield chunks until the end."""
        while (chunk := self._next()) is not None:
            yield chunk

    def _next(self) -> bytes | None:
        """Wait for a chunk."""
        with self._moved:
            while not self._held and not self._ended:
                self._moved.wait(0.1)
                self._check()
            if self._held:
                chunk = self._held.popleft()
                self._count(-len(chunk))
                self._moved.notify_all()
                return chunk
            if self._failure is not None:
                raise self._failure
            return None


def send_while_reading(
    jobs: Jobs,
    chunks: Iterable[bytes],
    again: Callable[[], Iterator[bytes]],
    send: Callable[[Callable[[], Iterator[bytes]]], T],
) -> Future[T]:
    """Start sending one blob, and return once all of it was read; its upload may go on.

    Raises:
        Exception: What an earlier blob's upload raised.
    """
    jobs.make_room()
    pipe = Pipe(jobs.check, again)
    future = jobs.start(lambda: send(pipe.read))
    future.add_done_callback(lambda _: pipe.close())
    pipe.fill(chunks, future.done)
    return future
