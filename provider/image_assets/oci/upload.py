"""Sending one blob (OCI distribution spec, "Pushing blobs").

An upload tries one method after the other until the registry takes one: the whole blob in the closing PUT, the whole
blob in one PATCH (what `docker push` does, so every registry takes it), then chunks. After a failure it goes on where
the registry says it stopped, or else from the start. What a registry says of ranges is only a hint: the digest in the
closing PUT decides whether it has the blob.
"""

import contextlib
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlencode, urlsplit

from image_assets import reference as names
from image_assets.frozen import dataclass
from image_assets.oci import endpoint
from image_assets.oci.auth import Access
from image_assets.oci.blob_lookup import blob_length
from image_assets.oci.exchange import Answer, Body, Request
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault
from image_assets.oci.judging import refuse_page
from image_assets.oci.model import BlobSource, Uploaded, algorithm_of
from image_assets.oci.reading import Meter, Reader
from image_assets.oci.retries import WORTH_NEW_RETRIES, Retries, pauses_to_settle
from image_assets.oci.session import Session

_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_CREATED: Final = 201
# Registries do not keep to the one status of the spec; what they must tell beside it is looked at.
_DONE: Final = frozenset({200, _CREATED, 202, 204})
# "This way of sending is not for me", as against "this blob is wrong".
_METHOD_REFUSED: Final = frozenset({405, 411, 413, 415, 416, 501})
_LOST_STATUSES: Final = frozenset({404, 416})
_LOST_CODES: Final = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
_RANGE: Final = re.compile(r"(?:bytes[= ])?0-(\d+)")
_SMALL_CHUNK: Final = 2**20
_LARGEST_CHUNK: Final = 512 * 2**20


@dataclass
class Dialect:
    """What turned out about a registry; shared by the uploads of one client.

    Attributes:
        method: The first method of sending that the registry has not refused.
        ranges_true: Whether it has told of ranges only what it had.
    """

    method: int = 0
    ranges_true: bool = True


@dataclass(frozen=True)
class _OpenUpload:
    """An upload that the registry has opened.

    Attributes:
        location: The URL that takes what comes next.
        offset: Bytes that the registry has.
        least: The fewest bytes that it takes in one chunk (`OCI-Chunk-Min-Length`).
    """

    location: str
    offset: int = 0
    least: int = 0


