"""Small images, and blobs that know more or less about themselves."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from image_assets.oci import BytesSource, RegistryClient, digest_of
from image_assets.oci.media_types import OCI_MANIFEST

CONFIG = BytesSource(b'{"architecture":"amd64","os":"linux"}')


def noise(size: int, seed: str = "") -> bytes:
    """Return bytes that do not repeat, the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


@dataclass
class Stream:
    """A blob that is read in pieces, as compressed layers are; counts how often it was read."""

    content: bytes = field(repr=False)
    piece: int = 10_000
    digest: str | None = None
    size: int | None = None
    readings: int = 0

    def read(self) -> Iterator[bytes]:
        self.readings += 1
        for start in range(0, len(self.content), self.piece):
            yield self.content[start : start + self.piece]


def known(content: bytes, piece: int = 10_000) -> Stream:
    """Return a blob whose digest and size are known before it is sent."""
    return Stream(content, piece, digest_of(content), len(content))


def manifest(*layers: bytes, config: bytes = CONFIG.content, note: str = "") -> bytes:
    """Return the manifest of an image with these layers."""

    def descriptor(kind: str, content: bytes) -> dict[str, object]:
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("config.v1+json", config),
        "layers": [descriptor("layer.v1.tar", layer) for layer in layers],
        "annotations": {"note": note},
    }
    return json.dumps(body).encode()


def push_image(client: RegistryClient, path: str, *tags: str, note: str = "") -> str:
    """Push a small image under these tags and return its digest."""
    layer = noise(1000, note)
    client.upload_blob(path, CONFIG)
    client.upload_blob(path, BytesSource(layer))
    content = manifest(layer, note=note)
    for tag in tags:
        client.put_manifest(path, tag, content, OCI_MANIFEST)
    return client.put_manifest(path, digest_of(content), content, OCI_MANIFEST).digest
