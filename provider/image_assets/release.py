"""Publishing one image: neither built nor sent if the registry has it, and the tag last.

the tag exists -> done
build, or open the archive -> blobs and manifest, without the tag
fingerprint again: changed meanwhile -> error, no tag
the tag, checked
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from image_assets.archive import open_archive
from image_assets.build import Built, PushedByDigest, build, try_build
from image_assets.context import describe_change, staged
from image_assets.errors import ChangedDuringBuildError
from image_assets.fingerprints import Fingerprints
from image_assets.oci import RegistryClient
from image_assets.plan import main_context
from image_assets.publish import Sent, add_tags, send, send_local, write_tag
from image_assets.recipe import Release, build_spec
from image_assets.registries import Registries
from image_assets.settings import Settings
from image_assets.task import Task


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

    def __init__(self, settings: Settings, base: Path, registries: Registries, fingerprints: Fingerprints) -> None:
        self.settings = settings
        self.base = base
        self.registries = registries
        self.fingerprints = fingerprints
        self.builds = threading.BoundedSemaphore(settings.max_concurrent_builds)
        self.locks: dict[str, threading.Lock] = {}
        self.lock = threading.Lock()

    def publish(self, release: Release) -> Published:
        """Make the registry serve the image under its tags."""
        target, task = release.target, release.job.task
        client = self.registries.client(target.repository, task, release.login)
        with self.one_at_a_time(str(target)):
            found = client.head_manifest(target.repository.full_path, target.tag)
            done = Published(found.digest, ()) if found else self.make(release, client)
        extra = add_tags(client, target.repository.full_path, done.digest, release.inputs.extra_tags, task)
        return Published(done.digest, (*done.written, *extra))

    def make(self, release: Release, client: RegistryClient) -> Published:
        """Build or open, send, check the content again, and write the tag."""
        started = time.monotonic()
        target, task = release.target, release.job.task
        sent = self.send_archive(release, client) if release.inputs.tarball_file else self.build(release, client)
        self.check_unchanged(release)
        task.check()
        written = write_tag(client, target.repository.full_path, target.tag, sent, task)
        if self.settings.build_output != "quiet":
            task.info(f"published {target} ({written.digest}) in {time.monotonic() - started:.1f} s")
        return Published(written.digest, (target.tag,))

    def send_archive(self, release: Release, client: RegistryClient) -> Sent:
        """Send an archive's image, without its tag."""
        path = self.base / (release.inputs.tarball_file or "")
        with open_archive(path, release.inputs.image) as archive:
            return send(archive, client, release.target.repository.full_path, release.job.task)

    def build(self, release: Release, client: RegistryClient) -> Sent:
        """Build an image and send it, without its tag."""
        repository, task = release.target.repository, release.job.task
        with self.build_slot(release), staged(main_context(release.inputs, self.base)) as context:
            spec = build_spec(release, context, self.base, self.settings, self.registries)
            built = build(spec, repository, task)
            try:
                return self.send_built(built, client, repository.full_path, task)
            finally:
                built.discard()

    def send_built(self, built: Built, client: RegistryClient, path: str, task: Task) -> Sent:
        """Send what was built, without its tag; some builders have done so themselves."""
        if isinstance(built, PushedByDigest):
            return Sent(client.get_manifest(path, built.digest), ())
        return send_local(built, client, path, task)

    def try_build(self, release: Release) -> None:
        """Build and push nothing."""
        with self.build_slot(release), staged(main_context(release.inputs, self.base)) as context:
            spec = build_spec(release, context, self.base, self.settings, self.registries)
            try_build(spec, release.job.task)

    def check_unchanged(self, release: Release) -> None:
        """Make sure that what was built is what the tag names.

        Raises:
            ChangedDuringBuildError: Files changed since the fingerprint was taken.
        """
        now = self.fingerprints.again(release.inputs, release.job.task)
        if now.fingerprint.digest != release.fingerprint:
            files = describe_change(release.outline, now.outline)
            raise ChangedDuringBuildError(
                f"the content changed while it was built, so no tag was written: {files}; run it again"
            )

    @contextmanager
    def build_slot(self, release: Release) -> Iterator[None]:
        """Wait for a free place among the builds."""
        while not self.builds.acquire(timeout=0.2):
            release.job.task.status("waiting for other builds")
            release.job.task.check()
        try:
            yield
        finally:
            self.builds.release()

    @contextmanager
    def one_at_a_time(self, reference: str) -> Iterator[None]:
        """Hold everybody else who publishes the same reference in this process."""
        with self.lock:
            lock = self.locks.setdefault(reference, threading.Lock())
        with lock:
            yield
