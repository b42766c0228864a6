"""Answering for components: in full, or with nothing once the deployment is over.

When something else has failed, or the user has cancelled, the engine cancels, and disconnects. An error of a component,
or a call that is still open then, would accuse that component, too. But the program does not know yet: what depends on
a component that was answered with nothing is registered next, and would meet a connection that is closing. So the
engine's cancel is answered only when nothing more comes.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from image_assets.protocol.monitor import MonitorGoneError

T = TypeVar("T")

_SECONDS_TO_ANSWER: Final = 4.0
"""The engine waits five seconds for the answer to a cancel."""
_SECONDS_OF_A_LOOK: Final = 0.002
_QUIET_LOOKS: Final = 75
_LOOKS_FOR_EACH: Final = 8
"""So often in a row nothing is open before the engine may disconnect. They are many and short, as each has to wait for
a processor: where the program's next step takes long, so do they. It takes the answers one after the other.
"""
_SECONDS_UNTIL_CANCEL: Final = 30.0
"""The engine cancels right after it closes its monitor; without a word this long after, the monitor itself failed."""


class Composing:
    """The components that are being made, and the methods that are being answered."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._open: set[asyncio.Task[Any]] = set()
        self._begun = 0

    def begin(self) -> None:
        """Answer in full from now on: a new deployment begins."""
        self._over.clear()

    async def end(self) -> None:
        """Let all that is open be answered with nothing, and what the program then begins; return when that rests."""
        self._over.set()
        give_up = asyncio.get_running_loop().time() + _SECONDS_TO_ANSWER
        wanted = _QUIET_LOOKS + _LOOKS_FOR_EACH * len(self._open)
        looks = 0 if self._open else wanted
        while looks < wanted and asyncio.get_running_loop().time() < give_up:
            begun = self._begun
            await asyncio.sleep(_SECONDS_OF_A_LOOK)
            looks = 0 if self._open or self._begun != begun else looks + 1

    async def answer(self, composing: Coroutine[Any, Any, T], nothing: T) -> T:
        """Return what a component answers, or nothing once the deployment is over.

        Raises:
            MonitorGoneError: The engine takes no registrations, and yet the deployment goes on.
        """
        rpc = asyncio.current_task()
        if rpc is not None:
            self._begun += 1
            self._open.add(rpc)
            rpc.add_done_callback(self._open.discard)
        if self._over.is_set():
            composing.close()
            return nothing
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
