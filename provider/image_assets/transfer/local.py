"""Sending an image out of a docker engine: everything but the tag, where our client does it.

what the registry has is asked for -> the faster method is chosen (`push_method`)
-> the engine's own push, left until the tag is written -- or `docker save`, read once, its new layers sent as they come
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import NoReturn

from image_assets.archive import Member, OtherContentError, Packing, Passing
from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.archive.refusal import refuse, within
from image_assets.errors import ArchiveError, RegistryError
from image_assets.frozen import dataclass
from image_assets.oci import Manifest, RegistryClient, digest_of
from image_assets.programs.command import CommandFailedError
from image_assets.task import Task
from image_assets.transfer.blob_memory import BlobMemory, PackedLayer, saving
from image_assets.transfer.compress import variant
from image_assets.transfer.destination import Destination
from image_assets.transfer.jobs import Jobs, jobs_of
from image_assets.transfer.layers import ANY, Raw, packed_identity, packing_named, recounted, send_layer
from image_assets.transfer.manifests import SentConfig, image_manifests
from image_assets.transfer.model import LocalImage, Sent
from image_assets.transfer.progress import Progress
from image_assets.transfer.push_method import Load, PushMethod, faster_method, unknown_bytes
from image_assets.transfer.saved_stream import Documents, blob_digest, check_config, config_of, leads_to, read_saved
from image_assets.transfer.streaming import Read, send_while_reading
from image_assets.transfer.tag_watch import looked_at, put_back

#: Layers up to this size are held in memory until it is clear whether the registry has them.
_HELD_BYTES = 8 << 20
#: How often an image is saved anew when an upload broke off: what was sent by then is not sent again.
_MAX_PASSES = 3
_LABEL = "docker save"
#: What engines say of a manifest whose media type a registry does not take.
_KIND_WORDS = ("manifest invalid", "manifest_invalid", "media type", "mediatype", "415")


class _SpentError(Exception):
    """An upload must start again, but the stream has gone on."""


def send_local(  # noqa: PLR0913, PLR0917 - what `send` takes, and what the engine knows
    image: LocalImage,
    client: RegistryClient,
    repository_path: str,
    task: Task,
    memory: BlobMemory | None = None,
    engine_has: Mapping[str, int] = MappingProxyType({}),
) -> Sent:
    """Make the registry hold a docker engine's image, by digest; no tag is written.

    Where the engine's own push is faster nothing is sent yet: `write_tag` lets it push.

    Args:
        image: The image in the engine's store.
        client: The registry.
        repository_path: The repository's name inside the registry.
        task: Shows how far it is, and stops it.
        memory: What earlier runs learnt; the user's own memory unless given.
        engine_has: The layers that the engine pulled from or pushed to this registry: bytes by diff ID.

    Raises:
        ArchiveError: What the engine saved is not the image.
        RegistryError: The registry refused or failed.
        CancelledByUserError: The user cancelled.
    """
    memory = memory or BlobMemory.of_user()
    delivery = _Delivery(image, client, repository_path, task, memory, engine_has)
    with delivery.alone() as (sender, load):
        if load.by_engine:
            return Sent(None, (), delivery.push)
        return Sent(sender.send(Progress(task, load.new_to_client)), ())


@dataclass(frozen=True)
class _Delivery:
    """One image of an engine for one repository."""

    image: LocalImage
    client: RegistryClient
    path: str
    task: Task
    memory: BlobMemory
    engine_has: Mapping[str, int]

    @contextmanager
    def alone(self) -> Iterator[tuple["_LocalSender", "_Choice"]]:
        """Ask what the registry lacks; meanwhile nobody else in this process sends any of that.

        An engine's push is waited for by the other images of engines only; before it begins, it waits for all.
        """
        with saving(self.memory), jobs_of(self.task) as jobs:
            destination = Destination(self.client, self.path, self.memory, jobs)
            sender = _LocalSender(self.image, destination, self.task)
            sender.ask()
            with destination.alone(*sender.lacking("engine")) as after_engine, ExitStack() as held:
                after_client = held.enter_context(destination.alone(*sender.lacking(variant())))
                if after_engine or after_client:
                    sender.ask()
                load = sender.load(self.engine_has)
                # Only the engine knows all of an index.
                method = PushMethod.ENGINE if self.image.is_index else faster_method(load)
                self.task.debug(f"{self.image.image_id}: {method.value}")
                if method is PushMethod.ENGINE:
                    held.close()
                yield sender, _Choice(method is PushMethod.ENGINE, load.new_to_client)

    def push(self, reference: str) -> None:
        """Let the engine push, and remember what it knows now.

        What another image has brought meanwhile may make our client the faster one; and where the registry does not
        take the engine's kind of manifest, our client has another.
        """
        tag = reference.rpartition(":")[2]
        with self.alone() as (sender, choice):
            # An engine moves tags; one that somebody wrote while this waited is not moved.
            if self.client.find_to_write(self.path, tag):
                return
            if choice.by_engine:
                try:
                    with looked_at(self.client, self.path, tag) as seen:
                        self.image.push(reference)
                except RegistryError as error:
                    if self.image.is_index or not _about_kind(str(error)):
                        raise
                    self.task.debug(f"the engine's manifest is not taken: {error}")
                else:
                    remember_pushed(self.image, self.client, self.path, tag, self.memory)
                    put_back(self.client, self.path, tag, seen)
                    return
            manifest = sender.send(Progress(self.task, choice.new_to_client))
            self.client.put_manifest(self.path, tag, manifest.content, manifest.descriptor.media_type)


@dataclass(frozen=True)
class _Choice:
    """How an image is sent.

    Attributes:
        by_engine: By its own push, or else saved through our client.
        new_to_client: Bytes of plain layers that our client would send.
    """

    by_engine: bool
    new_to_client: int


class _LocalSender:
    """Sends one engine's image to one repository; the sink of its stream."""

    def __init__(self, image: LocalImage, destination: Destination, task: Task) -> None:
        self._image = image
        self._destination = destination
        self._jobs: Jobs = destination.jobs
        self._task = task
        self._found: dict[str, PackedLayer] = {}
        self._missing: set[str] = set()
        self._others: list[OtherContentError] = []
        self._sending: list[Future[dict[str, PackedLayer] | None]] = []
        self._track(Progress(task))

    def ask(self) -> None:
        """Find out which layers the registry has."""
        diff_ids = list(dict.fromkeys(self._image.diff_ids))
        there = self._jobs.all([partial(self._find, diff_id) for diff_id in diff_ids])
        self._found = {diff_id: layer for diff_id, layer in zip(diff_ids, there, strict=True) if layer}

    def load(self, engine_has: Mapping[str, int]) -> Load:
        """Say how much each method would have to move."""
        diff_ids, total = self._image.diff_ids, self._image.size
        ours = [self._found[one].plain_size for one in diff_ids if one in self._found]
        engines = {one: size for one in diff_ids if (size := engine_has.get(one, self._pushed_size(one))) is not None}
        return Load(
            total,
            new_to_engine=unknown_bytes(total, len(diff_ids), list(engines.values())),
            new_to_client=unknown_bytes(total, len(diff_ids), ours),
        )

    def lacking(self, form: str) -> list[str]:
        """Name the layers that the registry lacks, in one packed form."""
        return [packed_identity(one, form) for one in self._image.diff_ids if one not in self._found]

    def send(self, progress: Progress) -> Manifest:
        """Send what is missing; return the manifest, which the registry has then.

        Raises:
            ArchiveError: What the engine saved is not the image.
        """
        try:
            return self._send(progress)
        except ArchiveError as error:
            raise within(_LABEL, error) from error

    def _send(self, progress: Progress) -> Manifest:
        self._track(progress)
        config = self._config_there() if self._is_complete() else None
        for _ in range(_MAX_PASSES):
            if config is not None:
                break
            config = self._pass()
        if config is None:
            raise refuse("breaks off whenever it is sent")
        layers = [self._found[diff_id].sent for diff_id in self._image.diff_ids]
        return self._destination.put(image_manifests(config, layers))

    def _track(self, progress: Progress) -> None:
        self._progress = progress
        self._report_saved = progress.saving(self._image.size)

    @property
    def diff_ids(self) -> frozenset[str]:
        """The digests of the image's plain layers."""
        return frozenset(self._image.diff_ids)

    def layer(self, member: Member, packing: Packing, chunks: Iterator[bytes]) -> None:
        """Take a layer from the stream: skip it if the registry has it, else send it as it comes."""
        if blob_digest(member, self._found):
            return
        if packing is Packing.PLAIN and member.name not in self._missing and self._may_be_there(member.size):
            self._doubtful(member, chunks)
        else:
            self._start(member, packing, chunks, _spent)

    def _find(self, diff_id: str) -> PackedLayer | None:
        """Ask the registry for a layer whose blob is known, however it was packed."""
        for form in (variant(), ANY):
            packed = self._destination.memory.layer(diff_id, form)
            if packed and self._destination.has(packed.digest, packed.size):
                return packed
        return None

    def _is_complete(self) -> bool:
        """Say whether the registry has all layers."""
        return all(diff_id in self._found for diff_id in self._image.diff_ids)

    def _config_there(self) -> SentConfig | None:
        """Return the config if the registry has it under the image's ID.

        With containerd's store the ID is that of a manifest, which registries serve as a blob too: it is looked at.
        """
        image_id = self._image.image_id
        try:
            content = self._destination.small_blob(image_id, MAX_DOCUMENT_BYTES)
            if content is None:
                return None
            check_config(content, self._image.diff_ids)
        except (ArchiveError, RegistryError) as error:
            self._task.debug(f"{image_id} in the registry is not used as a config: {error}")
            return None
        return SentConfig(image_id, len(content))

    def _pass(self) -> SentConfig | None:
        """Read the saved image once; None if something must be sent from the start again."""
        self._report_saved(0)
        documents = self._saved()
        sent = [one.result() for one in self._sending]
        for one in sent:
            self._found |= one or {}
        again = None in sent or bool(self._missing)
        self._sending.clear()
        config = self._config(documents)
        if self._is_complete():
            return config
        if again:
            return None
        lacking = next(diff_id for diff_id in self._image.diff_ids if diff_id not in self._found)
        raise next(iter(self._others), refuse(f"does not hold the layer {lacking}"))

    def _saved(self) -> Documents:
        """Let the engine save the image, and read it.

        Raises:
            ArchiveError: It is not the image; or, if the engine failed, what it said of that.
        """
        fault: ArchiveError | None = None
        documents = Documents()
        try:
            with self._image.save() as stream:
                try:
                    documents = read_saved(stream, self, self._jobs.check, self._report_saved)
                except ArchiveError as error:
                    # Leaving in peace lets the engine's failure be told, which made the stream what it is.
                    fault = error
        except CommandFailedError as error:
            raise refuse(f"the engine does not hand out the image{self._hint()}: {error}") from error
        if fault is not None:
            raise fault
        return documents

    def _hint(self) -> str:
        """Say what engines without containerd's store refuse."""
        return "" if self._image.diff_ids else ", which has no layers (let a COPY or RUN add something)"

    def _may_be_there(self, size: int) -> bool:
        """Say whether a layer of that length can be one that the registry has."""
        return any(not packed.exact or packed.plain_size == size for packed in self._found.values())

    def _doubtful(self, member: Member, chunks: Iterator[bytes]) -> None:
        """Look at a layer that the registry may have: a large one that it has not is sent in the next pass."""
        if member.size <= _HELD_BYTES:
            content = b"".join(chunks)
            if digest_of(content) not in self._found:
                self._start(member, Packing.PLAIN, iter((content,)), lambda: iter((content,)))
            return
        passing = Passing(self._image.diff_ids, member.name)
        try:
            for _ in passing.through(chunks):
                pass
        except OtherContentError as error:
            self._others.append(error)
            return
        if passing.digest not in self._found:
            self._missing.add(member.name)

    def _start(self, member: Member, packing: Packing, chunks: Iterator[bytes], again: Read) -> None:
        """Send a layer while it is read."""
        report = self._progress.counter()

        def send(read: Read) -> dict[str, PackedLayer] | None:
            raw = Raw(read, packing, member.size, self._image.diff_ids, member.name)
            try:
                diff_id, layer = send_layer(recounted(raw, report, self._jobs.check), self._destination)
            except _SpentError:
                # The next pass sends it.
                return None
            except OtherContentError as error:
                # Not a layer of this image; whether one is missing is seen in the end.
                self._others.append(error)
                return {}
            self._destination.memory.remember(diff_id, ANY, layer)
            return {diff_id: layer}

        self._sending.append(send_while_reading(self._jobs, chunks, again, send))

    def _config(self, documents: Documents) -> SentConfig:
        """Find the config, compare it with what the engine said of the image, and send it."""
        content = config_of(documents)
        if not leads_to(documents, self._image.image_id, digest_of(content)):
            raise refuse(f"does not hold the image {self._image.image_id}")
        check_config(content, self._image.diff_ids)
        self._destination.provide(content)
        return SentConfig(digest_of(content), len(content))

    def _pushed_size(self, diff_id: str) -> int | None:
        """Return the length of a layer that the engine itself sent to this registry before."""
        if not self._destination.memory.repositories_with(_engine(self._destination.client), diff_id):
            return None
        packed = self._destination.memory.layer(diff_id, ANY)
        return packed.plain_size if packed else None


