"""Noticing that the engine is gone: one that was killed tells nobody.

A plugin must not outlive its engine: it would go on to build and to push, and nobody would know.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final

_INTERVAL: Final = 0.5
"""Seconds between two looks at who the parent is."""
_LOOKS_BETWEEN_DIALS: Final = 4
_DIAL_TIMEOUT: Final = 5.0
_FAILURES_IN_A_ROW: Final = 2


async def watch_engine(address: str, is_gone: Callable[[], None]) -> None:
    """Call a function once this process has lost its parent, or nobody listens at the engine's address any more.

    A plugin that runs from source is a child of its language host, which may outlive the engine by minutes.
    """
    parent = os.getppid()
    failures = looks = 0
    while os.getppid() == parent and failures < _FAILURES_IN_A_ROW:
        await asyncio.sleep(_INTERVAL)
        looks += 1
        if looks % _LOOKS_BETWEEN_DIALS == 0:
            failures = 0 if await _listens(address) else failures + 1
    is_gone()


async def _listens(address: str) -> bool:
    """Say whether a connection is accepted; an address of another kind, or a slow answer, counts as yes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return True
    with contextlib.suppress(TimeoutError):
        try:
            async with asyncio.timeout(_DIAL_TIMEOUT):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        writer.close()
    return True
