"""What is cancelled when: everything when the deployment ends, one job when its time is over."""

import threading
from weakref import WeakSet


class Cancellation:
    """The events that stop what is running.

    Attributes:
        deployment: Set once the deployment is cancelled or has ended.
    """

    def __init__(self) -> None:
        self.deployment = threading.Event()
        self._jobs: WeakSet[threading.Event] = WeakSet()
        self._lock = threading.Lock()

    def of_job(self) -> threading.Event:
        """Return an event that can be set for one job alone, and is set with the deployment's."""
        event = threading.Event()
        with self._lock:
            self._jobs.add(event)
            if self.deployment.is_set():
                event.set()
        return event

    def cancel(self) -> None:
        """Stop everything."""
        with self._lock:
            self.deployment.set()
            for event in self._jobs:
                event.set()

    def begin(self) -> None:
        """Let a new deployment run."""
        with self._lock:
            self.deployment.clear()
