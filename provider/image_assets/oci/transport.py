"""One request out, one answer in: urllib3 behind the values of `exchange`.

No repetition, no signing in and no redirect happens here; every failure leaves as an `ExchangeError` with its kind.
"""

import contextlib
import re
import ssl
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from image_assets import __version__
from image_assets.oci import connections, endpoint, tls_failures, trust
from image_assets.oci.exchange import Answer, Body, Request
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault, redacted
from image_assets.oci.limits import LARGEST_ANSWER, LARGEST_ERROR, Limits
from image_assets.oci.outgoing import Outgoing, SourceFailedError
from image_assets.oci.watchdog import Watch, Watchdog
from image_assets.task import Task

# Short exchanges at once. Long ones are bounded by whoever transfers, and one of them may wait for another.
_AT_ONCE = 16
_LISTEN_EVERY = 0.2
_SOURCES = re.compile(r"^\[[A-Z]+(?:: [A-Z0-9_]+)?\] | \(_ssl\.c:\d+\)$")
_PROXY_SCHEMES = frozenset({"http", "https"})
_PIECE = 256 * 2**10
_READ = 256 * 2**10
_DEEPEST = 8
_AGENT = f"pulumi-image-assets/{__version__}"

# The first class that fits decides. Each stands before the classes that it derives from.
_FAULTS: tuple[tuple[type[Exception], Fault, str], ...] = (
    (NameResolutionError, Fault.UNKNOWN_HOST, "the host's name cannot be resolved"),
    (NewConnectionError, Fault.REFUSED, "no connection"),
    (ConnectTimeoutError, Fault.TIMEOUT, "no connection in time"),
    (ReadTimeoutError, Fault.TIMEOUT, "no answer in time"),
    (ProxyError, Fault.RESET, "the proxy failed"),
    (LocationValueError, Fault.FINAL, "the registry sends there, and that is no URL of HTTP"),
    (HTTPError, Fault.RESET, "the connection broke"),
    (OSError, Fault.RESET, "the connection broke"),
)


class Transport:
    """The connections of one client; safe to use from many threads."""

    def __init__(self, environ: Mapping[str, str], limits: Limits, task: Task) -> None:
        self._environ = environ
        self._limits = limits
        self._task = task
        self._watchdog = Watchdog(task.cancelled)
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._managers: dict[tuple[str | None, trust.Trust], urllib3.PoolManager] = {}
        self._trusts: dict[tuple[str, bool], trust.Trust] = {}

    def send(self, request: Request, *, verify: bool = True) -> Answer:
        """Send the request once.

        Raises:
            ExchangeError: No answer came, or a broken one.
            CancelledByUserError: The user cancelled meanwhile.
            Exception: Whatever reading the request's body raised.
        """
        self._task.check()
        if request.stream or isinstance(request.body, Body):
            return self._exchange(request, verify=verify)
        with self._turn():
            return self._exchange(request, verify=verify)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until there is room for one more short exchange: each connection takes descriptors of the process."""
        while not self._turns.acquire(timeout=_LISTEN_EVERY):
            self._task.check()
        try:
            yield
        finally:
            self._turns.release()

    def _exchange(self, request: Request, *, verify: bool) -> Answer:
        watch = self._watchdog.start(request.within or self._limits.answer)
        finishing = contextlib.ExitStack()
        with finishing:
            finishing.callback(watch.finish)
            try:
                answer, streaming = self._answer(request, watch, verify=verify)
            except SourceFailedError as error:
                failure = error.failure
            else:
                if streaming:
                    finishing.pop_all()
                return answer
        # Raised outside of the handler: an exception must not have itself among its own causes.
        raise failure

    def _answer(self, request: Request, watch: Watch, *, verify: bool) -> tuple[Answer, bool]:
        with self._translated(request, watch):
            response = self._open(request, watch, verify=verify)
        streaming = request.stream and response.status in request.expect
        content = b"" if streaming else self._content(request, response, watch)
        answer = Answer(
            method=request.method,
            url=request.url,
            status=response.status,
            headers=_headers(response),
            challenges=tuple(response.headers.getlist("WWW-Authenticate")),
            content=content,
        )
        return (replace(answer, chunks=self._chunks(request, response, watch)) if streaming else answer), streaming

    def _open(self, request: Request, watch: Watch, *, verify: bool) -> urllib3.BaseHTTPResponse:
        """Send all of the request and read the answer's head."""
        limits = self._limits
        within = request.within or limits.answer
        reading = (
            Outgoing(request, request.body, watch, self._task, limits.stall, within)
            if isinstance(request.body, Body)
            else None
        )
        connections.current.watch = watch
        try:
            return self._manager(request.url, verify=verify).urlopen(
                request.method,
                request.url,
                body=reading.pieces() if reading else request.body,
                headers={"User-Agent": _AGENT, **request.headers, **_length(request.body)},
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=limits.connect, read=max(within, limits.stall)),
            )
        finally:
            connections.current.watch = None

    def _content(self, request: Request, response: urllib3.BaseHTTPResponse, watch: Watch) -> bytes:
        """Read a short body whole, an error's up to a limit."""
        good = response.status in request.expect
        limit = LARGEST_ANSWER if good else LARGEST_ERROR
        with self._translated(request, watch):
            content = _read_up_to(response, limit + 1)
        if len(content) <= limit:
            return content
        response.close()
        if good:
            raise _fault(request, Fault.FINAL, f"the answer is larger than {limit} bytes; {ODD_ANSWER}")
        return content[:limit]

    def _chunks(
        self, request: Request, response: urllib3.BaseHTTPResponse, watch: Watch
    ) -> Generator[bytes, None, None]:
        """Give the body as it comes; each stretch of it must come in its time."""
        missing = 0
        try:
            while True:
                if missing <= 0:
                    watch.allow(self._limits.stall)
                    missing = _PIECE
                with self._translated(request, watch):
                    chunk = response.read1(_READ)
                if not chunk:
                    return
                missing -= len(chunk)
                watch.pause()
                yield chunk
                watch.resume()
        finally:
            # What was not read to its end cannot serve another request.
            response.close()
            watch.finish()

    @contextlib.contextmanager
    def _translated(self, request: Request, watch: Watch) -> Iterator[None]:
        """Turn every failure of the network into one of ours."""
        try:
            yield
        except (HTTPError, OSError) as error:
            self._task.check()
            raise _failure(request, watch, error) from error

    def _manager(self, url: str, *, verify: bool) -> urllib3.PoolManager:
        """Return the connections for this URL, made at first use."""
        proxy = _usable(endpoint.proxy_for(url, self._environ), url)
        with self._lock:
            wanted = self._trust(urlsplit(url).netloc, verify=verify)
            key = (proxy, wanted)
            if key not in self._managers:
                self._managers[key] = connections.pool_manager(proxy, _context(url, wanted))
            return self._managers[key]

    def _trust(self, host: str, *, verify: bool) -> trust.Trust:
        if (host, verify) not in self._trusts:
            self._trusts[host, verify] = trust.Trust.read(
                verify=verify,
                bundle=endpoint.bundle(self._environ),
                directories=endpoint.certificate_directories(host, self._environ),
            )
        return self._trusts[host, verify]


