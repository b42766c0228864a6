"""The OCI distribution API of one registry: START READING HERE. Each method is a verb of the spec."""

import copy
import json
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from image_assets import reference as names
from image_assets.errors import RegistryError
from image_assets.frozen import dataclass
from image_assets.oci import endpoint, judging, referrers
from image_assets.oci.auth import ABOUT_IDENTITY, Access
from image_assets.oci.blob_lookup import blob_length
from image_assets.oci.download import download
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault
from image_assets.oci.keychain import Keychain
from image_assets.oci.limits import Limits
from image_assets.oci.media_types import ACCEPT, OCI_INDEX
from image_assets.oci.model import BlobSource, Descriptor, Manifest, Uploaded, algorithm_of, digest_of
from image_assets.oci.retries import pauses_to_settle
from image_assets.oci.session import Session
from image_assets.oci.upload import Dialect, Upload
from image_assets.once import SingleFlight
from image_assets.task import Task

_MISSING: Final = 404
_FORBIDDEN: Final = 403
_CREATED: Final = 201
_ACCEPTED: Final = 202
_FOUND: Final = frozenset({200, _MISSING})
_STORED: Final = frozenset({200, _CREATED, 202, 204})
_BLOB_CODES: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"})
_DELETED: Final = frozenset({200, _CREATED, 202, 204})
#: What registries that know of no lists of referrers, and servers in front of them, answer to such a path beside 404.
_UNKNOWN_PATH: Final = frozenset({400, 403})
_CANNOT_DELETE: Final = frozenset({405, 501})
_REFUSALS: Final = frozenset({"DENIED", "UNAUTHORIZED"})
_CANNOT_DELETE_CODES: Final = frozenset({"UNSUPPORTED", "DIGEST_INVALID", "TAG_INVALID"})
_PAGE: Final = 1000
_MOST_PAGES: Final = 1000
_NEXT: Final = re.compile(r'<([^>]*)>[^,]*;\s*rel="?next"?')


