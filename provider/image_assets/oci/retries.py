"""When to try again: a table of pauses by kind of failure, and one budget of time for all of them."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.limits import Limits

# Seconds before each repetition. Nobody listening is known at once and seldom cures itself; a dropped connection
# usually does; a busy registry needs the longest pauses. What is not here is never repeated.
PAUSES: Mapping[Fault, tuple[float, ...]] = MappingProxyType(
    {
        Fault.REFUSED: (0.3, 0.7, 1.5),
        Fault.UNKNOWN_HOST: (0.5, 1.0),
        Fault.RESET: (0.1, 0.5, 2.0, 5.0, 10.0),
        Fault.TIMEOUT: (0.5, 2.0),
        Fault.LOST: (0.1, 0.5, 2.0),
        Fault.BUSY: (0.5, 1.0, 3.0, 8.0, 15.0),
    }
)
_PROXIES = "what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say"
# What helps where no answer came, or none for now.
REMEDIES: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.REFUSED: f"see whether the registry runs there, and {_PROXIES}",
        Fault.UNKNOWN_HOST: f"see whether the name is right, and {_PROXIES}",
        Fault.TIMEOUT: f"see whether the network lets it through, and {_PROXIES}",
        Fault.BUSY: "run it again later",
        Fault.RESET: f"see what stands between here and the registry, and {_PROXIES}",
    }
)
# So many bytes must have moved since the last failure for the count of failures to start anew.
WORTH_NEW_RETRIES = 8 * 2**20
_SPREAD = 0.2
_FIRST_LOOK = 0.1
_LONGEST_LOOK = 4.0


class Retries:
    """The repetitions of one request; not shared between threads."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._failures: dict[Fault, int] = {}
        self._first: float | None = None
        self.tries = 1

    def pause_after(self, error: ExchangeError) -> float | None:
        """Return the seconds to wait before trying again, or None to give up."""
        now = self._clock()
        self._first = now if self._first is None else self._first
        pauses = PAUSES.get(error.fault, ())
        count = self._failures.get(error.fault, 0)
        self._failures[error.fault] = count + 1
        if count >= len(pauses):
            return None
        pause = max(_spread(pauses[count]) * self._limits.pace, error.retry_after or 0.0)
        if now - self._first + pause > self._limits.retrying:
            return None
        self.tries += 1
        return pause

    def exclude(self, seconds: float) -> None:
        """Do not count so many seconds: in them content moved."""
        if self._first is not None:
            self._first += seconds

    def renew(self) -> None:
        """Forget the failures so far: much was achieved since."""
        self._failures.clear()
        self._first = None

    def final(self, error: ExchangeError) -> ExchangeError:
        """Return the error as the user sees it after the last try."""
        asked = f"the registry asks to wait {error.retry_after:.0f} s" if error.retry_after else ""
        tried = (
            f"tried {self.tries} times in {self._clock() - (self._first or self._clock()):.0f} s"
            if self.tries > 1
            else ""
        )
        remedy = REMEDIES.get(error.fault, "") if error.status is None or error.fault is Fault.BUSY else ""
        remark = "; ".join(filter(None, (", ".join(filter(None, (tried, asked))), remedy)))
        return error.because(remark) if remark else error


def pauses_after(fault: Fault) -> Iterator[float]:
    """Yield the seconds before each repetition of what is no request of ours, such as a builder's push."""
    yield from map(_spread, PAUSES.get(fault, ()))


def pauses_to_settle(limits: Limits) -> Iterator[float]:
    """Yield the seconds between looks at what was written, until it should have become readable."""
    pause, waited = _FIRST_LOOK, 0.0
    while waited < limits.settle:
        yield pause * limits.pace
        waited += pause
        pause = min(pause * 2, _LONGEST_LOOK)


def _spread(pause: float) -> float:
    # Many uploads fail together; they should not all return in the same instant.
    return pause * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads load, guards nothing
