"""The OCI distribution API of one registry: START READING HERE. Each method is a verb of the spec."""

import copy
import json
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from image_assets import reference as names
from image_assets.oci import endpoint
from image_assets.oci.auth import Access
from image_assets.oci.download import download
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.keychain import Keychain
from image_assets.oci.limits import Limits
from image_assets.oci.media_types import ACCEPT
from image_assets.oci.model import BlobSource, Descriptor, Manifest, Uploaded, digest_of
from image_assets.oci.session import Session
from image_assets.oci.single_flight import SingleFlight
from image_assets.oci.upload import Dialect, Upload
from image_assets.task import Task

_MISSING: Final = 404
_FOUND: Final = frozenset({200, _MISSING})
# A HEAD has no body: only a GET tells the user why, or whether the registry merely knows no HEAD.
_TO_BE_EXPLAINED: Final = frozenset({400, 401, 403, 405, 501})
_STORED: Final = frozenset({200, 201, 202})
_DELETED: Final = frozenset({200, 202, 204})
_CANNOT_DELETE: Final = frozenset({405, 501})
_CANNOT_DELETE_CODES: Final = frozenset({"UNSUPPORTED", "DIGEST_INVALID", "TAG_INVALID"})
_PAGE: Final = 1000
_MOST_PAGES: Final = 1000
_NEXT: Final = re.compile(r'<([^>]*)>[^,]*;\s*rel="?next"?')


def _unheard(_count: int) -> None:
    """Take note of nothing."""


