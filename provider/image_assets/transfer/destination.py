"""One repository, as the blobs of an image are sent to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress

from image_assets.errors import RegistryError
from image_assets.frozen import dataclass
from image_assets.oci import BytesSource, Manifest, RegistryClient, Uploaded
from image_assets.transfer.blob_memory import BlobMemory
from image_assets.transfer.jobs import Jobs, one_at_a_time, transfer_slot

#: How registries refuse a manifest's media type: zot 415 MANIFEST_INVALID, distribution and Quay 400 or 415, others 406
#: or 422; and what their codes may say then.
_UNSUPPORTED = 415
_KIND_STATUSES = frozenset({400, 404, 406, 422})
_KIND_CODES = frozenset({"MANIFEST_INVALID", "MANIFEST_UNVERIFIED", "UNSUPPORTED", "UNSUPPORTED_MEDIA_TYPE", "UNKNOWN"})

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


def refuses_kind(error: RegistryError) -> bool:
    """Say whether a registry may have refused a manifest for its media type."""
    return error.status == _UNSUPPORTED or (error.status in _KIND_STATUSES and _KIND_CODES.issuperset(error.codes))


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

    def alone(self, *contents: str) -> AbstractContextManager[bool]:
        """Hold everybody else in this process who sends one of these contents to the registry.

        It does not matter to which repository: whoever comes later can have it from there. The value says whether
        somebody came before, so that some of it may be there now.
        """
        return one_at_a_time((f"{self.client.registry} {content}" for content in contents), self.jobs.check)

    def has(self, digest: str, size: int | None = None) -> bool:
        """Ask whether the blob is there, or can be had from another repository of the registry without sending it."""
        self.jobs.check()
        if not self._holds(digest, size) and not self._mounted(digest):
            return False
        self.memory.note_repository(self.client.registry, digest, self.path)
        return True

    def put(self, manifests: Sequence[Manifest]) -> Manifest:
        """Store the first of several forms of one manifest whose media type the registry takes; return it.

        Raises:
            RegistryError: It takes none; or it refused the first for another reason.
        """
        first, *others = manifests
        try:
            self._put(first)
        except RegistryError as error:
            if not refuses_kind(error):
                raise
            for other in others:
                with suppress(RegistryError):
                    self._put(other)
                    return other
            raise
        return first

    def _put(self, manifest: Manifest) -> None:
        self.jobs.check()
        named = manifest.descriptor
        self.client.put_manifest(self.path, named.digest, manifest.content, named.media_type)

    def upload(self, content: Content) -> Uploaded:
        """Send a blob."""
        with transfer_slot(self.jobs.check):
            uploaded = self.client.upload_blob(self.path, content)
        self.memory.note_repository(self.client.registry, uploaded.digest, self.path)
        return uploaded

    def provide(self, content: bytes) -> None:
        """Send a small blob unless it is there."""
        source = BytesSource(content)
        if not self._holds(source.digest, source.size):
            self.client.upload_blob(self.path, source)

    def small_blob(self, digest: str, most_bytes: int) -> bytes | None:
        """Return a blob; None if it is not there, or larger than that.

        Raises:
            RegistryError: The registry refused, failed, or answered with something else.
        """
        size = self.client.head_blob(self.path, digest, to_push=True)
        if size is None or size > most_bytes:
            return None
        content = bytearray()
        for chunk in self.client.get_blob(self.path, digest):
            content += chunk
            if len(content) > most_bytes:
                return None
        return bytes(content)

    def _holds(self, digest: str, size: int | None) -> bool:
        """Ask whether the repository has the blob; a registry that does not tell gets it."""
        try:
            found = self.client.head_blob(self.path, digest, to_push=True)
        except RegistryError as error:
            if error.status is None or error.temporary:
                raise
            return False
        return found is not None and size in {None, found}

    def _mounted(self, digest: str) -> bool:
        """Try the repositories that are known to have had the blob."""
        places = self.memory.repositories_with(self.client.registry, digest)
        others = tuple(place for place in places if place != self.path)[:_MOST_MOUNTS]
        return self.client.mount_blob(self.path, digest, others)