class Upload:
    """One blob on its way to one repository; used by one thread, once."""

    def __init__(
        self,
        session: Session,
        repository_path: str,
        source: BlobSource,
        progress: Callable[[int], None],
        dialect: Dialect,
    ) -> None:
        self._session = session
        self._path = repository_path
        self._source = source
        self._dialect = dialect
        self._access = Access.push(repository_path)
        self._meter = Meter(progress)
        self._retries = Retries(session.limits)
        self._digest = source.digest
        self._size = source.size
        self._opened: _OpenUpload | None = None
        self._method = 0
        # The registry may not have what we think: a wrong digest in the end is then no proof of a wrong blob.
        self._doubtful = False

    def mount(self, other_path: str) -> Uploaded | None:
        """Ask the registry to take the blob from another of its repositories; whatever it says is no error.

        Spec: "Mounting a blob from another repository".
        A registry that does not opens an upload instead, which `run` then uses.
        """
        query = {"mount": self._digest or "", "from": other_path}
        try:
            answer = self._session.once(self._opening(query), Access.mount(self._path, other_path))
        except ExchangeError:
            # Who may not read there may still write here, and sending is at hand if the registry cannot mount.
            return None
        if self._is_mounted(answer):
            return Uploaded(self._digest or "", self._size, sent=0, mounted=True)
        self._opened = _opened(answer) if answer.headers.get("location") and not self._names_blob(answer) else None
        return None

    def begin_and_cancel(self) -> None:
        """Open an upload and drop it.

        Raises:
            RegistryError: The registry does not let us.
        """
        opened = _opened(self._session.ask(lambda: self._opening({}), self._access))
        # Where an upload cannot be dropped, the registry's own time limit does it.
        with contextlib.suppress(ExchangeError):
            self._session.once(Request("DELETE", opened.location, expect=_DONE), self._access)

    def run(self) -> Uploaded:
        """Send the blob, again if need be.

        Raises:
            RegistryError: The registry refused it, or did not answer in time.
            CancelledByUserError: The user cancelled meanwhile.
        """
        while True:
            self._meter.start()
            try:
                self._opened = self._opened or self._open()
                return self._transfer(self._opened)
            except ExchangeError as error:
                self._retries.exclude(self._meter.seconds)
                if done := self._recover(error):
                    return done

    def _open(self) -> _OpenUpload:
        return _opened(self._session.once(self._opening({}), self._access))

    def _opening(self, query: dict[str, str]) -> Request:
        url = self._session.url(f"{self._path}/blobs/uploads/")
        url = f"{url}?{urlencode(query)}" if query else url
        return Request("POST", url, body=b"", expect=_DONE)

    def _is_mounted(self, answer: Answer) -> bool:
        """Say whether an answer to a mount says, and if it is vague shows, that the blob is there now."""
        if self._names_blob(answer):
            return answer.status == _CREATED or self._exists()
        return not answer.headers.get("location") and self._exists()

    def _names_blob(self, answer: Answer) -> bool:
        location = unquote(urlsplit(answer.headers.get("location", "")).path)
        return bool(self._digest) and location.endswith(f"/blobs/{self._digest}")

    def _transfer(self, opened: _OpenUpload) -> Uploaded:
        """Send what is missing, by the method that the registry takes."""
        self._meter.move_to(opened.offset)
        if opened.offset:
            return self._in_chunks(opened, self._session.limits.chunk)
        self._method = self._first_method()
        return self._methods()[self._method](opened)

    def _methods(self) -> tuple[Callable[[_OpenUpload], Uploaded], ...]:
        return (
            self._in_put,
            self._in_patch,
            lambda opened: self._in_chunks(opened, self._session.limits.chunk),
            lambda opened: self._in_chunks(opened, _SMALL_CHUNK),
        )

    def _first_method(self) -> int:
        """Return the method to use: a closing PUT with the blob needs to know its digest and size beforehand."""
        described = self._source.digest is not None and self._source.size is not None
        return max(self._dialect.method, 0 if described else 1)

    def _in_put(self, opened: _OpenUpload) -> Uploaded:
        """Send all in the closing PUT (spec, "POST then PUT")."""
        body = Body(self._source.read, self._size, self._meter.advance)
        return self._close(opened, body)

    def _in_patch(self, opened: _OpenUpload) -> Uploaded:
        """Send all in one PATCH, then close."""
        reader = Reader(self._source)
        body = Body(reader.read, self._source.size, self._meter.advance)
        answer = self._session.once(self._patch(opened, body), self._access)
        return self._close_as(reader, self._after_patch(answer, opened, reader.size))

    def _in_chunks(self, opened: _OpenUpload, chunk: int) -> Uploaded:
        """Send chunks one after the other (spec, "Pushing a blob in chunks")."""
        reader = Reader(self._source)
        for piece in reader.pieces(max(chunk, opened.least), skip=opened.offset):
            opened = self._opened = self._chunk(opened, piece)
        return self._close_as(reader, opened)

    def _chunk(self, opened: _OpenUpload, piece: bytes) -> _OpenUpload:
        end = opened.offset + len(piece)
        body = Body(lambda: iter((piece,)), len(piece), self._meter.advance)
        request = self._patch(opened, body, {"Content-Range": f"{opened.offset}-{end - 1}"})
        return self._after_patch(self._session.once(request, self._access), opened, end)

    def _patch(self, opened: _OpenUpload, body: Body, headers: dict[str, str] | None = None) -> Request:
        """Return the request; a proxy that buffers answers only when it has passed everything on."""
        within = self._session.limits.commit
        named = {**_OCTETS, **(headers or {})}
        return Request("PATCH", opened.location, headers=named, body=body, expect=_DONE, within=within)

    def _after_patch(self, answer: Answer, opened: _OpenUpload, end: int) -> _OpenUpload:
        """Return where the upload goes on; take note of a range that is not what was sent."""
        refuse_page(answer, "so the registry did not take the content")
        taken = _end_of(answer)
        if taken is not None and taken != end and end > 1:
            self._doubtful = True
            self._dialect.ranges_true = False
        return _OpenUpload(_location(answer, default=opened.location), end, opened.least)

    def _close_as(self, reader: Reader, opened: _OpenUpload) -> Uploaded:
        """Close an upload with the digest of what was sent."""
        self._digest = self._source.digest or reader.digest
        self._size = reader.size
        return self._close(opened, b"")

    def _close(self, opened: _OpenUpload, body: bytes | Body) -> Uploaded:
        url = _with_query(opened.location, {"digest": self._digest or ""})
        within = self._session.limits.commit
        request = Request("PUT", url, headers=_OCTETS, body=body, expect=_DONE, within=within)
        self._check_stored(request, self._session.once(request, self._access))
        return self._done()

    def _check_stored(self, request: Request, answer: Answer) -> None:
        """Make sure that the answer to the closing PUT says that this blob was stored.

        Raises:
            ExchangeError: Another one was, or none.
        """
        stored, digest = answer.headers.get("docker-content-digest", ""), self._digest or ""
        if names.is_digest(stored) and algorithm_of(stored) == algorithm_of(digest):
            if stored != digest:
                raise _failed(
                    request, f"the registry stored {stored} where {digest} was sent; {ODD_ANSWER}", Fault.FINAL
                )
        elif answer.status != _CREATED and not self._exists():
            refuse_page(answer, "and the registry does not have the blob")
            if self._appears():
                return
            reason = f"the registry answered {answer.status}, but does not have the blob; {ODD_ANSWER}"
            raise _failed(request, reason, Fault.FINAL)

    def _done(self) -> Uploaded:
        return Uploaded(self._digest or "", self._size, sent=self._meter.sent)

    def _recover(self, error: ExchangeError) -> Uploaded | None:
        """Prepare the next try; return the blob if the registry has it after all.

        Raises:
            ExchangeError: There is no next try.
        """
        if self._refuses_method(error):
            self._dialect.method = max(self._dialect.method, self._method + 1)
            self._opened = None
            return None
        error = error.seen_as(Fault.LOST) if self._is_lost(error) else error
        self._session.wait_after(error, self._retries)
        # The answer to a closing PUT may be all that was lost.
        if self._digest and self._exists():
            return self._done()
        self._opened = None if error.fault is Fault.LOST else self._resumed()
        return None

    def _refuses_method(self, error: ExchangeError) -> bool:
        """Say whether the registry wants the blob by another method, of which one is left."""
        refused = error.status in _METHOD_REFUSED or "UNSUPPORTED" in error.codes
        sending = error.method in {"PUT", "PATCH"} and not (self._opened and self._opened.offset)
        return refused and sending and self._method + 1 < len(self._methods())

    def _is_lost(self, error: ExchangeError) -> bool:
        """Say whether the registry no longer knows the upload, or other bytes of it: a new one may go well."""
        if error.method == "POST" or "NAME_UNKNOWN" in error.codes:
            return False
        spoilt = self._doubtful and "DIGEST_INVALID" in error.codes
        return spoilt or error.status in _LOST_STATUSES or bool(_LOST_CODES.intersection(error.codes))

    def _exists(self) -> bool:
        try:
            length = blob_length(self._session, self._path, self._digest or "", self._access, once=True)
        except ExchangeError:
            return False
        return length is not None and self._size in {None, length}

    def _appears(self) -> bool:
        """Say whether the registry has the blob, or has it soon."""
        for pause in pauses_to_settle(self._session.limits):
            if self._exists():
                return True
            self._session.task.sleep(pause)
        return self._exists()

    def _resumed(self) -> _OpenUpload | None:
        """Ask how much arrived (spec, "Pushing a blob in chunks", upload status); None means to start anew."""
        opened = self._opened
        if opened is None or not self._dialect.ranges_true:
            return None
        try:
            answer = self._session.once(Request("GET", opened.location, expect=_DONE), self._access)
        except ExchangeError:
            return None
        taken = _end_of(answer)
        # An empty upload and one of a single byte both say "0-0": neither is worth going on with.
        if taken is None or taken <= 1:
            return None
        if taken - opened.offset >= WORTH_NEW_RETRIES:
            self._retries.renew()
        self._doubtful = True
        return _OpenUpload(_location(answer, default=opened.location), taken, opened.least)


def _opened(answer: Answer) -> _OpenUpload:
    least = answer.headers.get("oci-chunk-min-length", "")
    return _OpenUpload(_location(answer), least=min(int(least), _LARGEST_CHUNK) if least.isdecimal() else 0)


def _location(answer: Answer, default: str = "") -> str:
    """Return the URL that the upload goes on at.

    Raises:
        ExchangeError: The registry named none.
    """
    location = answer.headers.get("location")
    if location:
        return endpoint.resolve(answer.url, location)
    if default:
        return default
    refuse_page(answer, "so no upload was opened")
    reason = f"the answer has no Location, where the upload would go on; {ODD_ANSWER}"
    raise ExchangeError(reason, method=answer.method, url=answer.url, fault=Fault.FINAL)


def _end_of(answer: Answer) -> int | None:
    """Return how many bytes the registry has, where it says so: its range names the last one."""
    match = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    return int(match[1]) + 1 if match else None


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _failed(request: Request, reason: str, fault: Fault) -> ExchangeError:
    return ExchangeError(reason, method=request.method, url=request.url, fault=fault)
