"""GitHub's cache service for Actions, second version: entries by Twirp, their content in a store like Azure's.

Written down by what github.com/tonistiigi/go-actions-cache sends, which BuildKit uses, and Azure's "Put Blob",
"Put Block", "Put Block List" and "Get Blob".
"""

import json
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

_SERVICE = "/twirp/github.actions.results.api.v1.CacheService/"
_BLOCK = re.compile(r"<Latest>([^<]+)</Latest>")
_DAY = 86_400


@dataclass
class ActionsCache:
    """A service that runs.

    Attributes:
        address: `http://host:port/`.
        token: What a job gets.
        entries: The content of each entry that was finished, the oldest first.
        uploads: The content that has been sent, by key.
        blocks: Parts of it, by key and block.
        refused: How many requests had another token.
    """

    address: str
    token: str
    entries: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[tuple[str, str], bytes] = field(default_factory=dict)
    refused: int = 0

    def environ(self) -> dict[str, str]:
        """Return what a job's steps get when they ask for it (docker/actions-toolkit exposes them)."""
        return {
            "ACTIONS_CACHE_SERVICE_V2": "true",
            "ACTIONS_RESULTS_URL": self.address,
            "ACTIONS_RUNTIME_TOKEN": self.token,
        }

    def call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer a call."""
        key, place = asked["key"], f"{self.address}blobs/{quote(asked['key'], safe='')}"
        if name == "CreateCacheEntry":
            return {"ok": key not in self.entries, "signed_upload_url": place}
        if name == "FinalizeCacheEntryUpload":
            self.entries[key] = self.uploads.pop(key)
            return {"ok": len(self.entries[key]) == int(asked["size_bytes"]), "entry_id": "1"}
        found = next((one for one in [key, *self._newest(asked["restore_keys"])] if one in self.entries), None)
        if found is None:
            return {"ok": False}
        url = f"{self.address}blobs/{quote(found, safe='')}"
        return {"ok": True, "signed_download_url": url, "matched_key": found}

    def _newest(self, prefixes: list[str]) -> Iterator[str]:
        yield from (key for prefix in prefixes for key in reversed(self.entries) if key.startswith(prefix))

    def put(self, key: str, query: dict[str, list[str]], content: bytes) -> None:
        """Take content, or a part of it, or the list of the parts."""
        kind = query.get("comp", [""])[0]
        if kind == "block":
            self.blocks[key, query["blockid"][0]] = content
        elif kind == "blocklist":
            self.uploads[key] = b"".join(self.blocks.pop((key, one)) for one in _BLOCK.findall(content.decode()))
        else:
            self.uploads[key] = content


def _token() -> str:
    claims = {"ac": json.dumps([{"Scope": "refs/heads/main", "Permission": 3}])}
    claims |= {"nbf": time.time() - _DAY, "exp": time.time() + _DAY}  # type: ignore[dict-item]  # numbers, as RFC 7519 has them
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join([urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts] + ["c2ln"])


class _Listener(ThreadingHTTPServer):
    cache: ActionsCache


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {self.server.cache.token}":
            self.server.cache.refused += 1
            self._send(401, b"{}")
            return
        self._send(
            200, json.dumps(self.server.cache.call(self.path.removeprefix(_SERVICE), json.loads(content))).encode()
        )

    def do_PUT(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.cache.put(unquote(url.path.removeprefix("/blobs/")), parse_qs(url.query), content)
        self._send(201, b"")

    def do_GET(self) -> None:
        content = self.server.cache.entries[unquote(urlsplit(self.path).path.removeprefix("/blobs/"))]
        start = int((self.headers["x-ms-range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self._send(206, content[start:])

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(content))), ("x-ms-request-id", "1"), ("ETag", '"1"')):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Print nothing."""


@contextmanager
def running() -> Iterator[ActionsCache]:
    """Run the service."""
    listener = _Listener(("127.0.0.1", 0), _Handler)
    listener.cache = ActionsCache(f"http://127.0.0.1:{listener.server_address[1]}/", _token())
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener.cache
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
