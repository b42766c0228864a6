"""Asking whether a repository has a blob (OCI distribution spec, "Checking if content exists in the registry")."""

import contextlib
import re
from typing import Final

from image_assets.oci.auth import Access
from image_assets.oci.exchange import Request
from image_assets.oci.faults import ExchangeError
from image_assets.oci.judging import is_web_page, length_of
from image_assets.oci.session import Session

_MISSING: Final = 404
_PARTIAL: Final = 206
_HEAD: Final = frozenset({200, _MISSING})
_GET: Final = frozenset({200, _PARTIAL, _MISSING})
_TOTAL: Final = re.compile(r"bytes \S+/(\d+)")


def blob_length(
    session: Session, repository_path: str, digest: str, access: Access, *, once: bool = False
) -> int | None:
    """Return a blob's length, or None if the repository does not have it.

    With `once`, nothing is asked again.

    Registries that keep blobs elsewhere redirect there, often with a signature that holds for GET only: then the
    storage refuses the HEAD, and the first byte is asked for instead.

    Raises:
        RegistryError: The registry refused or failed.
    """
    path = f"{repository_path}/blobs/{digest}"

    def head() -> Request:
        return Request("HEAD", session.url(path), expect=_HEAD)

    try:
        answer = session.once(head(), access) if once else session.ask(head, access)
    except ExchangeError as error:
        if error.status is None or error.temporary:
            raise
        return _by_first_byte(session, path, access)
    if answer.status == _MISSING or is_web_page(answer):
        return None
    if answer.headers.get("docker-content-digest", digest) != digest:
        return None
    return length_of(answer)


def _by_first_byte(session: Session, path: str, access: Access) -> int | None:
    def first_byte() -> Request:
        return Request("GET", session.url(path), headers={"Range": "bytes=0-0"}, expect=_GET, stream=True)

    answer = session.once(first_byte(), access)
    with contextlib.closing(answer.chunks):
        if answer.status == _MISSING or is_web_page(answer):
            return None
        total = _TOTAL.fullmatch(answer.headers.get("content-range", ""))
        if answer.status == _PARTIAL:
            return int(total[1]) if total else None
        return length_of(answer)
