"""A strict OCI registry in this process: HTTP on a free port, every request recorded, faults where a test wants them.

with FakeRegistry(rules=Rules(immutable_tags=True)) as registry:
    registry.fail("PATCH", r"/blobs/uploads/", reset_after(1000), times=2)
    client = RegistryClient(registry.host, ...)
    assert [seen.method for seen in registry.seen] == [...]
"""

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.registry_auth import Auth
from tests.fakes.registry_store import Call, RefusedError, Reply, Rules, Store

__all__ = [
    "Auth",
    "FakeRegistry",
    "Fault",
    "Rules",
    "Seen",
    "answer",
    "cut",
    "drip",
    "header",
    "reset",
    "reset_after",
    "silence",
    "truncate",
    "wait",
]

_PIECE = 64 * 2**10


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        before: Runs before the request's body is read; True means that it has dealt with the request.
        limit: Bytes of the request's body after which the connection is reset.
        change: Makes another answer of the right one.
        write: Sends the answer's bytes in another way.
    """

    before: Callable[["_Handler"], bool] = lambda _handler: False
    limit: int | None = None
    change: Callable[[Reply], Reply] = lambda reply: reply
    write: Callable[["_Handler", bytes], None] | None = None


def reset() -> Fault:
    """Reset the connection at once."""
    return Fault(before=_reset)


def reset_after(count: int) -> Fault:
    """Reset the connection once so many bytes of the request's body have arrived."""
    return Fault(limit=count)