def remember_pushed(image: LocalImage, client: RegistryClient, path: str, tag: str, memory: BlobMemory) -> None:
    """Remember which blobs the layers of an image became that the engine pushed; it is only a help.

    The tag may hold another image by now: only a manifest that names this one tells about its layers.
    """
    with suppress(RegistryError, KeyError, TypeError, ValueError):
        if client.await_manifest(path, tag) is None:
            return
        manifest = client.get_manifest(path, tag, to_push=True)
        document = json.loads(manifest.content)
        layers = document.get("layers", [])
        names = {manifest.descriptor.digest, document.get("config", {}).get("digest")}
        if image.image_id not in names or len(layers) != len(image.diff_ids):
            return
        packed_bytes = sum(layer["size"] for layer in layers)
        for diff_id, layer in zip(image.diff_ids, layers, strict=True):
            guess = image.size * layer["size"] // max(packed_bytes, 1)
            packed = PackedLayer(layer["digest"], layer["size"], packing_named(layer).value, guess, exact=False)
            memory.remember(diff_id, ANY, packed)
            memory.note_repository(client.registry, layer["digest"], path)
            memory.note_repository(_engine(client), diff_id, path)
        memory.save()


def _about_kind(said: str) -> bool:
    """Say whether the words of an engine's push are about the manifest's media type."""
    return any(word in said.lower() for word in _KIND_WORDS)


def _engine(client: RegistryClient) -> str:
    """Return under what the memory keeps what the engine knows of a registry."""
    return f"engine@{client.registry}"


def _spent() -> NoReturn:
    """Refuse to read a part of a stream a second time."""
    raise _SpentError
