"""Questions to registries whether an image is there, begun early so that many are asked side by side.

The engine asks for one resource's difference after the other, so a question that is first put there would make each
asset wait for the one before.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

#: Questions wait for the network and for nothing else.
_AT_ONCE = 16

#: True if the registry has it, False if it clearly has not; trouble raises.
Question = Callable[[], bool]


class Lookups:
    """Keeps the answers to questions that were begun, each for one use."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, "lookup")
        self._begun: dict[str, Future[bool]] = {}
        self._lock = threading.Lock()

    def begin(self, reference: str, question: Question) -> None:
        """Start asking."""
        with self._lock:
            self._begun[reference] = self._pool.submit(question)

    def answer(self, reference: str, question: Question) -> bool:
        """Return the answer, asked for now if nobody has begun.

        Raises:
            AssetError: The registry could not be asked.
        """
        with self._lock:
            begun = self._begun.pop(reference, None)
        return begun.result() if begun else question()
