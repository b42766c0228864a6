"""How a long job talks to whoever started it: status out, cancellation in."""

import threading
from collections.abc import Callable
from dataclasses import field, replace

from image_assets.errors import CancelledByUserError
from image_assets.frozen import dataclass
from image_assets.secrets import Secrets


def _drop(_message: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class Task:
    """The reporting and cancelling side of one job on one resource.

    Attributes:
        status: Shows what begins now in the resource's row; a log has a line for each.
        live: Shows how that goes on, until the next text comes; a log does without. Unless given, the same as `status`.
        info: Leaves a permanent line.
        warn: Leaves a permanent warning.
        debug: Leaves a line that only `--debug` shows.
        cancelled: Set once the user interrupts the deployment, or the time for this job is over.
        deployment_cancelled: Set once the user interrupts the deployment; what several jobs share ends with it alone.
        secrets: What must not be seen in anything that is shown or kept.
    """

    status: Callable[[str], None] = _drop
    info: Callable[[str], None] = _drop
    warn: Callable[[str], None] = _drop
    debug: Callable[[str], None] = _drop
    cancelled: threading.Event = field(default_factory=threading.Event)
    live: Callable[[str], None] = _drop
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    deployment_cancelled: threading.Event | None = None

    def __post_init__(self) -> None:
        """Let everything be a status where nothing else is asked for."""
        if self.live is _drop:
            object.__setattr__(self, "live", self.status)

    def of_deployment(self) -> "Task":
        """Return the task for what this job makes for others, too: it is cancelled with the deployment alone."""
        return replace(self, cancelled=self.deployment_cancelled or self.cancelled)

    def check(self) -> None:
        """Stop here if the user has cancelled.

        Raises:
            CancelledByUserError: The deployment was cancelled.
        """
        if self.cancelled.is_set():
            raise CancelledByUserError("cancelled")

    def sleep(self, seconds: float) -> None:
        """Wait, but wake up at once when the user cancels.

        Raises:
            CancelledByUserError: The deployment was cancelled.
        """
        self.cancelled.wait(seconds)
        self.check()
