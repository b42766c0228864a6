"""A registry's contents as a test looks at them: over plain HTTP, without the code under test."""

import hashlib
import json
import re
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from tools.kit.registry import LocalRegistry

USER = "robot"
PASSWORD = "plain-text-1"
HTPASSWD = "robot:$2b$04$TucD8X3c2irRJHTuzstvF.1mV76kPFLuWq7/6uynVnDMui/d23Pnq\n"
_ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)
_ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d+) \d+ "[^"]*" "(?P<agent>[^"]*)"')
_AGENT = "image-assets-tests"


@dataclass(frozen=True)
class Request:
    """One request that the registry answered."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Answer:
    """What the registry said."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes:
        local: The process.
        username: A user it knows, or "" if it lets everybody in.
        password: That user's password.
    """

    local: LocalRegistry
    username: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        """`localhost:PORT`, as it stands in image references."""
        return self.local.address

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository in order; of one that does not exist, none."""
        answer = self.ask("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(answer.body).get("tags") or []) if answer.status == 200 else []

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag's manifest, None if there is no such tag."""
        answer = self.ask("HEAD", f"/v2/{repository}/manifests/{reference}")
        return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """Return a manifest or index."""
        return dict(json.loads(self._get(f"/v2/{repository}/manifests/{reference}")))

    def config(self, repository: str, reference: str) -> dict[str, Any]:
        """Return the image config that a manifest points at."""
        digest = self.manifest(repository, reference)["config"]["digest"]
        return dict(json.loads(self.blob(repository, digest)))

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob's content."""
        return self._get(f"/v2/{repository}/blobs/{digest}")

    def put_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Write a manifest and return its digest."""
        answer = self.ask("PUT", f"/v2/{repository}/manifests/{reference}", content, {"Content-Type": media_type})
        assert answer.status == 201, answer
        return str(answer.headers["Docker-Content-Digest"])

    def put_config(self, repository: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Store an image's config and return its descriptor."""
        content = json.dumps(config).encode()
        digest = self.put_blob(repository, content)
        return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(content)}

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        upload = urlsplit(self.ask("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"])
        path = f"{upload.path}?{upload.query}&digest={digest}"
        assert self.ask("PUT", path, content, {"Content-Type": "application/octet-stream"}).status == 201
        return digest

    def put_image(self, repository: str, tag: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Push an image without layers and return its descriptor."""
        kind = "application/vnd.oci.image.manifest.v1+json"
        described = self.put_config(repository, {"rootfs": {"type": "layers", "diff_ids": []}, **config})
        content = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": described, "layers": []}).encode()
        return {"mediaType": kind, "digest": self.put_manifest(repository, tag, content, kind), "size": len(content)}

    def delete_tag(self, repository: str, tag: str) -> None:
        """Delete the manifest that a tag names, and with it every tag of that manifest (all this registry offers)."""
        digest = self.digest(repository, tag)
        assert digest, f"{repository}:{tag} is not there"
        answer = self.ask("DELETE", f"/v2/{repository}/manifests/{digest}")
        assert answer.status == 202, answer

    def requests(self, repository: str = "") -> list[Request]:
        """Return the requests about a repository (without one: all), oldest first, but not those of this class."""
        found = _ACCESS.finditer(self.local.log.read_text(errors="replace"))
        every = [Request(m["method"], m["path"], int(m["status"])) for m in found if m["agent"] != _AGENT]
        return [r for r in every if r.path.startswith(f"/v2/{repository}")]

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request; any status is an answer."""
        sent = {"Accept": _ACCEPT, "User-Agent": _AGENT, **(headers or {})}
        scheme = "https" if self.local.tls else "http"
        request = urllib.request.Request(f"{scheme}://{self.address}{path}", body, sent, method=method)
        if self.username:
            login = b64encode(f"{self.username}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        try:
            with _DIRECT.open(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def _get(self, path: str) -> bytes:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.body


_DIRECT = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),
)
