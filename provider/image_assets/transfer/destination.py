"""One repository, as the blobs of an image are sent to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from image_assets.oci import BytesSource, RegistryClient, Uploaded
from image_assets.transfer.blob_memory import BlobMemory
from image_assets.transfer.jobs import Jobs, transfer_slot

#: Repositories that are asked for one blob: each refusal costs a request, and some registries refuse always.
_MOST_MOUNTS = 2


@dataclass(frozen=True)
class Content:
    """A blob that is read when it is sent (`oci.BlobSource`).

    Attributes:
        open: Starts reading; called again if it must be sent again.
        digest: The blob's digest, None if only reading tells it.
        size: The blob's length in bytes, None if only reading tells it.
    """

    open: Callable[[], Iterator[bytes]]
    digest: str | None = None
    size: int | None = None

    def read(self) -> Iterator[bytes]:
        """Start reading."""
        return self.open()


@dataclass(frozen=True)
class Destination:
    """Where the blobs go.

    Attributes:
        client: The registry.
        path: The repository's name inside it.
        memory: What earlier runs learnt.
        jobs: The threads, and when to stop.
    """

    client: RegistryClient
    path: str
    memory: BlobMemory
    jobs: Jobs

    def has(self, digest: str) -> bool:
        """Ask whether the blob is there, or can be had from another repository of the registry without sending it."""
        self.jobs.check()
        if self.client.head_blob(self.path, digest) is None and not self._mounted(digest):
            return False
        self.memory.note_repository(self.client.registry, digest, self.path)
        return True

    def upload(self, content: Content) -> Uploaded:
        """Send a blob."""
        with transfer_slot(self.jobs.check):
            uploaded = self.client.upload_blob(self.path, content)
        self.memory.note_repository(self.client.registry, uploaded.digest, self.path)
        return uploaded

    def provide(self, content: bytes) -> None:
        """Send a small blob unless it is there."""
        source = BytesSource(content)
        if self.client.head_blob(self.path, source.digest) is None:
            self.client.upload_blob(self.path, source)

    def small_blob(self, digest: str, most_bytes: int) -> bytes | None:
        """Return a blob; None if it is not there, or larger than that.

        Raises:
            RegistryError: The registry refused, failed, or answered with something else.
        """
        size = self.client.head_blob(self.path, digest)
        if size is None or size > most_bytes:
            return None
        content = bytearray()
        for chunk in self.client.get_blob(self.path, digest):
            content += chunk
            if len(content) > most_bytes:
                return None
        return bytes(content)

    def _mounted(self, digest: str) -> bool:
        """Try the repositories that are known to have had the blob."""
        places = self.memory.repositories_with(self.client.registry, digest)
        others = tuple(place for place in places if place != self.path)[:_MOST_MOUNTS]
        return self.client.mount_blob(self.path, digest, others)
