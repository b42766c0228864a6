"""Answering for components: in full, or with nothing once the deployment is over.

When something else has failed, or the user has cancelled, the engine closes its monitor, cancels, and disconnects. An
error of a component, or a call that is still open then, would accuse that component, too.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from image_assets.protocol.monitor import MonitorGoneError

T = TypeVar("T")

_SECONDS_TO_ANSWER: Final = 3.0
"""The engine waits five seconds for the answer to a cancel."""
_SECONDS_TO_ARRIVE: Final = 0.05
"""What was answered must have arrived before the engine disconnects."""
_SECONDS_UNTIL_CANCEL: Final = 30.0
"""The engine cancels right after it closes its monitor; without a word this long after, the monitor itself failed."""


class Composing:
    """The components that are being made, and the methods that are being answered."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._open: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Answer in full from now on: a new deployment begins."""
        self._over.clear()

    async def end(self) -> None:
        """Let everything that is open be answered with nothing, and return when it has been."""
        self._over.set()
        if self._open:
            await asyncio.wait(self._open, timeout=_SECONDS_TO_ANSWER)
            await asyncio.sleep(_SECONDS_TO_ARRIVE)

    async def answer(self, composing: Coroutine[Any, Any, T], nothing: T) -> T:
        """Return what a component answers, or nothing once the deployment is over.

        Raises:
            MonitorGoneError: The engine takes no registrations, and yet the deployment goes on.
        """
        rpc = asyncio.current_task()
        if rpc is not None:
            self._open.add(rpc)
            rpc.add_done_callback(self._open.discard)
        answer, over = asyncio.create_task(composing), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({answer, over}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done() and isinstance(answer.exception(), MonitorGoneError):
                await asyncio.wait({over}, timeout=_SECONDS_UNTIL_CANCEL)
            if over.done() and (not answer.done() or answer.exception()):
                answer.cancel()
                return nothing
            return await answer
        finally:
            over.cancel()
