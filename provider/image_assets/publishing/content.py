"""Bringing an image's content to a registry, all but the tag: copied, from an archive, or built."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from image_assets.context import Staged, staged
from image_assets.context.habits import habits_of
from image_assets.docker import BuildSpec
from image_assets.docker.nodes import Slots
from image_assets.docker.probe import node_keys
from image_assets.errors import CloudError, RegistryError
from image_assets.inputs.options import ArchiveCommand
from image_assets.inputs.settings import Settings
from image_assets.logins.registries import Registries
from image_assets.oci import RegistryClient
from image_assets.own_folder import own_folder
from image_assets.plan.bases import Pins, pins_of
from image_assets.plan.git_source import check_out, commit_of
from image_assets.plan.local_image import inspect
from image_assets.plan.plan import dockerfile_of, executable, main_context, named_contexts, source_in_git
from image_assets.publishing.build import PushedByDigest, PushedParts, StoredImage, build, try_build
from image_assets.publishing.build_spec import build_spec, builder_of, images_of, texts_of
from image_assets.publishing.copies import Copies
from image_assets.publishing.kept_cache import kept_cache
from image_assets.publishing.made_archive import make_archive, save_image
from image_assets.publishing.request import PublishRequest
from image_assets.transfer import (
    BlobMemory,
    Expected,
    Sent,
    Source,
    base_layers,
    copy,
    expected_of,
    index_of,
    send,
    send_local,
    stored_manifest,
)

if TYPE_CHECKING:
    from image_assets.archive import Archive

#: An image that the registry has without its tag, and what says whether another one is as good.
ReadyForTag = tuple[Sent, Expected | None]


class ContentSender:
    """Sends images without their tags, and only so many builds at once."""

    def __init__(self, settings: Settings, registries: Registries, copies: Copies) -> None:
        self.settings = settings
        self.registries = registries
        self.copies = copies
        self.memory = blob_memory(settings)
        self.preparing = Slots(settings.max_concurrent_builds)
        self.building = Slots(settings.max_concurrent_builds)
        self.running = Slots(settings.max_concurrent_builds)
        self.making = Slots(1)

    def sent(
        self, request: PublishRequest, client: RegistryClient, build_key: str | None
    ) -> AbstractContextManager[ReadyForTag]:
        """Send an image without its tag, and keep what writing the tag may still need."""
        if request.inputs.tarball_file:
            return self.from_archive(request, client)
        if request.inputs.command:
            return self.from_command(request.inputs.command, request, client)
        if request.inputs.local_image:
            return self.from_engine(request.inputs.local_image, request, client)
        copied = self.copied(request, client, build_key) if build_key else None
        return nullcontext((copied, None)) if copied else self.from_build(request, client)

    def copied(self, request: PublishRequest, client: RegistryClient, build_key: str) -> Sent | None:
        """Copy the image from where this program has it already; None if that does not work."""
        path, task = request.target.repository.full_path, request.job.task
        for place in self.copies.of(build_key):
            source = self.registries.client(place.repository, task, request.login)
            try:
                found = Source(source, place.repository.full_path, place.digest or "")
                return copy(found, client, path, task, self.memory)
            except (RegistryError, CloudError) as error:
                task.debug(f"{place} could not be copied: {error}")
        return None

    @contextmanager
    def from_archive(self, request: PublishRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Send an archive's image."""
        path = request.target.repository.full_path
        with open_archive(request) as archive:
            yield send(archive, client, path, request.job.task, self.memory), expected_of(archive, client, path)

    @contextmanager
    def from_command(
        self, command: ArchiveCommand, request: PublishRequest, client: RegistryClient
    ) -> Iterator[ReadyForTag]:
        """Let a command make an archive, and send its image; of two commands with one output the second waits."""
        from image_assets import archive  # noqa: PLC0415 - most programs have no archive

        path, task = request.target.repository.full_path, request.job.task
        with self.making.one_of((command.output,), str, task), self.running.one_of(("",), str, task):
            made = make_archive(command, task)
            with archive.open_archive(made, request.inputs.image) as opened:
                yield send(opened, client, path, task, self.memory), None

    @contextmanager
    def from_engine(self, name: str, request: PublishRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Send an image that the engine has, through an archive: what the check afterwards finds is what was saved."""
        from image_assets import archive  # noqa: PLC0415 - most programs have no archive

        path, task = request.target.repository.full_path, request.job.task
        program = executable(request.inputs, self.settings)
        with own_folder() as folder:
            saved = save_image(program, inspect(program, name, task).identity, folder, task)
            with archive.open_archive(saved) as opened:
                yield send(opened, client, path, task, self.memory), None

    @contextmanager
    def from_build(self, request: PublishRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Build an image and send it; some builders have done so themselves."""
        path, task = request.target.repository.full_path, request.job.task
        with checked_out(request) as here, self.spec(here, client) as spec:
            built = build(spec, request.target.repository, task, slots=self.building)
        if self.settings.build_output == "full":
            task.info(built.report.output)
        try:
            if isinstance(built, PushedByDigest):
                yield Sent(stored_manifest(client, path, built.digest), ()), None
            elif isinstance(built, PushedParts):
                stored = {platform: stored_manifest(client, path, one.digest) for platform, one in built.parts.items()}
                yield Sent(index_of(stored), tuple(stored)), None
            else:
                shared = self.shared_layers(request, client, built)
                yield send_local(built, client, path, task, self.memory, shared), None
        finally:
            built.discard()

    def try_build(self, request: PublishRequest) -> None:
        """Build and push nothing."""
        client = self.registries.client(request.target.repository, request.job.task, request.login)
        with checked_out(request) as here, self.spec(here, client) as spec:
            try_build(spec, request.job.task, slots=self.building)

    @contextmanager
    def spec(self, request: PublishRequest, client: RegistryClient) -> Iterator[BuildSpec]:
        """Prepare all that a build needs."""
        with (
            self.context(request) as (context, pins),
            handed_contexts(request, self.settings) as named,
            kept_cache(request, client, self.settings) as cache,
        ):
            yield replace(build_spec(named, context, pins, self.settings, self.registries), kept_cache=cache)

    @contextmanager
    def context(self, request: PublishRequest) -> Iterator[tuple[Staged, Pins]]:
        """Wait until some node has room for one more build, and prepare what the builder gets."""
        builder = builder_of(request.inputs, self.settings)
        keys = node_keys(builder["executable"], builder.get("name"), os.environ)
        with self.preparing.one_of(keys, str, request.job.task):
            pins = pins_of(request.inputs, self.settings)
            with staged(main_context(request.inputs, self.settings), dockerfile=pins.dockerfile) as context:
                yield context, pins

    def shared_layers(self, request: PublishRequest, client: RegistryClient, built: StoredImage) -> dict[str, int]:
        """Return the layers that come from base images of the same registry, with their sizes."""
        dockerfile = dockerfile_of(request.inputs, self.settings)
        named = images_of(client.registry, texts_of(request.inputs, dockerfile))
        shared: dict[str, int] = {}
        for base in named:
            path, pulled = base.repository.full_path, built.pulled(base)
            shared |= base_layers(client, path, base.identifier, built.diff_ids, self.memory, pulled)
        return shared


@contextmanager
def handed_contexts(request: PublishRequest, settings: Settings) -> Iterator[PublishRequest]:
    """Prepare the named contexts where the times of files matter."""
    inputs = request.inputs
    habits = habits_of(executable(inputs, settings))
    if inputs.source_date_epoch is None and not habits.keeps_one_copy:
        yield request
        return
    with ExitStack() as stack:
        specs = {name: replace(spec, habits=habits) for name, spec in named_contexts(inputs).items()}
        places = {name: str(stack.enter_context(staged(spec)).directory) for name, spec in specs.items()}
        yield replace(request, inputs=replace(inputs, build_contexts={**inputs.build_contexts, **places}))


@contextmanager
def checked_out(request: PublishRequest) -> Iterator[PublishRequest]:
    """Let the directory be the files of the commit, while they are needed, where it is a git repository."""
    source, task = source_in_git(request.inputs), request.job.task
    if source is None:
        yield request
        return
    # With a hash of the user's own no commit counts.
    commit = request.inputs.git_commit or commit_of(source, request.build_secrets, task)
    with own_folder() as folder:
        directory = check_out(source, commit, folder / "repository", request.build_secrets, task)
        yield replace(request, inputs=replace(request.inputs, directory=str(directory)))


def open_archive(request: PublishRequest) -> "AbstractContextManager[Archive]":
    """Open the archive that an image comes from."""
    from image_assets import archive  # noqa: PLC0415 - most programs have no archive

    return archive.open_archive(Path(request.inputs.tarball_file or ""), request.inputs.image)


def blob_memory(settings: Settings) -> BlobMemory:
    """Return what is remembered of blobs: the user's own memory, or one in a directory of its own."""
    if settings.cache_directory:
        return BlobMemory(Path(settings.cache_directory) / "blobs.json")
    return BlobMemory.of_user()