def _usable(proxy: str | None, url: str) -> str | None:
    """Return the proxy.

    Raises:
        ExchangeError: It is none that speaks HTTP.
    """
    if proxy is None or (scheme := urlsplit(proxy).scheme.lower()) in _PROXY_SCHEMES:
        return proxy
    kind = "is a SOCKS proxy" if scheme.startswith("socks") else f'is of the unknown kind "{scheme}"'
    reason = (
        f"the proxy {redacted(proxy)} {kind}, and only HTTP proxies are supported: name one in HTTPS_PROXY and "
        "HTTP_PROXY, or the host in NO_PROXY"
    )
    raise ExchangeError(reason, method="CONNECT", url=url, fault=Fault.FINAL)


def _context(url: str, wanted: trust.Trust) -> ssl.SSLContext:
    """Make the TLS context.

    Raises:
        ExchangeError: A file of certificates cannot be used; named are all that were to be read.
    """
    try:
        return trust.context(wanted)
    except OSError as error:
        files = filter(
            None, (wanted.bundle, *map(str, wanted.authorities), *(str(own) for own, _ in wanted.identities))
        )
        said = _reason(error)
        reason = f"the certificates in {', '.join(files)} cannot be used: {said}; correct or remove what is wrong there"
        raise ExchangeError(reason, method="CONNECT", url=url, fault=Fault.TLS) from error


def _read_up_to(response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """Read to the end or to the limit, whichever comes first."""
    pieces: list[bytes] = []
    missing = limit
    while missing > 0 and (piece := response.read(min(missing, _READ))):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _length(body: bytes | Body | None) -> dict[str, str]:
    """Say how long a body is, where it is known: otherwise HTTP's chunks are used."""
    if isinstance(body, Body):
        return {} if body.size is None else {"Content-Length": str(body.size)}
    return {} if body is None else {"Content-Length": str(len(body))}


def _headers(response: urllib3.BaseHTTPResponse) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers.iteritems():
        found.setdefault(name.lower(), value)
    return found


def _failure(request: Request, watch: Watch, error: Exception) -> ExchangeError:
    """Name the kind of a failure."""
    if watch.expired:
        return _fault(request, Fault.TIMEOUT, f"too little came for {watch.seconds:.0f} s")
    cause: Any = error.original_error if isinstance(error, ProxyError) else error
    if isinstance(cause, SSLError | ssl.SSLError) and tls_failures.is_final(cause):
        return _fault(request, Fault.TLS, f"TLS failed: {_reason(error)}{_remedy(request, cause)}")
    _, fault, text = next((row for row in _FAULTS if isinstance(cause, row[0])), (None, Fault.RESET, "it failed"))
    return _fault(request, fault, f"{text}: {_reason(error)}")


def _remedy(request: Request, cause: Exception) -> str:
    """Return what helps where a certificate is not trusted."""
    if not tls_failures.is_about_trust(cause):
        return ""
    host = urlsplit(request.url).netloc
    return (
        f"; if the certificate is right, name who signed it in ~/.docker/certs.d/{host}/ca.crt or by SSL_CERT_FILE, "
        f"or {host} in `insecureRegistries`"
    )


def _reason(error: Exception) -> str:
    """Return the words of the innermost cause: what the system said, without its numbers and places in its sources."""
    inner: BaseException = error
    for _ in range(_DEEPEST):
        inner = inner.__cause__ or inner.__context__ or inner
    said = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return _SOURCES.sub("", said) or type(inner).__name__


def _fault(request: Request, fault: Fault, text: str) -> ExchangeError:
    return ExchangeError(text, method=request.method, url=request.url, fault=fault)
