"""urllib3's connections, made so that a watch can shut the one that serves it."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, BinaryIO
from urllib.parse import unquote

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

from image_assets.oci.watchdog import Watch

# As many as there are exchanges at once: what does not fit is closed after use, with a warning on standard error.
_CONNECTIONS_KEPT = 32
_LISTEN_EVERY = 0.1


class _Lines:
    """A file that remembers the last line read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._file.readline(limit)
        return self.last

    def close(self) -> None:
        self._file.close()


class _WholeHead(http.client.HTTPResponse):
    """An answer whose head must be whole: the standard library takes one that breaks off for a short one."""

    def begin(self) -> None:
        """Read the head.

        Raises:
            RemoteDisconnected: The connection ended before the empty line after it.
        """
        file: Any = self.fp
        lines: Any = _Lines(file)
        self.fp = lines
        try:
            super().begin()
        finally:
            self.fp = file if self.fp is lines else self.fp
        if not lines.last:
            self.close()
            raise http.client.RemoteDisconnected("the answer broke off in its head")


class _Current(threading.local):
    """The watch of the exchange that this thread is in."""

    watch: Watch | None = None


current = _Current()


def _made(connect: Callable[[], socket.socket], watch: Watch) -> socket.socket:
    """Connect in a thread of its own, which is left behind if need be: looking up a name cannot be interrupted.

    Raises:
        TimeoutError: The watch ended before.
    """
    outcome: Future[socket.socket] = Future()
    threading.Thread(target=_settle, args=(outcome, connect), name="registry connection", daemon=True).start()
    while not wait((outcome,), timeout=_LISTEN_EVERY).done:
        if watch.ended:
            outcome.add_done_callback(_drop)
            raise TimeoutError("no connection in time")
    return outcome.result()


def _settle(outcome: Future[socket.socket], connect: Callable[[], socket.socket]) -> None:
    try:
        outcome.set_result(connect())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the outcome raises it
        outcome.set_exception(error)


def _drop(outcome: Future[socket.socket]) -> None:
    """Close a connection that came too late."""
    if not outcome.exception():
        outcome.result().close()


class _Watched(HTTPConnection):
    """A connection that hands a duplicate of its socket to the watch of each exchange it serves."""

    response_class = _WholeHead
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        made = _made(super()._new_conn, current.watch) if current.watch else super()._new_conn()
        # A duplicate stays good when TLS takes the socket over, and while an answer outlives its connection.
        self._handle = made.dup()
        self._attach()
        return made

    def request(self, *args: Any, **options: Any) -> None:
        self._attach()
        super().request(*args, **options)

    def close(self) -> None:
        super().close()
        handle, self._handle = self._handle, None
        if handle is not None and not (current.watch and current.watch.adopt(handle)):
            handle.close()

    def _attach(self) -> None:
        if current.watch is not None and self._handle is not None:
            current.watch.attach(self._handle)


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same for TLS."""

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request.

        Raises:
            BrokenPipeError: The other side stopped listening. As over plain HTTP, where urllib3 then reads the answer
                that may have come before (413, 401), which OpenSSL's own error would keep it from.
        """
        try:
            super().request(*args, **options)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise BrokenPipeError(str(error)) from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS

    def _validate_conn(self, conn: Any) -> None:
        """Connect, without a warning where the certificate is unknown: it may be, or the connection is not made."""
        if conn.is_closed:
            conn.connect()


def pool_manager(proxy: str | None, tls: Any) -> PoolManager:
    """Make the connections that share one proxy and one TLS context; fit for many threads."""
    options: dict[str, Any] = {"maxsize": _CONNECTIONS_KEPT, "ssl_context": tls, "retries": False}
    manager = _proxied(proxy, options) if proxy else PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return manager


def _proxied(proxy: str, options: dict[str, Any]) -> ProxyManager:
    user = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
    return ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=options["ssl_context"], **options)
