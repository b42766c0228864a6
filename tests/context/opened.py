"""Which paths are opened or listed, as Python's audit events tell it."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

_opened: list[str] = []
_listening = threading.Event()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening.is_set() and event in ("open", "os.scandir", "os.listdir"):
        _opened.append(str(arguments[0]))


sys.addaudithook(_hear)


@contextlib.contextmanager
def opened() -> Iterator[list[str]]:
    """Note what is opened or listed meanwhile."""
    _opened.clear()
    _listening.set()
    try:
        yield _opened
    finally:
        _listening.clear()
