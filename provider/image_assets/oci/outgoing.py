"""Sending a body while it is read: bounded, cancellable, and exactly as long as was announced."""

from collections.abc import Iterator
from dataclasses import dataclass

from image_assets.oci.exchange import Body, Request
from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.watchdog import Watch
from image_assets.task import Task

_PIECE = 256 * 2**10


class SourceFailedError(Exception):
    """What reads the content to be sent failed, and not the network; urllib3 lets this one through as it is."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass
class Outgoing:
    """A request's body on its way out, in pieces.

    Attributes:
        request: Whose body it is.
        body: The body.
        watch: Bounds each piece, but not the reading of the source.
        task: Can be cancelled between two pieces.
        stall: Seconds that one piece may take.
        within: Seconds that the answer may take after the last one.
    """

    request: Request
    body: Body
    watch: Watch
    task: Task
    stall: float
    within: float

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Give the content in pieces small enough to be cancelled between."""
        for chunk in self._measured():
            view = memoryview(chunk)
            for start in range(0, len(view), _PIECE):
                self.task.check()
                self.watch.allow(self.stall)
                yield view[start : start + _PIECE]
                self.body.sent(min(_PIECE, len(view) - start))
            self.watch.pause()
        self.watch.allow(self.within)

    def _measured(self) -> Iterator[bytes]:
        """Let the announced number of bytes through.

        Raises:
            ExchangeError: There are more or fewer; the other side would wait for ever, or take them for a request.
        """
        announced, given = self.body.size, 0
        for chunk in self._chunks():
            given += len(chunk)
            if announced is not None and given > announced:
                raise self._misfit(f"more than the {announced} bytes")
            yield chunk
        if announced is not None and given < announced:
            raise self._misfit(f"{given} of the {announced} bytes")

    def _misfit(self, found: str) -> ExchangeError:
        reason = f"the content has {found} that were announced"
        return ExchangeError(reason, method=self.request.method, url=self.request.url, fault=Fault.FINAL)

    def _chunks(self) -> Iterator[bytes]:
        """Read the source; its failures must not look like the network's (both may be `OSError`)."""
        self.watch.pause()
        try:
            yield from self.body.read()
        except GeneratorExit:
            raise
        except BaseException as error:
            raise SourceFailedError(error) from error
