"""Ends network calls that block: past their time, or after the user cancelled.

A socket's own timeout starts anew with every byte, so a peer that sends one byte a second keeps a reader for ever; and
a blocked read does not hear of a cancellation. One thread looks at all running exchanges a few times a second and shuts
the connection of those that must end; the blocked call then fails at once.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

_LOOK_EVERY = 0.2
_IDLE_LOOKS = 25


class Watch:
    """The bounds of one exchange.

    Attributes:
        expired: Whether its time was over before it ended.
        ended: Whether it must not go on: its time is over, or the user cancelled.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], forget: Callable[["Watch"], None]) -> None:
        self._clock = clock
        self._forget = forget
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._adopted = False
        self._deadline: float | None = clock() + seconds
        self._left = seconds
        self._seconds = seconds
        self.expired = False
        self.ended = False

    @property
    def seconds(self) -> float:
        """The time that was allowed last."""
        return self._seconds

    def allow(self, seconds: float) -> None:
        """Give the next step this long."""
        self._seconds = seconds
        self._deadline = self._clock() + seconds

    def pause(self) -> None:
        """Stop the clock: the next step is not the network's."""
        self._left = self._deadline - self._clock() if self._deadline is not None else self._left
        self._deadline = None

    def resume(self) -> None:
        """Let the clock go on with the time that was left."""
        self._deadline = self._clock() + self._left

    def attach(self, handle: socket.socket) -> None:
        """Take over a duplicate of the socket that carries the exchange."""
        with self._lock:
            self._handle = handle

    def adopt(self, handle: socket.socket) -> bool:
        """Keep the handle of a connection that closes while its answer is still being read; say whether it is ours."""
        with self._lock:
            self._adopted = self._adopted or handle is self._handle
            return handle is self._handle

    def enforce(self, now: float, *, cancelled: bool) -> None:
        """Shut the connection if its time is over or the user has cancelled."""
        deadline = self._deadline
        late = deadline is not None and now > deadline
        if not late and not cancelled:
            return
        with self._lock:
            self.ended = True
            self.expired = self.expired or late
            if self._handle is not None:
                # The other end may have closed already.
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """End the watch; the connection may serve another exchange."""
        self._forget(self)
        with self._lock:
            handle, self._handle = self._handle, None
        if self._adopted and handle is not None:
            handle.close()


class Watchdog:
    """Looks after the exchanges of one client; its thread runs only while there are any."""

    def __init__(self, cancelled: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._cancelled = cancelled
        self._clock = clock
        self._lock = threading.Lock()
        self._watches: set[Watch] = set()
        self._running = False
        self._idle = 0

    def start(self, seconds: float) -> Watch:
        """Begin to watch an exchange; the caller ends it with `finish`."""
        watch = Watch(seconds, self._clock, self._forget)
        with self._lock:
            self._watches.add(watch)
            starting, self._running = not self._running, True
        if starting:
            threading.Thread(target=self._run, name="registry watchdog", daemon=True).start()
        return watch

    def _forget(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        while self._look():
            # A set event does not wait any more, and a shut connection needs a moment to be noticed.
            if self._cancelled.wait(_LOOK_EVERY):
                time.sleep(_LOOK_EVERY)

    def _look(self) -> bool:
        """Look at every exchange once; say whether to go on."""
        with self._lock:
            watches = tuple(self._watches)
            self._idle = 0 if watches else self._idle + 1
            self._running = self._idle < _IDLE_LOOKS
            going_on = self._running
            self._idle = self._idle if going_on else 0
        for watch in watches:
            watch.enforce(self._clock(), cancelled=self._cancelled.is_set())
        return going_on
