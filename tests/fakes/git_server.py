"""A git server over HTTP or TLS: git's own `http-backend`, with a login where one is wanted."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.fakes.certificates import Certificates

TOKEN = "sesame-for-git"


@dataclass
class GitServer:
    """A server that runs.

    Attributes:
        address: `host:port`.
        scheme: `http` or `https`.
        private: Names of repositories that want `TOKEN`.
        sent: The `Authorization` header of each request, or None, by the path.
    """

    address: str
    scheme: str
    private: set[str] = field(default_factory=set)
    sent: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"{self.scheme}://{self.address}/{name}"

    def lets_in(self, path: str, header: str | None) -> bool:
        """Say whether a request may have an answer."""
        login = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        is_private = path.split("/")[1] in self.private
        return not is_private or (header or "").lower() == f"basic {login}".lower()


class _Listener(ThreadingHTTPServer):
    """What answers; `folder` holds the repositories."""

    folder: Path
    told: GitServer


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(parts)

    def _answer(self, body: bytes) -> None:
        header, url = self.headers.get("Authorization"), urlsplit(self.path)
        self.server.told.sent.append((url.path, header))
        if not self.server.told.lets_in(url.path, header):
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        head, _, content = self._backend(url.path, url.query, body).partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._send(int(fields.pop("Status", "200").split()[0]), fields, content)

    def _send(self, status: int, fields: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _backend(self, path: str, query: str, body: bytes) -> bytes:
        """Run git's server as RFC 3875 (CGI) says."""
        environ = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        return subprocess.run(("git", "http-backend"), input=body, env=environ, capture_output=True, check=True).stdout

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Print nothing."""


@contextmanager
def running(folder: Path, certificates: Certificates | None = None) -> Iterator[GitServer]:
    """Serve the repositories in a folder; with certificates over TLS."""
    listener = _Listener(("localhost", 0), _Handler)
    if certificates:
        listener.socket = certificates.server_context().wrap_socket(listener.socket, server_side=True)
    listener.folder = folder
    listener.told = GitServer(f"localhost:{listener.server_address[1]}", "https" if certificates else "http")
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener.told
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
