"""A forward proxy in this process: CONNECT tunnels and plain requests, every one recorded."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


@dataclass
class FakeProxy:
    """The proxy; a context manager. It sends everything to one address, whatever host is asked for.

    Attributes:
        target: `host:port` that stands for every host.
        seen: Method and target of each request.
        logins: The `Proxy-Authorization` of each request.
    """

    target: str
    seen: list[str] = field(init=False, default_factory=list)
    logins: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: FakeProxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def do_CONNECT(self) -> None:
        self.record()
        with socket.create_connection(_address(self.owner.target)) as far:
            self.connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(far, self.connection), daemon=True)
            back.start()
            _pump(self.connection, far)
            back.join()
        self.close_connection = True

    def forward(self) -> None:
        self.record()
        with socket.create_connection(_address(self.owner.target)) as far:
            path = self.path.removeprefix(f"{urlsplit(self.path).scheme}://{urlsplit(self.path).netloc}")
            lines = [f"{self.command} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
            far.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            far.sendall(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            _pump(far, self.connection)
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = forward  # noqa: N815 - http.server's names

    @property
    def owner(self) -> FakeProxy:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def record(self) -> None:
        self.owner.seen.append(f"{self.command} {self.path}")
        self.owner.logins.append(self.headers.get("Proxy-Authorization", ""))


def _address(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    return host, int(port)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
