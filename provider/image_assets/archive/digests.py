"""Checking content against its digest, at once or while it passes."""

import hashlib
from collections.abc import Iterator

from image_assets.archive.refusal import refuse


def digest_as(content: bytes, expected: str) -> str:
    """Return the content's digest in the algorithm of `expected`."""
    algorithm = expected.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def check(content: bytes, expected: str, member: str) -> bytes:
    """Return the content if it has that digest.

    Raises:
        ArchiveError: It has another one.
    """
    if (found := digest_as(content, expected)) != expected:
        raise _wrong(found, expected, member)
    return content


def checked(chunks: Iterator[bytes], expected: str, member: str) -> Iterator[bytes]:
    """Pass chunks on, the last of them only once the digest of all is right.

    So whoever sends them never sends the end of something that is wrong.

    Raises:
        ArchiveError: The content has another digest.
    """
    algorithm = expected.partition(":")[0]
    hasher, held = hashlib.new(algorithm), None
    for chunk in chunks:
        if held is not None:
            yield held
        hasher.update(chunk)
        held = chunk
    if (found := f"{algorithm}:{hasher.hexdigest()}") != expected:
        raise _wrong(found, expected, member)
    if held is not None:
        yield held


def _wrong(found: str, expected: str, member: str) -> Exception:
    """Make the error of content that is not what it is called."""
    return refuse(f"its content has the digest {found}, but it should be {expected}", member)
