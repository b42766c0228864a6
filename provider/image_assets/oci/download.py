"""Reading one blob (OCI distribution spec, "Pulling blobs"): checked, and taken up again where it broke off."""

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Final

from image_assets.errors import RegistryError
from image_assets.oci.auth import Access
from image_assets.oci.exchange import Request
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault
from image_assets.oci.model import algorithm_of
from image_assets.oci.retries import WORTH_NEW_RETRIES, Retries
from image_assets.oci.session import Session

_PARTIAL: Final = 206
_GOOD: Final = frozenset({200, _PARTIAL})


def download(session: Session, repository_path: str, digest: str, size: int | None = None) -> Iterator[bytes]:
    """Give the blob's bytes, of which there are `size` if that is known.

    Raises:
        RegistryError: The registry has no such blob, does not answer in time, or sends other bytes.
        CancelledByUserError: The user cancelled meanwhile.
    """
    retries = Retries(session.limits)
    try:
        hashed = hashlib.new(algorithm_of(digest))
    except ValueError as error:
        raise RegistryError(f"the blob {digest[:100]} of {repository_path} cannot be read: {error}") from error
    position = before = 0
    while True:
        try:
            for chunk in _rest(session, repository_path, digest, position):
                hashed.update(chunk)
                position += len(chunk)
                if size is not None and position > size:
                    raise _wrong(session, repository_path, digest, f"there are more than its {size} bytes")
                yield chunk
            break
        except ExchangeError as error:
            # Time in which content came is not time spent retrying.
            if position - before >= WORTH_NEW_RETRIES:
                retries.renew()
            before = position
            session.wait_after(error, retries)
    if hashed.hexdigest() != digest.partition(":")[2]:
        raise _wrong(session, repository_path, digest, "the content does not have this digest")


def _wrong(session: Session, repository_path: str, digest: str, reason: str) -> ExchangeError:
    url = session.url(f"{repository_path}/blobs/{digest}")
    return ExchangeError(f"{reason}; {ODD_ANSWER}", method="GET", url=url, fault=Fault.FINAL)


def _rest(session: Session, repository_path: str, digest: str, position: int) -> Iterator[bytes]:
    """Give what comes after the position; a registry that cannot start there sends all, and the start is left out."""
    headers = {"Range": f"bytes={position}-"} if position else {}
    request = Request(
        "GET", session.url(f"{repository_path}/blobs/{digest}"), headers=headers, expect=_GOOD, stream=True
    )
    answer = session.once(request, Access.pull(repository_path))
    with contextlib.closing(answer.chunks):
        yield from _without_start(answer.chunks, 0 if answer.status == _PARTIAL else position)


def _without_start(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for chunk in chunks:
        dropped = min(length, len(chunk))
        length -= dropped
        if dropped < len(chunk):
            yield chunk[dropped:]
