"""A registry that has every image, to see which ones a builder asks for."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
_OCI = "application/vnd.oci.image"
_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": {
            "mediaType": f"{_OCI}.config.v1+json",
            "digest": f"sha256:{hashlib.sha256(_CONFIG).hexdigest()}",
            "size": len(_CONFIG),
        },
        "layers": [],
    }
).encode()
DIGEST = f"sha256:{hashlib.sha256(_MANIFEST).hexdigest()}"
"""Every image's."""
_ASKED = re.compile(r"/v2/(.+)/manifests/([^?]+)")


@dataclass
class Everything:
    """A registry that has every image.

    Attributes:
        address: Where it is.
        asked: The images that it was asked for, without digests.
        digests: The repositories that it was asked for images by digest.
    """

    address: str
    asked: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)


class _Listener(ThreadingHTTPServer):
    told: Everything


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        found = _ASKED.match(self.path)
        content = _MANIFEST if found else _CONFIG
        told = self.server.told
        if found and found[2].startswith("sha256:"):
            told.digests.add(f"{told.address}/{found[1]}")
        elif found:
            told.asked.add(f"{told.address}/{found[1]}:{found[2]}")
        self.send_response(200)
        self.send_header("Content-Type", f"{_OCI}.manifest.v1+json" if found else "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Print nothing."""


@contextmanager
def running() -> Iterator[Everything]:
    """Start it."""
    listener = _Listener(("127.0.0.1", 0), _Handler)
    listener.told = Everything(f"127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield listener.told
    listener.shutdown()
    listener.server_close()
    thread.join()
