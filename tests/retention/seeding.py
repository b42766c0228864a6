"""Putting images into registries under test, without the code under test."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.images import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, described, encoded, sha256
from tests.support.registry import Registry

NOW = datetime.now(UTC)


def days_ago(days: float) -> str:
    """Return a time as Docker writes it."""
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


class Seeds:
    """Writes images into one repository.

    Args:
        registry: The registry.
        path: The repository.
    """

    def __init__(self, registry: Registry, path: str) -> None:
        self.registry = registry
        self.path = path

    @property
    def name(self) -> str:
        return f"{self.registry.address}/{self.path}"

    def image(self, *tags: str, created: str | None = None, seed: str = "", layer: bytes = b"", **more: Any) -> str:
        """Write an image of one layer under tags, or by its digest alone; return its digest."""
        text = layer or f"layer {seed or tags}".encode() * 100
        config = encoded(
            {"architecture": "amd64", "os": "linux", **({"created": created} if created else {}), "s": seed or tags}
        )
        self._blob(config)
        self._blob(text)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described(config, OCI_CONFIG),
            "layers": [described(text, OCI_LAYER)],
            **more,
        }
        return self.put(document, *tags)

    def index(self, children: Mapping[str, str], *tags: str, **more: Any) -> str:
        """Write an index over digests by architecture."""
        manifests = [
            {**self.descriptor(digest), "platform": {"os": "linux", "architecture": architecture}}
            for architecture, digest in children.items()
        ]
        return self.put({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests, **more}, *tags)

    def put(self, document: Mapping[str, Any], *tags: str) -> str:
        content = encoded(document)
        for reference in tags or (sha256(content),):
            self.registry.put_manifest(self.path, reference, content, document["mediaType"])
        return sha256(content)

    def descriptor(self, digest: str) -> dict[str, Any]:
        answer = self.registry.ask("GET", f"/v2/{self.path}/manifests/{digest}")
        assert answer.status == 200, answer
        return described(answer.body, json.loads(answer.body)["mediaType"])

    def has(self, reference: str) -> bool:
        return self.registry.digest(self.path, reference) is not None

    def _blob(self, content: bytes) -> None:
        place = self.registry.ask("POST", f"/v2/{self.path}/blobs/uploads/", b"").headers["Location"]
        path = "/" + place.split("/", 3)[3] if "://" in place else place
        mark = "&" if "?" in path else "?"
        kind = {"Content-Type": "application/octet-stream"}
        assert self.registry.ask("PUT", f"{path}{mark}digest={sha256(content)}", content, kind).status == 201
