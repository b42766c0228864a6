"""Publishing one image: neither built nor sent if the registry has it, and the tag last.

the tag exists -> done
copy, build, or open the archive -> blobs and manifest, without the tag (`content`)
fingerprint again: changed meanwhile -> error, no tag
the tag, checked
"""

import dataclasses
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from image_assets.aws.errors import advising
from image_assets.context import describe_change
from image_assets.errors import ChangedDuringBuildError
from image_assets.frozen import dataclass
from image_assets.inputs.settings import Settings
from image_assets.logins.given import Login
from image_assets.logins.registries import Registries
from image_assets.oci import Descriptor, RegistryClient
from image_assets.plan.fingerprints import Fingerprints
from image_assets.plan.target import Target
from image_assets.publishing.content import ContentSender, open_archive
from image_assets.publishing.copies import Copies, build_key, leaves_out_nothing, may_be_stored
from image_assets.publishing.description import describe
from image_assets.publishing.removal import remove_tags
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Reference, Repository
from image_assets.task import Task
from image_assets.transfer import (
    add_tags,
    expected_of,
    refuse_other_image,
    write_tag,
)


@dataclass(frozen=True)
class Published:
    """What the registry serves now.

    Attributes:
        digest: The manifest's or index's digest.
        written: The tags that were written now, not found.
        build_key: The key of the build that it came from, if that may be stored.
    """

    digest: str
    written: tuple[str, ...] = ()
    build_key: str | None = None


class Publisher:
    """Publishes images: each reference once at a time."""

    def __init__(self, settings: Settings, registries: Registries, fingerprints: Fingerprints, copies: Copies) -> None:
        self.settings = settings
        self.registries = registries
        self.fingerprints = fingerprints
        self.copies = copies
        self.content = ContentSender(settings, self.registries, copies)
        self.locks: dict[str, threading.Lock] = {}
        self.lock = threading.Lock()

    @advising()
    def publish(self, request: PublishRequest) -> Published:
        """Make the registry serve the image under its tags."""
        target, task = request.target, request.job.task
        client = self.registries.client(target.repository, task, request.login)
        key = self.build_key(request)
        # Whoever comes second with a tag finds it, and with a build key an image to copy.
        with self.one_at_a_time(key), self.one_at_a_time(str(target)):
            found = client.find_to_write(target.repository.full_path, target.tag)
            done = self.accept(request, client, found) if found else self.make(request, client, key)
            is_same = self.note_copy(request, key, done)
        extra = add_tags(client, target.repository.full_path, done.digest, request.inputs.extra_tags, task)
        stored = key if is_same and may_be_stored(request) else None
        return Published(done.digest, (*done.written, *extra), stored)

    def accept(self, request: PublishRequest, client: RegistryClient, found: Descriptor) -> Published:
        """Take what the tag holds already; of an archive's image it is known what that must be.

        Raises:
            RegistryError: The tag holds something else.
        """
        if request.inputs.tarball_file:
            with open_archive(request) as archive:
                refuse_other_image(
                    found, str(request.target), expected_of(archive, client, request.target.repository.full_path)
                )
        return Published(found.digest)

    def make(self, request: PublishRequest, client: RegistryClient, key: str | None) -> Published:
        """Build or open, send, check the content again, and write the tag."""
        started = time.monotonic()
        target, task = request.target, request.job.task
        with self.content.sent(request, client, key) as (sent, expected):
            self.check_unchanged(request)
            task.check()
            written = write_tag(client, target.repository.full_path, target.tag, sent, task, expected)
        if self.settings.build_output != "quiet":
            task.info(f"published {target} ({written.digest}) in {time.monotonic() - started:.1f} s")
        # Somebody else may have been faster; which of two pushes of the engine was, nobody tells.
        is_ours = sent.manifest is None or sent.manifest.descriptor.digest == written.digest
        return Published(written.digest, (target.tag,) if is_ours else ())

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

    def build_key(self, request: PublishRequest) -> str | None:
        """Return what makes two builds the same; None for what is no build, or is named by the user's own hash."""
        inputs = request.inputs
        if not inputs.is_built or inputs.asset_hash:
            return None
        whole = request.fingerprint
        if inputs.invalidation:
            everything = dataclasses.replace(inputs, invalidation={})
            whole = self.fingerprints.again(everything, request.job.task).fingerprint.digest
        return build_key(request, whole)

    def note_copy(self, request: PublishRequest, key: str | None, done: Published) -> bool:
        """Let other repositories have copies, if it is certain that the image is that of the build key."""
        if key is None:
            return False
        # A tag that was found tells what the fingerprint tells; and what the fingerprint leaves out may have changed.
        is_certain = self.build_key(request) == key if done.written else leaves_out_nothing(request)
        return is_certain and self.copies.note(key, request.target.repository, done.digest)

    def one_at_a_time(self, what: str | None) -> AbstractContextManager[object]:
        """Hold everybody else in this process who makes the same: a build by its key, or a tag by its reference."""
        if what is None:
            return nullcontext()
        with self.lock:
            return self.locks.setdefault(what, threading.Lock())

    def try_build(self, request: PublishRequest) -> None:
        """Build and push nothing."""
        self.content.try_build(request)

    def digest_of(self, target: Target, task: Task, login: Login) -> str | None:
        """Ask the registry what a tag holds; None if there is no such tag.

        Raises:
            AssetError: The registry could not be asked.
        """
        found = self.registries.client(target.repository, task, login).head_manifest(
            target.repository.full_path, target.tag
        )
        return found.digest if found else None

    def platforms_of(self, request: PublishRequest, digest: str) -> tuple[str, ...]:
        """Ask the registry for the platforms of an image that it has.

        Raises:
            RegistryError: The registry could not be asked.
        """
        target = request.target
        client = self.registries.client(target.repository, request.job.task, request.login)
        found = describe(client, Reference(target.repository, digest=digest), None, self.settings.default_platform)
        return found.platforms if found else ()

    def remove(self, repository: Repository, written: Mapping[str, str], task: Task, login: Login) -> None:
        """Delete tags, given with the digests that were written to them, if they still hold those.

        Raises:
            RegistryError: The registry could not be asked.
        """
        remove_tags(self.registries.client(repository, task, login), repository, written, task)
