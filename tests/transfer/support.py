"""What the tests of publishing share: something that publishes, and a look at what arrived."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import zstandard

from image_assets.archive import open_archive
from image_assets.oci import Limits, NoKeychain, RegistryClient
from image_assets.task import Task
from image_assets.transfer import BlobMemory, LocalImage, Sent, expected_of, send, send_local, write_tag
from tests.support.registry import Registry

#: So that a test of a registry that fails does not take minutes.
QUICK = Limits(connect=2, answer=5, commit=5, stall=5, retrying=2, settle=1)


class Publisher:
    """Sends images to one registry with a memory of its own."""

    def __init__(self, address: str, directory: Path) -> None:
        self.address = address
        self.directory = directory
        self.memory = directory / "memory" / "blobs.json"
        self.lines: list[str] = []
        self.task = Task(status=self.lines.append)

    def client(self) -> RegistryClient:
        return RegistryClient(self.address, NoKeychain(), self.task, limits=QUICK)

    def write(self, content: bytes) -> Path:
        path = self.directory / "image.tar"
        path.write_bytes(content)
        return path

    def send(self, content: bytes, repository: str, image: str | None = None) -> Sent:
        with open_archive(self.write(content), image) as archive:
            return send(archive, self.client(), repository, self.task, BlobMemory(self.memory))

    def send_local(self, image: LocalImage, repository: str, engine_has: Mapping[str, int] | None = None) -> Sent:
        return send_local(image, self.client(), repository, self.task, BlobMemory(self.memory), engine_has or {})

    def tag(self, content: bytes, repository: str, tag: str) -> str:
        """Send, write the tag, and return what it holds."""
        with open_archive(self.write(content)) as archive:
            client = self.client()
            sent = send(archive, client, repository, self.task, BlobMemory(self.memory))
            return write_tag(client, repository, tag, sent, self.task, expected_of(archive, client, repository)).digest


def uploads(registry: Registry, repository: str) -> list[str]:
    """Return the requests that have to do with uploads."""
    return [one.path for one in registry.requests(repository) if "/uploads/" in one.path]


def digest(sent: Sent) -> str:
    assert sent.manifest is not None
    return sent.manifest.descriptor.digest


def plain_layers(registry: Registry, repository: str, reference: str) -> list[bytes]:
    manifest = registry.manifest(repository, reference)
    return [unpacked(registry.blob(repository, layer["digest"])) for layer in manifest["layers"]]


def unpacked(blob: bytes) -> bytes:
    if blob.startswith(b"\x1f\x8b"):
        return gzip.decompress(blob)
    return zstandard.ZstdDecompressor().decompress(blob)