def _keeps_no_lists(error: ExchangeError) -> bool:
    """Say whether an answer is that of a registry, or of a server before it, that does not know the path.

    One that says in the spec's words that the client may not look does know it.
    """
    if "UNSUPPORTED" in error.codes or error.status in _CANNOT_DELETE:
        return True
    return error.status in _UNKNOWN_PATH and not _REFUSALS.intersection(error.codes)


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
        self._uploads: SingleFlight[Uploaded] = SingleFlight()

    def of(self, task: Task) -> "RegistryClient":
        """Return the same client (connections, logins, tokens, what is known of the registry) for another task.

        Both must be cancelled together, or the other one before this one.
        """
        other = copy.copy(self)
        other._session = self._session.of(task)  # noqa: SLF001 - the copy is of this class
        return other

    def head_manifest(self, repository_path: str, reference: str, *, to_push: bool = False) -> Descriptor | None:
        """Return what a tag or digest names, or None if the registry says that it does not exist.

        Only a registry's 404 counts as "does not exist" (spec, "Checking if content exists in the registry"), and only
        what shows itself to be a manifest counts as there.

        Args:
            repository_path: The repository.
            reference: The tag or digest.
            to_push: Whether the repository is about to be written to; some registries make it when this is said.
        """
        access = _access(repository_path, to_push=to_push)
        try:
            answer = self._manifest("HEAD", repository_path, reference, _FOUND, access)
        except ExchangeError as error:
            if error.status is None or error.temporary:
                raise
            # A HEAD has no body: only a GET tells why, or whether the registry merely knows no HEAD.
            return self._looked_up(repository_path, reference, access)
        if answer.status == _MISSING and "json" in answer.headers.get("content-type", ""):
            return None
        found = None if answer.status == _MISSING else judging.described(answer, reference)
        return found or self._looked_up(repository_path, reference, access)

    def find_to_write(self, repository_path: str, reference: str) -> Descriptor | None:
        """Return what a tag or digest that is to be written names already; None if it is not there.

        Some registries do not tell of what is not there: virtual repositories say 403, others 401 until somebody may
        push. Then it counts as not there if blobs may be sent; a refusal of those is what the user should hear.
        """
        try:
            return self.head_manifest(repository_path, reference, to_push=True)
        except ExchangeError as error:
            if error.status not in ABOUT_IDENTITY:
                raise
            self.try_upload(repository_path)
            return None

    def find_beside(self, repository_path: str, reference: str) -> Descriptor | None:
        """Return what a tag names in a repository that may be read, as was seen; there, 403 means not there."""
        try:
            return self.head_manifest(repository_path, reference)
        except ExchangeError as error:
            if error.status != _FORBIDDEN:
                raise
            return None

    def await_manifest(self, repository_path: str, reference: str, *, to_push: bool = True) -> Descriptor | None:
        """Return what a tag or digest names, or None if it does not exist even some time after it was written.

        Registries of several servers show to others what one of them took only seconds later.
        """
        for pause in pauses_to_settle(self._session.limits):
            if found := self.head_manifest(repository_path, reference, to_push=to_push):
                return found
            self._session.task.sleep(pause)
        return self.head_manifest(repository_path, reference, to_push=to_push)

    def get_manifest(self, repository_path: str, reference: str, *, to_push: bool = False) -> Manifest:
        """Return a manifest or index; its digest is computed, and compared with what was asked for and promised."""
        access = _access(repository_path, to_push=to_push)
        answer = self._manifest("GET", repository_path, reference, frozenset({200}), access)
        return judging.manifest_of(answer, reference)

    def put_manifest(self, repository_path: str, reference: str, content: bytes, media_type: str) -> Descriptor:
        """Store a manifest or index under a tag or its digest (spec, "Pushing Manifests").

        Where the registry keeps no list of what refers to a manifest, the one that the spec has under a tag is kept up
        ("Pushing Manifests with Subject").
        """
        path = _manifest_path(repository_path, reference)
        headers = {"Content-Type": media_type}
        try:
            answer = self._session.ask(
                lambda: Request("PUT", self._session.url(path), headers=headers, body=content, expect=_STORED),
                Access.push(repository_path),
                _blobs_may_appear,
            )
        except ExchangeError as error:
            raise (error.seen_as(Fault.FINAL) if error.fault is Fault.LOST else error) from error
        self._check_stored(repository_path, reference, content, answer)
        named = Descriptor(media_type, digest_of(content), len(content))
        if "oci-subject" not in answer.headers and (subject := referrers.subject_of(content)):
            self._list_referrer(repository_path, subject, referrers.entry(named, content))
        return named

    def _check_stored(self, repository_path: str, reference: str, content: bytes, answer: Answer) -> None:
        """Make sure that the answer to a PUT says that this content was stored.

        Raises:
            ExchangeError: Something else was, or nothing.
        """
        stored = answer.headers.get("docker-content-digest", "")
        if names.is_digest(stored):
            digest = digest_of(content, algorithm_of(stored))
            if stored != digest:
                raise judging.failed(answer, f"the registry stored {stored} where {digest} was sent; {ODD_ANSWER}")
        elif answer.status != _CREATED and not self._stands(
            lambda: self._holds(repository_path, reference, content), at_once=judging.is_text_of_web_page(answer)
        ):
            judging.refuse_page(answer, "and the registry did not store the manifest")
            raise judging.failed(
                answer, f"the registry answered {answer.status}, but did not store the manifest; {ODD_ANSWER}"
            )

    def _list_referrer(self, repository_path: str, subject: str, entry: Mapping[str, Any]) -> None:
        tag = referrers.tag_of(subject)
        found = self.find_to_write(repository_path, tag)
        listed = self.get_manifest(repository_path, tag, to_push=True) if found else None
        if (content := referrers.index_with(listed, entry)) is not None:
            self.put_manifest(repository_path, tag, content, OCI_INDEX)

    def delete_manifest(self, repository_path: str, reference: str) -> bool:
        """Delete a tag, or a manifest with all its tags (spec, "Content Management").

        Only 202 is the registry's word for it; after any other answer it is looked whether the manifest is gone.

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
        if answer.status in _CANNOT_DELETE:
            return False
        is_page = judging.is_text_of_web_page(answer)
        if answer.status == _ACCEPTED and not is_page:
            return True
        # With 404 it is gone already, or the registry knows no such deletion.
        at_once = is_page or answer.status == _MISSING
        gone = self._stands(lambda: self.head_manifest(repository_path, reference) is None, at_once=at_once)
        if is_page and not gone and answer.status != _MISSING:
            raise judging.failed(answer, f"the answer is a web page, and nothing was deleted; {judging.HINT}")
        return gone

    def _holds(self, repository_path: str, reference: str, content: bytes) -> bool:
        """Say whether a reference names this content now, whatever it named before."""
        found = self.head_manifest(repository_path, reference, to_push=True)
        return found is not None and found.digest == digest_of(content, algorithm_of(found.digest))

    def _stands(self, looks_so: Callable[[], bool], *, at_once: bool = False) -> bool:
        """Say whether something is so: now, or some time after the registry was told (see `await_manifest`)."""
        for pause in () if at_once else pauses_to_settle(self._session.limits):
            if looks_so():
                return True
            self._session.task.sleep(pause)
        return looks_so()

    def list_tags(self, repository_path: str) -> list[str]:
        """Return all tags; none if the repository does not exist (spec, "Listing Tags")."""
        url = f"{repository_path}/tags/list?n={_PAGE}"
        tags: list[str] = []
        for page in range(_MOST_PAGES):
            answer = self._get(url, Access.pull(repository_path))
            if answer.status == _MISSING and page:
                raise judging.failed(answer, f"the list of tags breaks off at its page {page + 1}; {ODD_ANSWER}")
            if answer.status == _MISSING:
                self._check_missing(answer, "there are any tags")
                return []
            tags += _tags(answer)
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return tags
            url = endpoint.resolve(answer.url, following[1])
        raise judging.failed(answer, f"more than {_MOST_PAGES} pages of tags; {ODD_ANSWER}")

    def known_referrers(self, repository_path: str, digest: str) -> list[str] | None:
        """Return the digests of what refers to a manifest (spec, "Listing Referrers").

        Returns:
            The registry's whole list; None if it keeps no such lists.
        """
        url = f"{repository_path}/referrers/{digest}"
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            try:
                answer = self._get(url, Access.pull(repository_path))
            except ExchangeError as error:
                if not found and _keeps_no_lists(error):
                    return None
                raise
            if answer.status == _MISSING:
                return None
            found += referrers.digests_in(judging.manifest_of(answer, "").content)
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return found
            url = endpoint.resolve(answer.url, following[1])
        raise judging.failed(answer, f"more than {_MOST_PAGES} pages of referrers; {ODD_ANSWER}")

    def list_referrers(self, repository_path: str, digest: str) -> list[str]:
        """Return the digests of what refers to a manifest; without a list of the registry's, of the one under a tag.

        Spec: "Listing Referrers", "Referrers Tag Schema".
        """
        try:
            known = self.known_referrers(repository_path, digest)
        except ExchangeError as error:
            if error.status not in _UNKNOWN_PATH:
                raise
            known = None
        if known is not None:
            return known
        tag = referrers.tag_of(digest)
        if self.find_beside(repository_path, tag) is None:
            return []
        return referrers.digests_in(self.get_manifest(repository_path, tag).content)

    def head_blob(self, repository_path: str, digest: str, *, to_push: bool = False) -> int | None:
        """Return a blob's length, or None if the repository does not have it."""
        return blob_length(self._session, repository_path, digest, _access(repository_path, to_push=to_push))

    def get_blob(self, repository_path: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        """Give a blob's bytes; wrong ones raise at the end, or where there are more than `size`."""
        return download(self._session, repository_path, digest, size)

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
        key = (repository_path, source.digest)
        return self._uploads.run(key, call, self._session.task) if source.digest else call()

    def mount_blob(self, repository_path: str, digest: str, mount_from: Sequence[str]) -> bool:
        """Let the registry take a blob from another of its repositories; say whether one of these had it.

        Spec: "Mounting a blob from another repository".
        """
        upload = Upload(self._session, repository_path, _NamedBlob(digest), _unheard, self._dialect)
        return any(upload.mount(other) for other in mount_from if other != repository_path)

    def try_upload(self, repository_path: str) -> None:
        """Make sure that a blob could be sent, by opening an upload and cancelling it; nothing is left of it.

        Spec: "Pushing a blob in chunks" opens one; what cancels it is Docker's `DELETE` of its address, and a registry
        that knows no such thing lets it expire.
        """
        Upload(self._session, repository_path, _NamedBlob(""), _unheard, self._dialect).begin_and_cancel()

    def _upload(
        self, repository_path: str, source: BlobSource, mount_from: Sequence[str], progress: Callable[[int], None]
    ) -> Uploaded:
        upload = Upload(self._session, repository_path, source, progress, self._dialect)
        for other in mount_from if source.digest else ():
            if other != repository_path and (mounted := upload.mount(other)):
                return mounted
        return upload.run()

    def _manifest(
        self, method: str, repository_path: str, reference: str, expect: frozenset[int], access: Access
    ) -> Answer:
        path = _manifest_path(repository_path, reference)
        headers = {"Accept": ACCEPT}
        return self._session.ask(
            lambda: Request(method, self._session.url(path), headers=headers, expect=expect), access
        )

    def _looked_up(self, repository_path: str, reference: str, access: Access) -> Descriptor | None:
        """Find out by GET what a reference names; the words of a 404 decide whether nothing is there."""
        answer = self._manifest("GET", repository_path, reference, _FOUND, access)
        if answer.status != _MISSING:
            return judging.manifest_of(answer, reference).descriptor
        self._check_missing(answer, "the image is there")
        return None

    def _check_missing(self, answer: Answer, question: str) -> None:
        """Make sure that a 404 is the registry's.

        Raises:
            RegistryError: It is somebody else's, so that it does not answer the question.
        """
        if judging.is_web_page(answer):
            raise judging.failed(
                answer, f"the answer is a web page (404), so it does not say whether {question}; {ODD_ANSWER}"
            )
        if not judging.speaks_spec(answer):
            # Somebody else's 404, or a registry of few words: it counts if a registry is still there.
            self._session.confirm()

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


def _access(repository_path: str, *, to_push: bool) -> Access:
    return Access.push(repository_path) if to_push else Access.pull(repository_path)


def _manifest_path(repository_path: str, reference: str) -> str:
    """Return the path of a manifest.

    Raises:
        RegistryError: The reference is a digest by which content cannot be checked.
    """
    if ":" in reference:
        try:
            algorithm_of(reference)
        except ValueError as error:
            raise RegistryError(f"{repository_path}@{reference[:100]} cannot be used: {error}") from error
    return f"{repository_path}/manifests/{quote(reference, safe=':')}"


def _blobs_may_appear(error: ExchangeError) -> ExchangeError:
    """Return the error of a PUT; blobs that the registry does not see yet may be the last ones sent."""
    return error.seen_as(Fault.LOST) if _BLOB_CODES.intersection(error.codes) else error


def _tags(answer: Answer) -> list[str]:
    try:
        body: Any = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise judging.failed(answer, f"the list of tags is not JSON; {ODD_ANSWER}") from error
    # Of a repository without tags some say null, and some nothing but its name.
    tags = (body.get("tags") or []) if isinstance(body, dict) and {"name", "tags"} & body.keys() else None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise judging.failed(answer, f"the answer is not a list of tags; {judging.HINT}")
    return tags