class RegistryClient:
    """One registry; safe to use from many threads at once.

    Every method raises `RegistryError` if the registry refuses, fails or does not answer in time, and
    `CancelledByUserError` soon after the user cancelled. `repository_path` is the name inside the registry
    (`Repository.full_path`); `reference` is a tag or a digest.

    Attributes:
        registry: The registry, as it stands in image names.
    """

    def __init__(  # noqa: PLR0913 - what decides how a registry is reached
        self,
        registry: str,
        keychain: Keychain,
        task: Task,
        *,
        insecure: Container[str] = frozenset(),
        environ: Mapping[str, str] = os.environ,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self.registry: Final = registry
        self._session = Session(registry, keychain, task, insecure=insecure, environ=environ, limits=limits)
        self._dialect = Dialect()
        self._uploads: SingleFlight[Uploaded] = SingleFlight(task)

    def of(self, task: Task) -> "RegistryClient":
        """Return the same client (connections, logins, tokens, what is known of the registry) for another task.

        Both must be cancelled together.
        """
        other = copy.copy(self)
        other._session = self._session.of(task)  # noqa: SLF001 - the copy is of this class
        return other

    def head_manifest(self, repository_path: str, reference: str) -> Descriptor | None:
        """Return what a tag or digest names, or None if the registry says that it does not exist.

        Only a 404 counts as "does not exist" (spec, "Checking if content exists in the registry").
        """
        try:
            answer = self._manifest("HEAD", repository_path, reference, _FOUND)
        except ExchangeError as error:
            if error.status not in _TO_BE_EXPLAINED:
                raise
            answer = self._manifest("GET", repository_path, reference, _FOUND)
        if answer.status == _MISSING:
            return None
        # Registries may leave the digest out: then only the content tells it.
        return _described(answer) or self.get_manifest(repository_path, reference).descriptor

    def get_manifest(self, repository_path: str, reference: str) -> Manifest:
        """Return a manifest or index; its digest is computed, and compared with what was asked for and promised."""
        answer = self._manifest("GET", repository_path, reference, frozenset({200}))
        digest = digest_of(answer.content)
        promised = reference if names.is_digest(reference) else answer.headers.get("docker-content-digest", digest)
        if promised != digest and promised.startswith("sha256:"):
            raise _failed(answer, f"the content has the digest {digest}, not {promised}")
        return Manifest(_of_content(answer.content, answer.headers.get("content-type", "")), answer.content)

    def put_manifest(self, repository_path: str, reference: str, content: bytes, media_type: str) -> Descriptor:
        """Store a manifest or index under a tag or its digest (spec, "Pushing Manifests")."""
        path = _manifest_path(repository_path, reference)
        headers = {"Content-Type": media_type}
        answer = self._session.ask(
            lambda: Request("PUT", self._session.url(path), headers=headers, body=content, expect=_STORED),
            Access.push(repository_path),
        )
        digest = digest_of(content)
        stored = answer.headers.get("docker-content-digest", digest)
        if stored != digest:
            raise _failed(answer, f"the registry stored {stored} where {digest} was sent")
        return _of_content(content, media_type)

    def delete_manifest(self, repository_path: str, reference: str) -> bool:
        """Delete a tag, or a manifest with all its tags (spec, "Content Management").

        Returns:
            True if the registry no longer has it; False if it does not delete such a thing.
        """
        path = _manifest_path(repository_path, reference)
        expect = _DELETED | _CANNOT_DELETE | {_MISSING}
        try:
            answer = self._session.ask(
                lambda: Request("DELETE", self._session.url(path), expect=expect), Access.delete(repository_path)
            )
        except ExchangeError as error:
            if _CANNOT_DELETE_CODES.intersection(error.codes):
                return False
            raise
        return answer.status not in _CANNOT_DELETE

    def list_tags(self, repository_path: str) -> list[str]:
        """Return all tags; none if the repository does not exist (spec, "Listing Tags")."""
        url = f"{repository_path}/tags/list?n={_PAGE}"
        tags: list[str] = []
        for _ in range(_MOST_PAGES):
            answer = self._get(url, Access.pull(repository_path))
            if answer.status == _MISSING:
                return tags
            tags += _tags(answer)
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return tags
            url = endpoint.resolve(answer.url, following[1])
        raise _failed(answer, f"more than {_MOST_PAGES} pages of tags")

    def head_blob(self, repository_path: str, digest: str) -> int | None:
        """Return a blob's length, or None if the repository does not have it."""
        path = f"{repository_path}/blobs/{digest}"
        answer = self._session.ask(
            lambda: Request("HEAD", self._session.url(path), expect=_FOUND), Access.pull(repository_path)
        )
        return None if answer.status == _MISSING else _length(answer)

    def get_blob(self, repository_path: str, digest: str) -> Iterator[bytes]:
        """Give a blob's bytes; wrong ones raise at the end."""
        return download(self._session, repository_path, digest)

    def upload_blob(
        self,
        repository_path: str,
        source: BlobSource,
        mount_from: Sequence[str] = (),
        progress: Callable[[int], None] = _unheard,
    ) -> Uploaded:
        """Make the repository hold a blob.

        Args:
            repository_path: Where to.
            source: The content; read again from its start if it must be sent again.
            mount_from: Other repositories of this registry that may hold the blob: they are asked first.
            progress: Hears how many more bytes are there; negative if some must be sent again.
        """

        def call() -> Uploaded:
            return self._upload(repository_path, source, mount_from, progress)

        # The same blob twice at a time (two images of one program often share layers) is sent once.
        return self._uploads.run((repository_path, source.digest), call) if source.digest else call()

    def mount_blob(self, repository_path: str, digest: str, mount_from: Sequence[str]) -> bool:
        """Let the registry take a blob from another of its repositories; say whether one of these had it.

        Spec: "Mounting a blob from another repository".
        """
        upload = Upload(self._session, repository_path, _NamedBlob(digest), _unheard, self._dialect)
        return any(upload.mount(other) for other in mount_from if other != repository_path)

    def _upload(
        self, repository_path: str, source: BlobSource, mount_from: Sequence[str], progress: Callable[[int], None]
    ) -> Uploaded:
        upload = Upload(self._session, repository_path, source, progress, self._dialect)
        for other in mount_from if source.digest else ():
            if other != repository_path and (mounted := upload.mount(other)):
                return mounted
        return upload.run()

    def _manifest(self, method: str, repository_path: str, reference: str, expect: frozenset[int]) -> Answer:
        path = _manifest_path(repository_path, reference)
        headers = {"Accept": ACCEPT}
        return self._session.ask(
            lambda: Request(method, self._session.url(path), headers=headers, expect=expect),
            Access.pull(repository_path),
        )

    def _get(self, url_or_path: str, access: Access) -> Answer:
        def build() -> Request:
            url = url_or_path if "://" in url_or_path else self._session.url(url_or_path)
            return Request("GET", url, expect=_FOUND)

        return self._session.ask(build, access)


@dataclass(frozen=True)
class _NamedBlob:
    """A blob that only its digest is known of."""

    digest: str
    size: int | None = None

    def read(self) -> Iterator[bytes]:
        """Give nothing: it is not ours to send."""
        return iter(())


def _manifest_path(repository_path: str, reference: str) -> str:
    return f"{repository_path}/manifests/{quote(reference, safe=':')}"


def _described(answer: Answer) -> Descriptor | None:
    """Read a descriptor from the headers; None if they do not hold a sound one."""
    digest = answer.headers.get("docker-content-digest", "")
    length = _length(answer)
    if not names.is_digest(digest) or length is None:
        return None
    return Descriptor(_media_type(answer.headers.get("content-type", "")), digest, length)


def _of_content(content: bytes, content_type: str) -> Descriptor:
    return Descriptor(_media_type(content_type), digest_of(content), len(content))


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip()


def _length(answer: Answer) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _tags(answer: Answer) -> list[str]:
    try:
        body: Any = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise _failed(answer, "the list of tags is not JSON") from error
    tags = body.get("tags") if isinstance(body, dict) else None
    return [tag for tag in tags or () if isinstance(tag, str)]


def _failed(answer: Answer, reason: str) -> ExchangeError:
    return ExchangeError(reason, method=answer.method, url=answer.url, fault=Fault.FINAL)
