"""The process of a worker: orders in by standard input, answers out by standard output, both pickled.

It ends with its input, so it never outlives who started it.
"""

import contextlib
import os
import pickle
import select
import sys
import threading

from image_assets.context.part import Answer, Part
from image_assets.context.place import Places


def main() -> None:
    """Take the order, say that it is understood, then answer for one list of paths after the other."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    threading.Thread(target=_end_with, args=(source.fileno(),), daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError), Places() as places:
        part = Part(pickle.load(source), places)  # noqa: S301 - from our own parent, by a pipe of its own
        answer = Answer()
        while True:
            pickle.dump(answer, sink, pickle.HIGHEST_PROTOCOL)
            sink.flush()
            answer = part.read(pickle.load(source))  # noqa: S301 - as above


def _end_with(fd: int) -> None:
    """End at once when nobody can write to a pipe any more."""
    hanging = select.poll()
    hanging.register(fd, select.POLLHUP)
    hanging.poll()
    os._exit(0)
