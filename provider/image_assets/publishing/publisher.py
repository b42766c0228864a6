"""Publishing one image: neither built nor sent if the registry has it, and the tag last.

the tag exists -> done
build, or open the archive -> blobs and manifest, without the tag
fingerprint again: changed meanwhile -> error, no tag
the tag, checked
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from image_assets.context import describe_change, staged
from image_assets.errors import ChangedDuringBuildError, RegistryError
from image_assets.inputs.settings import Settings
from image_assets.logins.registries import Registries
from image_assets.oci import Descriptor, RegistryClient
from image_assets.plan.fingerprints import Fingerprints
from image_assets.plan.plan import dockerfile_of, main_context
from image_assets.publishing.build import Built, LocalImage, PushedByDigest, build, try_build
from image_assets.publishing.origins import Origins
from image_assets.publishing.recipe import build_spec, images_of, texts_of
from image_assets.publishing.wanted import Wanted
from image_assets.transfer import (
    BlobMemory,
    Expected,
    Sent,
    Source,
    add_tags,
    base_layers,
    check_tag,
    copy,
    holds,
    send,
    send_local,
    write_tag,
)

if TYPE_CHECKING:
    from image_assets.archive import Archive


@dataclass(frozen=True)
class Published:
    """What the registry serves now.

    Attributes:
        digest: The manifest's or index's digest.
        written: The tags that were written now, not found.
    """

    digest: str
    written: tuple[str, ...]


class Releases:
    """Publishes images: each reference once at a time, and only so many builds at once."""

    def __init__(
        self, settings: Settings, base: Path, registries: Registries, fingerprints: Fingerprints, origins: Origins
    ) -> None:
        self.settings = settings
        self.base = base
        self.registries = registries
        self.fingerprints = fingerprints
        self.origins = origins
        self.memory = blob_memory(settings)
        self.builds = threading.BoundedSemaphore(settings.max_concurrent_builds)
        self.locks: dict[str, threading.Lock] = {}
        self.lock = threading.Lock()

    def publish(self, wanted: Wanted) -> Published:
        """Make the registry serve the image under its tags."""
        target, task = wanted.target, wanted.job.task
        client = self.registries.client(target.repository, task, wanted.login)
        # By fingerprint, not by reference: whoever comes second finds the tag, or an image to copy.
        with self.one_at_a_time(wanted.fingerprint):
            found = client.head_manifest(target.repository.full_path, target.tag)
            done = self.accept(wanted, client, found) if found else self.make(wanted, client)
            self.origins.note(wanted.fingerprint, target.repository, done.digest)
        extra = add_tags(client, target.repository.full_path, done.digest, wanted.inputs.extra_tags, task)
        return Published(done.digest, (*done.written, *extra))

    def accept(self, wanted: Wanted, client: RegistryClient, found: Descriptor) -> Published:
        """Take what the tag holds already; of an archive's image it is known what that must be.

        Raises:
            RegistryError: The tag holds something else.
        """
        if wanted.inputs.tarball_file:
            with self.archive(wanted) as archive:
                check_tag(found, str(wanted.target), holds(archive, client, wanted.target.repository.full_path))
        return Published(found.digest, ())

    def make(self, wanted: Wanted, client: RegistryClient) -> Published:
        """Build or open, send, check the content again, and write the tag."""
        started = time.monotonic()
        target, task = wanted.target, wanted.job.task
        with self.sent(wanted, client) as (sent, expected):
            self.check_unchanged(wanted)
            task.check()
            written = write_tag(client, target.repository.full_path, target.tag, sent, task, expected)
        if self.settings.build_output != "quiet":
            task.info(f"published {target} ({written.digest}) in {time.monotonic() - started:.1f} s")
        return Published(written.digest, (target.tag,))

    def sent(self, wanted: Wanted, client: RegistryClient) -> AbstractContextManager[tuple[Sent, Expected | None]]:
        """Send an image without its tag, and keep what writing the tag may still need."""
        if wanted.inputs.tarball_file:
            return self.archive_sent(wanted, client)
        copied = self.copied(wanted, client)
        return nullcontext((copied, None)) if copied else self.build_sent(wanted, client)

    def copied(self, wanted: Wanted, client: RegistryClient) -> Sent | None:
        """Copy the image from where this program has it already; None if that does not work."""
        target, task = wanted.target, wanted.job.task
        for origin in () if wanted.inputs.asset_hash else self.origins.of(wanted.fingerprint, target.repository):
            source = self.registries.client(origin.repository, task, wanted.login)
            try:
                found = Source(source, origin.repository.full_path, origin.digest or "")
                return copy(found, client, target.repository.full_path, task, self.memory)
            except RegistryError as error:
                task.debug(f"{origin} could not be copied: {error}")
        return None

    @contextmanager
    def archive_sent(self, wanted: Wanted, client: RegistryClient) -> Iterator[tuple[Sent, Expected | None]]:
        """Send an archive's image."""
        path = wanted.target.repository.full_path
        with self.archive(wanted) as archive:
            yield send(archive, client, path, wanted.job.task, self.memory), holds(archive, client, path)

    def archive(self, wanted: Wanted) -> "AbstractContextManager[Archive]":
        """Open the archive."""
        from image_assets.archive import open_archive  # noqa: PLC0415 - most programs have no archive

        return open_archive(self.base / (wanted.inputs.tarball_file or ""), wanted.inputs.image)

    @contextmanager
    def build_sent(self, wanted: Wanted, client: RegistryClient) -> Iterator[tuple[Sent, Expected | None]]:
        """Build an image and send it; some builders have done so themselves."""
        path, task = wanted.target.repository.full_path, wanted.job.task
        built = self.build(wanted)
        if self.settings.build_output == "full":
            task.info(built.report.output)
        try:
            if isinstance(built, PushedByDigest):
                yield Sent(client.get_manifest(path, built.digest), ()), None
            else:
                shared = self.shared_layers(wanted, client, built)
                yield send_local(built, client, path, task, self.memory, shared), None
        finally:
            built.discard()

    def shared_layers(self, wanted: Wanted, client: RegistryClient, built: LocalImage) -> dict[str, int]:
        """Return the layers that come from base images of the same registry, with their sizes."""
        dockerfile = dockerfile_of(wanted.inputs, self.settings, self.base)
        named = images_of(client.registry, texts_of(wanted.inputs, dockerfile))
        shared: dict[str, int] = {}
        for base in named:
            shared |= base_layers(client, base.repository.full_path, base.identifier, built.diff_ids, self.memory)
        return shared

    def build(self, wanted: Wanted) -> Built:
        """Build an image when there is room for one more build."""
        with self.build_slot(wanted), staged(main_context(wanted.inputs, self.settings, self.base)) as context:
            spec = build_spec(wanted, context, self.base, self.settings, self.registries)
            return build(spec, wanted.target.repository, wanted.job.task)

    def try_build(self, wanted: Wanted) -> None:
        """Build and push nothing."""
        with self.build_slot(wanted), staged(main_context(wanted.inputs, self.settings, self.base)) as context:
            spec = build_spec(wanted, context, self.base, self.settings, self.registries)
            try_build(spec, wanted.job.task)

    def check_unchanged(self, wanted: Wanted) -> None:
        """Make sure that what was built is what the tag names.

        Raises:
            ChangedDuringBuildError: Files changed since the fingerprint was taken.
        """
        now = self.fingerprints.again(wanted.inputs, wanted.job.task)
        if now.fingerprint.digest != wanted.fingerprint:
            files = describe_change(wanted.outline, now.outline)
            raise ChangedDuringBuildError(
                f"the content changed while it was built, so no tag was written: {files}; run it again"
            )

    @contextmanager
    def build_slot(self, wanted: Wanted) -> Iterator[None]:
        """Wait for a free place among the builds."""
        while not self.builds.acquire(timeout=0.2):
            wanted.job.task.status("waiting for other builds")
            wanted.job.task.check()
        try:
            yield
        finally:
            self.builds.release()

    @contextmanager
    def one_at_a_time(self, fingerprint: str) -> Iterator[None]:
        """Hold everybody else who publishes the same content in this process."""
        with self.lock:
            lock = self.locks.setdefault(fingerprint, threading.Lock())
        with lock:
            yield


def blob_memory(settings: Settings) -> BlobMemory:
    """Return what is remembered of blobs: the user's own memory, or one in a directory of its own."""
    if settings.cache_directory:
        return BlobMemory(Path(settings.cache_directory) / "blobs.json")
    return BlobMemory.of_user()
