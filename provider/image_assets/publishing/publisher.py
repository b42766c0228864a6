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
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.registries import Registries
from image_assets.oci import Descriptor, RegistryClient
from image_assets.plan.fingerprints import Fingerprints
from image_assets.plan.plan import dockerfile_of, main_context
from image_assets.plan.target import Target
from image_assets.publishing.advice import advising
from image_assets.publishing.build import Built, PushedByDigest, StoredImage, build, try_build
from image_assets.publishing.build_spec import build_spec, images_of, texts_of
from image_assets.publishing.copies import Copies
from image_assets.publishing.removal import remove_tags
from image_assets.publishing.request import PublishRequest
from image_assets.task import Task
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

#: An image that the registry has without its tag, and what says whether another one is as good.
ReadyForTag = tuple[Sent, Expected | None]
Sending = AbstractContextManager[ReadyForTag]


@dataclass(frozen=True)
class Published:
    """What the registry serves now.

    Attributes:
        digest: The manifest's or index's digest.
        written: The tags that were written now, not found.
    """

    digest: str
    written: tuple[str, ...]


class Publisher:
    """Publishes images: each reference once at a time, and only so many builds at once."""

    def __init__(self, settings: Settings, given: GivenLogins, fingerprints: Fingerprints, copies: Copies) -> None:
        self.settings = settings
        self.registries = Registries(settings, given)
        self.fingerprints = fingerprints
        self.copies = copies
        self.memory = blob_memory(settings)
        self.builds = threading.BoundedSemaphore(settings.max_concurrent_builds)
        self.locks: dict[str, threading.Lock] = {}
        self.lock = threading.Lock()

    @advising()
    def publish(self, request: PublishRequest) -> Published:
        """Make the registry serve the image under its tags."""
        target, task = request.target, request.job.task
        client = self.registries.client(target.repository, task, request.login)
        # By fingerprint, not by reference: whoever comes second finds the tag, or an image to copy.
        with self.one_at_a_time(request.fingerprint):
            found = client.head_manifest(target.repository.full_path, target.tag)
            done = self.accept(request, client, found) if found else self.make(request, client)
            self.copies.note(request.fingerprint, target.repository, done.digest)
        extra = add_tags(client, target.repository.full_path, done.digest, request.inputs.extra_tags, task)
        return Published(done.digest, (*done.written, *extra))

    def digest_of(self, target: Target, task: Task, login: Login) -> str | None:
        """Ask the registry what a tag holds; None if there is no such tag.

        Raises:
            AssetError: The registry could not be asked.
        """
        found = self.registries.client(target.repository, task, login).head_manifest(
            target.repository.full_path, target.tag
        )
        return found.digest if found else None

    def remove(self, target: Target, written: tuple[str, ...], digest: str, task: Task, login: Login) -> None:
        """Delete the tags that were written for one image, if they still hold it.

        Raises:
            RegistryError: The registry could not be asked.
        """
        remove_tags(self.registries.client(target.repository, task, login), target, written, digest, task)

    def accept(self, request: PublishRequest, client: RegistryClient, found: Descriptor) -> Published:
        """Take what the tag holds already; of an archive's image it is known what that must be.

        Raises:
            RegistryError: The tag holds something else.
        """
        if request.inputs.tarball_file:
            with self.archive(request) as archive:
                check_tag(found, str(request.target), holds(archive, client, request.target.repository.full_path))
        return Published(found.digest, ())

    def make(self, request: PublishRequest, client: RegistryClient) -> Published:
        """Build or open, send, check the content again, and write the tag."""
        started = time.monotonic()
        target, task = request.target, request.job.task
        with self.sent(request, client) as (sent, expected):
            self.check_unchanged(request)
            task.check()
            written = write_tag(client, target.repository.full_path, target.tag, sent, task, expected)
        if self.settings.build_output != "quiet":
            task.info(f"published {target} ({written.digest}) in {time.monotonic() - started:.1f} s")
        return Published(written.digest, (target.tag,))

    def sent(self, request: PublishRequest, client: RegistryClient) -> Sending:
        """Send an image without its tag, and keep what writing the tag may still need."""
        if request.inputs.tarball_file:
            return self.archive_sent(request, client)
        copied = self.copied(request, client)
        return nullcontext((copied, None)) if copied else self.build_sent(request, client)

    def copied(self, request: PublishRequest, client: RegistryClient) -> Sent | None:
        """Copy the image from where this program has it already; None if that does not work."""
        target, task = request.target, request.job.task
        for origin in () if request.inputs.asset_hash else self.copies.of(request.fingerprint, target.repository):
            source = self.registries.client(origin.repository, task, request.login)
            try:
                found = Source(source, origin.repository.full_path, origin.digest or "")
                return copy(found, client, target.repository.full_path, task, self.memory)
            except RegistryError as error:
                task.debug(f"{origin} could not be copied: {error}")
        return None

    @contextmanager
    def archive_sent(self, request: PublishRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Send an archive's image."""
        path = request.target.repository.full_path
        with self.archive(request) as archive:
            yield send(archive, client, path, request.job.task, self.memory), holds(archive, client, path)

    def archive(self, request: PublishRequest) -> "AbstractContextManager[Archive]":
        """Open the archive."""
        from image_assets.archive import open_archive  # noqa: PLC0415 - most programs have no archive

        return open_archive(Path(request.inputs.tarball_file or ""), request.inputs.image)

    @contextmanager
    def build_sent(self, request: PublishRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Build an image and send it; some builders have done so themselves."""
        path, task = request.target.repository.full_path, request.job.task
        built = self.build(request)
        if self.settings.build_output == "full":
            task.info(built.report.output)
        try:
            if isinstance(built, PushedByDigest):
                yield Sent(client.get_manifest(path, built.digest), ()), None
            else:
                shared = self.shared_layers(request, client, built)
                yield send_local(built, client, path, task, self.memory, shared), None
        finally:
            built.discard()

    def shared_layers(self, request: PublishRequest, client: RegistryClient, built: StoredImage) -> dict[str, int]:
        """Return the layers that come from base images of the same registry, with their sizes."""
        dockerfile = dockerfile_of(request.inputs, self.settings)
        named = images_of(client.registry, texts_of(request.inputs, dockerfile))
        shared: dict[str, int] = {}
        for base in named:
            shared |= base_layers(client, base.repository.full_path, base.identifier, built.diff_ids, self.memory)
        return shared

    def build(self, request: PublishRequest) -> Built:
        """Build an image when there is room for one more build."""
        with self.build_slot(request), staged(main_context(request.inputs, self.settings)) as context:
            spec = build_spec(request, context, self.settings, self.registries)
            return build(spec, request.target.repository, request.job.task)

    def try_build(self, request: PublishRequest) -> None:
        """Build and push nothing."""
        with self.build_slot(request), staged(main_context(request.inputs, self.settings)) as context:
            spec = build_spec(request, context, self.settings, self.registries)
            try_build(spec, request.job.task)

    def check_unchanged(self, request: PublishRequest) -> None:
        """Make sure that what was built is what the tag names.

        Raises:
            ChangedDuringBuildError: Files changed since the fingerprint was taken.
        """
        now = self.fingerprints.again(request.inputs, request.job.task)
        if now.fingerprint.digest != request.fingerprint:
            files = describe_change(request.outline, now.outline)
            raise ChangedDuringBuildError(
                f"the content changed while it was built, so no tag was written: {files}; run it again"
            )

    @contextmanager
    def build_slot(self, request: PublishRequest) -> Iterator[None]:
        """Wait for a free place among the builds."""
        while not self.builds.acquire(timeout=0.2):
            request.job.task.status("waiting for other builds")
            request.job.task.check()
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