def answer(status: int, code: str = "", *, message: str = "", body: bytes = b"", **headers: str) -> Fault:
    """Answer with an error before the body is read; then the connection is closed, as servers do."""
    reply = RefusedError(status, code, message, **headers).reply if code else Reply(status, headers, body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(before=lambda handler: handler.dismiss(replace(reply, headers={**reply.headers, **names})))


def header(name: str, value: str) -> Fault:
    """Do what is asked, but answer with another header."""
    return Fault(change=lambda reply: replace(reply, headers={**reply.headers, name: value}))


def truncate(count: int) -> Fault:
    """Do what is asked, but close the connection after so many bytes of the answer, its head included."""

    def write(handler: "_Handler", content: bytes) -> None:
        handler.connection.sendall(content[:count])
        handler.close_connection = True

    return Fault(write=write)


def cut(count: int) -> Fault:
    """Do the same with a reset instead of an orderly end."""

    def write(handler: "_Handler", content: bytes) -> None:
        handler.connection.sendall(content[:count])
        _reset(handler)

    return Fault(write=write)


def drip(pause: float = 0.05, *, after: int = 0) -> Fault:
    """Send the answer one byte at a time (slow loris), the first bytes at once."""

    def write(handler: "_Handler", content: bytes) -> None:
        handler.connection.sendall(content[:after])
        for byte in content[after:]:
            handler.connection.sendall(bytes([byte]))
            if handler.owner.closing.wait(pause):
                return

    return Fault(write=write)


def silence() -> Fault:
    """Take the request and never answer."""

    def write(handler: "_Handler", _content: bytes) -> None:
        handler.owner.closing.wait()

    return Fault(write=write)


def wait(seconds: float) -> Fault:
    """Answer late."""

    def write(handler: "_Handler", content: bytes) -> None:
        handler.owner.closing.wait(seconds)
        handler.connection.sendall(content)

    return Fault(write=write)


@dataclass
class _Plan:
    method: str
    path: re.Pattern[str]
    fault: Fault
    skip: int
    times: int


@dataclass
class FakeRegistry:
    """The registry; a context manager. `store` and `auth` may be changed at any time.

    Attributes:
        rules: What it does otherwise than others, to begin with.
        auth: Whom it lets in.
        tls: Its certificate; without one it speaks plain HTTP.
        name: The host name that it is called by.
        store: What it holds.
        seen: Every request, oldest first.
    """

    rules: Rules = field(default_factory=Rules)
    auth: Auth = field(default_factory=Auth)
    tls: ssl.SSLContext | None = None
    name: str = "127.0.0.1"
    store: Store = field(init=False)
    seen: list[Seen] = field(init=False, default_factory=list)
    closing: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.store = Store(self.rules)
        self._plans: list[_Plan] = []
        self._cuts: list[str] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if self.tls:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def host(self) -> str:
        """`host:port`."""
        return f"{self.name}:{self._server.server_port}"

    @property
    def origin(self) -> str:
        """The URL's beginning."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def fail(self, method: str, path: str, fault: Fault, *, skip: int = 0, times: int = 1) -> None:
        """Let the next requests that fit go wrong, after some that do not.

        Args:
            method: The HTTP method, or `*`.
            path: A regular expression found in path and query.
            fault: What goes wrong.
            skip: How many that fit go right before.
            times: How many go wrong.
        """
        self._plans.append(_Plan(method, re.compile(path), fault, skip, times))

    def cut_connections(self, how: str, *, skip: int = 0, times: int = 1) -> None:
        """Let the next connections end before the first request is heard, over TLS in mid-handshake.

        Args:
            how: `reset`, `close` (an orderly end), or `stall` (nothing ever comes).
            skip: How many are served before.
            times: How many end so.
        """
        with self._lock:
            self._cuts += [""] * skip + [how] * times

    def take_cut(self) -> str:
        """Return how the next connection ends."""
        with self._lock:
            return self._cuts.pop(0) if self._cuts else ""

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._plans.clear()

    def calls(self, method: str = "", path: str = "") -> list[Seen]:
        """Return the requests below `/v2/` that fit, oldest first."""
        own = [seen for seen in self.seen if seen.path.startswith("/v2/") and seen.path != "/v2/"]
        return [seen for seen in own if method in {"", seen.method} and re.search(path, seen.path)]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take_fault(self, method: str, target: str) -> Fault:
        """Return the fault of this request."""
        with self._lock:
            for plan in self._plans:
                if plan.times and plan.method in {"*", method} and plan.path.search(target):
                    if plan.skip:
                        plan.skip -= 1
                        continue
                    plan.times -= 1
                    return plan.fault
        return Fault()


class _Server(ThreadingHTTPServer):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.stalled: list[socket.socket] = []

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: FakeRegistry

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; one that is to be cut never becomes a request."""
        how = self.owner.take_cut()
        if not how:
            return super().get_request()
        # Below TLS: the handshake has only just begun.
        raw, _ = socket.socket.accept(self.socket)
        raw.recv(16)
        if how == "stall":
            self.stalled.append(raw)
        else:
            if how == "reset":
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
        raise ConnectionAbortedError

    def server_close(self) -> None:
        super().server_close()
        for raw in self.stalled:
            raw.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about connections that break: tests break them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def owner(self) -> FakeRegistry:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle_one_request()
            return
        self.close_connection = True

    def serve(self) -> None:
        split = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(split.query))
        self.owner.seen.append(Seen(self.command, split.path, query, headers, time.monotonic()))
        fault = self.owner.take_fault(self.command, self.path)
        self._left: int | None = fault.limit
        self._unread = True
        if fault.before(self):
            return
        call = Call(
            self.command,
            split.path,
            query,
            {**headers, "x-origin": self.owner.origin, "x-query": split.query},
            self._body,
        )
        reply = fault.change(self._reply(call))
        if self._unread:
            # A server that does not want the body does not read it; the connection cannot go on.
            self.close_connection = self.close_connection or headers.get("content-length", "0") != "0"
        content = self._bytes(reply)
        (fault.write or _plainly)(self, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - http.server's names

    def dismiss(self, reply: Reply) -> bool:
        """Answer without reading the body."""
        self.close_connection = True
        self.connection.sendall(self._bytes(reply))
        # As Go's server does: time for the client to read the answer before the reset that unread bytes cause.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.owner.closing.wait(0.05)
        return True

    def _reply(self, call: Call) -> Reply:
        try:
            if call.path == "/token":
                return self.owner.auth.token(call)
            if call.path.startswith("/data/"):
                return self._data(call)
            self.owner.auth.check(call)
            self._check_size(call)
            return self.owner.store.answer(call)
        except RefusedError as error:
            return error.reply

    def _data(self, call: Call) -> Reply:
        """Play the other host, where blobs are stored: it refuses who shows the registry's credential, as S3 does."""
        if "authorization" in call.headers:
            return Reply(400, {}, b"Only one auth mechanism allowed")
        digest = call.path.removeprefix("/data/")
        found = next((blobs[digest] for blobs in self.owner.store.blobs.values() if digest in blobs), None)
        return Reply(404) if found is None else Reply(200, {"Content-Type": "binary/octet-stream"}, found)

    def _check_size(self, call: Call) -> None:
        largest = self.owner.store.rules.largest_body
        if largest is None:
            return
        if int(call.headers.get("content-length", 0)) > largest or "transfer-encoding" in call.headers:
            raise RefusedError(413, "SIZE_INVALID", "request entity too large")

    def _body(self) -> Iterator[bytes]:
        self._unread = False
        for piece in self._chunked() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._plain():
            yield from self._counted(piece)

    def _counted(self, piece: bytes) -> Iterator[bytes]:
        """Give the piece; reset once the fault's limit is reached."""
        if self._left is None:
            yield piece
            return
        yield piece[: self._left]
        self._left -= min(len(piece), self._left)
        if not self._left:
            _reset(self)
            raise ConnectionResetError

    def _plain(self) -> Iterator[bytes]:
        missing = int(self.headers.get("Content-Length", 0))
        if self._left == 0:
            yield b""
        while missing:
            piece = self.rfile.read1(min(missing, _PIECE))
            if not piece:
                raise ConnectionResetError
            missing -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while length := int(self.rfile.readline() or b"z", 16):
            content = self.rfile.read(length)
            if len(content) < length:
                raise ConnectionResetError
            yield content
            self.rfile.readline()
        self.rfile.readline()

    def _bytes(self, reply: Reply) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} Answer", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if reply.status != 204 and "Content-Length" not in reply.headers:
            lines.append(f"Content-Length: {len(reply.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if self.command == "HEAD" else head + reply.body


def _plainly(handler: _Handler, content: bytes) -> None:
    handler.connection.sendall(content)


def _reset(handler: _Handler) -> bool:
    handler.close_connection = True
    # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    return True
