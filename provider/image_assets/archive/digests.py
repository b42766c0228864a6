"""Checking content against its digest, at once or while it passes."""

import hashlib
from collections.abc import Collection, Iterator

from image_assets.archive.refusal import refuse
from image_assets.errors import ArchiveError


class OtherContentError(ArchiveError):
    """Some content has another digest than it is called by."""


def digest_as(content: bytes, expected: str) -> str:
    """Return the content's digest in the algorithm of `expected`."""
    algorithm = expected.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def check(content: bytes, expected: str, member: str) -> bytes:
    """Return the content if it has that digest.

    Raises:
        OtherContentError: It has another one.
    """
    if (found := digest_as(content, expected)) != expected:
        raise _wrong(found, expected, member)
    return content


class Passing:
    """Content that is hashed while it passes to someone else.

    Attributes:
        digest: The digest of what passed; "" until all has.
        size: The bytes that passed.
    """

    def __init__(self, expected: Collection[str], member: str) -> None:
        """Prepare for content that must have one of the digests, all of one algorithm."""
        self._expected = expected
        self._member = member
        self._algorithm = next(iter(expected), "sha256:").partition(":")[0]
        self.digest = ""
        self.size = 0

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass chunks on, the last of them only once the digest of all is right.

        So whoever sends them never sends the end of something that is wrong.

        Raises:
            OtherContentError: The content has another digest.
        """
        hasher, held = hashlib.new(self._algorithm), None
        for chunk in chunks:
            if held is not None:
                yield held
            hasher.update(chunk)
            self.size += len(chunk)
            held = chunk
        self.digest = f"{self._algorithm}:{hasher.hexdigest()}"
        if self.digest not in self._expected:
            raise _wrong(self.digest, " or ".join(list(self._expected)[:3]), self._member)
        if held is not None:
            yield held


def _wrong(found: str, expected: str, member: str) -> Exception:
    """Make the error of content that is not what it is called."""
    text = f"its content has the digest {found}, but it should be {expected}"
    return OtherContentError(str(refuse(text, member)))
