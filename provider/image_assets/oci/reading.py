"""Reading a blob for one try of sending it, and counting what of it was sent."""

import hashlib
import time
from collections.abc import Callable, Iterator

from image_assets.oci.model import BlobSource


class Meter:
    """Counts what was sent, and tells the listener what counts towards the blob.

    Attributes:
        sent: Bytes that went out, repetitions included.
    """

    def __init__(self, listener: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._position = 0
        self._began = self._moved = clock()
        self.sent = 0

    @property
    def seconds(self) -> float:
        """The seconds of the current try up to when the last bytes went out."""
        return self._moved - self._began

    def start(self) -> None:
        """Take note that a try begins."""
        self._began = self._moved = self._clock()

    def advance(self, count: int) -> None:
        """Take note of bytes that went out."""
        self.sent += count
        self._moved = self._clock()
        self._position += count
        self._listener(count)

    def move_to(self, position: int) -> None:
        """Take note that the upload goes on from here."""
        if position != self._position:
            self._listener(position - self._position)
        self._position = position


class Reader:
    """Reads a source for one try, computing the digest that the source does not know."""

    def __init__(self, source: BlobSource) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of what was read so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def read(self) -> Iterator[bytes]:
        """Read from the start; what an earlier reading computed is forgotten."""
        self._hash = hashlib.sha256()
        self.size = 0
        hashing = self._source.digest is None
        for chunk in self._source.read():
            if hashing:
                self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    def pieces(self, length: int, skip: int) -> Iterator[bytes]:
        """Read pieces of the same length (the last may be shorter), without the first bytes."""
        kept = bytearray()
        for chunk in self.read():
            dropped = min(skip, len(chunk))
            skip -= dropped
            kept += memoryview(chunk)[dropped:]
            while len(kept) >= length:
                yield bytes(kept[:length])
                del kept[:length]
        if kept:
            yield bytes(kept)
