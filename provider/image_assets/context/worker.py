"""The process of a worker: orders in by standard input, answers out by standard output, both pickled.

It ends with its input, so it never outlives who started it for long.
"""

import contextlib
import pickle
import sys

from image_assets.context.part import Part
from image_assets.context.place import Places


def main() -> None:
    """Take the order, then answer for one list of paths after the other."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(EOFError, BrokenPipeError), Places() as places:
        part = Part(pickle.load(source), places)  # noqa: S301 - from our own parent, by a pipe of its own
        while True:
            pickle.dump(part.read(pickle.load(source)), sink, pickle.HIGHEST_PROTOCOL)  # noqa: S301 - as above
            sink.flush()
