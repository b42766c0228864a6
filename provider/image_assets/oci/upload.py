"""Sending one blob (OCI distribution spec, "Pushing blobs").

An upload climbs down a ladder of ways until the registry takes one: the whole blob in the closing PUT, the whole blob
in one PATCH (what `docker push` does, so every registry takes it), then pieces. After a failure it goes on where the
registry says it stopped, or else from the start.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from image_assets.oci import endpoint
from image_assets.oci.auth import Access
from image_assets.oci.exchange import Answer, Body, Request
from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.model import BlobSource, Uploaded
from image_assets.oci.reading import Meter, Reader
from image_assets.oci.retries import Retries
from image_assets.oci.session import Session

_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_PATCHED: Final = frozenset({200, 201, 202, 204})
_STORED: Final = frozenset({200, 201, 204})
_STANDING: Final = frozenset({200, 202, 204})
_CREATED: Final = 201
# "This way of sending is not for me", as against "this blob is wrong".
_WAY_REFUSED: Final = frozenset({405, 411, 413, 415, 416, 501})
_LOST_STATUSES: Final = frozenset({404, 416})
_LOST_CODES: Final = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
_RANGE: Final = re.compile(r"(?:bytes[= ])?0-(\d+)")
# So much must have arrived since the last failure for the count of failures to start anew.
_WORTH_NEW_RETRIES: Final = 8 * 2**20
_SMALL_CHUNK: Final = 2**20
_LARGEST_CHUNK: Final = 512 * 2**20


@dataclass
class Dialect:
    """What was learnt about a registry's taste; shared by the uploads of one client.

    Attributes:
        rung: The first way of the ladder that the registry has not refused.
    """

    rung: int = 0


@dataclass(frozen=True)
class _Point:
    """Where an upload stands.

    Attributes:
        location: The URL that takes what comes next.
        offset: Bytes that the registry has.
        least: The fewest bytes that it takes in one piece (`OCI-Chunk-Min-Length`).
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
        self._point: _Point | None = None
        self._used = 0
        self._resumed = False

    def mount(self, other_path: str) -> Uploaded | None:
        """Ask the registry to take the blob from another of its repositories.

        Spec: "Mounting a blob from another repository".
        A registry that does not opens an upload instead, which `run` then uses.

        Raises:
            RegistryError: The registry cannot be reached.
        """
        query = {"mount": self._digest or "", "from": other_path}
        access = Access.mount(self._path, other_path)
        try:
            answer = self._session.ask(lambda: self._opening(query), access)
        except ExchangeError as error:
            if error.status is None or error.temporary:
                raise
            # Who may not read there may still write here.
            return None
        if answer.status == _CREATED:
            return Uploaded(self._digest or "", self._size, sent=0, mounted=True)
        self._point = _opened(answer)
        return None

    def run(self) -> Uploaded:
        """Send the blob, again if need be.

        Raises:
            RegistryError: The registry refused it, or did not answer in time.
            CancelledByUserError: The user cancelled meanwhile.
        """
        while True:
            try:
                self._point = self._point or self._open()
                return self._transfer(self._point)
            except ExchangeError as error:
                if done := self._recover(error):
                    return done

    def _open(self) -> _Point:
        return _opened(self._session.once(self._opening({}), self._access))

    def _opening(self, query: dict[str, str]) -> Request:
        url = self._session.url(f"{self._path}/blobs/uploads/")
        url = f"{url}?{urlencode(query)}" if query else url
        return Request("POST", url, body=b"", expect=frozenset({202, _CREATED} if query else {202}))

    def _transfer(self, point: _Point) -> Uploaded:
        """Send what is missing, in the way that the registry takes."""
        self._meter.move_to(point.offset)
        if point.offset:
            return self._in_chunks(point, self._session.limits.chunk)
        self._used = self._rung()
        return self._ladder()[self._used](point)

    def _ladder(self) -> tuple[Callable[[_Point], Uploaded], ...]:
        return (
            self._in_put,
            self._in_patch,
            lambda point: self._in_chunks(point, self._session.limits.chunk),
            lambda point: self._in_chunks(point, _SMALL_CHUNK),
        )

    def _rung(self) -> int:
        """Return the way to use: a closing PUT with the blob needs to know its digest and size beforehand."""
        known = self._source.digest is not None and self._source.size is not None
        return max(self._dialect.rung, 0 if known else 1)

    def _in_put(self, point: _Point) -> Uploaded:
        """Send all in the closing PUT (spec, "POST then PUT")."""
        body = Body(self._source.read, self._size, self._meter.advance)
        return self._close(point, body)

    def _in_patch(self, point: _Point) -> Uploaded:
        """Send all in one PATCH, then close."""
        reader = Reader(self._source)
        body = Body(reader.read, self._source.size, self._meter.advance)
        point = self._patch(
            point, Request("PATCH", point.location, headers=_OCTETS, body=body, expect=_PATCHED), reader
        )
        return self._close_as(reader, point)

    def _in_chunks(self, point: _Point, chunk: int) -> Uploaded:
        """Send pieces one after the other (spec, "Pushing a blob in chunks")."""
        reader = Reader(self._source)
        for piece in reader.pieces(max(chunk, point.least), skip=point.offset):
            point = self._point = self._chunk(point, piece)
        return self._close_as(reader, point)

    def _chunk(self, point: _Point, piece: bytes) -> _Point:
        end = point.offset + len(piece)
        headers = {**_OCTETS, "Content-Range": f"{point.offset}-{end - 1}"}
        body = Body(lambda: iter((piece,)), len(piece), self._meter.advance)
        request = Request("PATCH", point.location, headers=headers, body=body, expect=_PATCHED)
        return self._patched(request, self._session.once(request, self._access), point, end)

    def _patch(self, point: _Point, request: Request, reader: Reader) -> _Point:
        answer = self._session.once(request, self._access)
        return self._patched(request, answer, point, reader.size)

    def _patched(self, request: Request, answer: Answer, point: _Point, end: int) -> _Point:
        """Return where the upload goes on, after checking that the registry has what was sent."""
        taken = _end_of(answer)
        if taken is not None and taken != end and end > 1:
            raise _failed(request, f"the registry has {taken} bytes of the {end} that were sent", Fault.LOST)
        return _Point(_location(answer, default=point.location), end, point.least)

    def _close_as(self, reader: Reader, point: _Point) -> Uploaded:
        """Close an upload with the digest of what was sent."""
        self._digest = self._source.digest or reader.digest
        self._size = reader.size
        return self._close(point, b"")

    def _close(self, point: _Point, body: bytes | Body) -> Uploaded:
        url = _with_query(point.location, {"digest": self._digest or ""})
        within = self._session.limits.commit
        request = Request("PUT", url, headers=_OCTETS, body=body, expect=_STORED, within=within)
        answer = self._session.once(request, self._access)
        stored = answer.headers.get("docker-content-digest", self._digest)
        if stored != self._digest:
            raise _failed(request, f"the registry stored {stored} where {self._digest} was sent", Fault.FINAL)
        return self._done()

    def _done(self) -> Uploaded:
        return Uploaded(self._digest or "", self._size, sent=self._meter.sent)

    def _recover(self, error: ExchangeError) -> Uploaded | None:
        """Prepare the next try; return the blob if the registry has it after all.

        Raises:
            ExchangeError: There is no next try.
        """
        if self._refuses_way(error):
            self._dialect.rung = max(self._dialect.rung, self._used + 1)
            self._point = None
            return None
        error = error.seen_as(Fault.LOST) if self._is_lost(error) else error
        self._session.wait_after(error, self._retries)
        # The answer to a closing PUT may be all that was lost.
        if self._digest and self._exists():
            return self._done()
        self._point = None if error.fault is Fault.LOST else self._standing()
        return None

    def _refuses_way(self, error: ExchangeError) -> bool:
        """Say whether the registry wants the blob in another way, of which one is left."""
        refused = error.status in _WAY_REFUSED or "UNSUPPORTED" in error.codes
        sending = error.method in {"PUT", "PATCH"} and not (self._point and self._point.offset)
        return refused and sending and self._used + 1 < len(self._ladder())

    def _is_lost(self, error: ExchangeError) -> bool:
        """Say whether the registry no longer knows the upload: a new one may go well."""
        if error.method == "POST" or "NAME_UNKNOWN" in error.codes:
            return False
        spoilt = self._resumed and "DIGEST_INVALID" in error.codes
        return spoilt or error.status in _LOST_STATUSES or bool(_LOST_CODES.intersection(error.codes))

    def _exists(self) -> bool:
        url = self._session.url(f"{self._path}/blobs/{self._digest}")
        return self._answered(Request("HEAD", url)) is not None

    def _standing(self) -> _Point | None:
        """Ask how much arrived (spec, "Pushing a blob in chunks", upload status); None means to start anew."""
        point = self._point
        answer = self._answered(Request("GET", point.location, expect=_STANDING)) if point else None
        taken = _end_of(answer) if answer else None
        # An empty upload and one of a single byte both say "0-0": neither is worth going on with.
        if point is None or answer is None or taken is None or taken <= 1:
            return None
        if taken - point.offset >= _WORTH_NEW_RETRIES:
            self._retries.renew()
        self._resumed = True
        return _Point(_location(answer, default=point.location), taken, point.least)

    def _answered(self, request: Request) -> Answer | None:
        try:
            return self._session.once(request, self._access)
        except ExchangeError:
            return None


def _opened(answer: Answer) -> _Point:
    least = answer.headers.get("oci-chunk-min-length", "")
    return _Point(_location(answer), least=min(int(least), _LARGEST_CHUNK) if least.isdecimal() else 0)


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
    raise ExchangeError("the answer has no Location", method=answer.method, url=answer.url, fault=Fault.FINAL)


def _end_of(answer: Answer) -> int | None:
    """Return how many bytes the registry has, where it says so: its range names the last one."""
    match = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    return int(match[1]) + 1 if match else None


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _failed(request: Request, reason: str, fault: Fault) -> ExchangeError:
    return ExchangeError(reason, method=request.method, url=request.url, fault=fault)
