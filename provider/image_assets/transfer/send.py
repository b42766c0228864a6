"""Sending an archive's image: everything but the tag.

what the registry has is asked for, side by side -> what is missing is sent, several at once
-> the manifests, what is named before what names it
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from image_assets.archive import Archive, Blob, Layer, LayoutImage, Member, Passing, SavedImage
from image_assets.oci import Manifest, RegistryClient
from image_assets.task import Task
from image_assets.transfer.blob_memory import BlobMemory, PackedLayer, saving
from image_assets.transfer.destination import Content, Destination
from image_assets.transfer.jobs import jobs_of
from image_assets.transfer.layers import Raw, counted, recounted, send_layer
from image_assets.transfer.manifests import SentConfig, image_manifests
from image_assets.transfer.model import Sent
from image_assets.transfer.progress import Progress
from image_assets.transfer.streaming import send_while_reading

P = TypeVar("P")
R = TypeVar("R")
Read = Callable[[], Iterator[bytes]]
Report = Callable[[int], None]
SendBlob = Callable[[P, Read, Report], R]


def send(
    archive: Archive,
    client: RegistryClient,
    repository_path: str,
    task: Task,
    memory: BlobMemory | None = None,
) -> Sent:
    """Make the registry hold an archive's image, by digest; no tag is written.

    Args:
        archive: The open archive.
        client: The registry.
        repository_path: The repository's name inside the registry.
        task: Shows how far it is, and stops it.
        memory: What earlier runs learnt; the user's own memory unless given.

    Raises:
        ArchiveError: Content is not what the archive says it is.
        RegistryError: The registry refused or failed.
        CancelledByUserError: The user cancelled.
    """
    memory = memory or BlobMemory.of_user()
    with saving(memory), jobs_of(task) as jobs:
        sender = _Sender(archive, Destination(client, repository_path, memory, jobs), task)
        manifest = (
            sender.saved(archive.image) if isinstance(archive.image, SavedImage) else sender.layout(archive.image)
        )
    return Sent(manifest, archive.platforms)


class _Sender:
    """Sends one archive to one repository."""

    def __init__(self, archive: Archive, destination: Destination, task: Task) -> None:
        self._archive = archive
        self._destination = destination
        self._jobs = destination.jobs
        self._task = task

    def saved(self, image: SavedImage) -> Manifest:
        """Send a docker-save image, and make its manifest."""
        layers = {layer.diff_id: layer for layer in image.layers}
        provided = self._jobs.start(lambda: self._destination.provide(image.config))
        there = self._jobs.all([partial(self._find, layer) for layer in layers.values()])
        config = SentConfig(image.digest, len(image.config))
        provided.result()
        missing = [layer for layer, found in zip(layers.values(), there, strict=True) if found is None]
        sent = self._send_all(missing, lambda layer: layer.member, self._send_layer)
        found = {diff_id: layer for diff_id, layer in zip(layers, there, strict=True) if layer}
        found |= {layer.diff_id: sent[layer.member] for layer in missing}
        return self._destination.put(image_manifests(config, [found[layer.diff_id].sent for layer in image.layers]))

    def layout(self, image: LayoutImage) -> Manifest:
        """Send an image or index of an OCI layout, byte for byte."""
        has = self._jobs.all([partial(self._has, blob) for blob in image.blobs])
        missing = [blob for blob, there in zip(image.blobs, has, strict=True) if not there]
        self._send_all(missing, lambda blob: blob.member, self._send_blob)
        for manifest in (*image.children, image.top, *image.referrers):
            self._destination.put([manifest])
        return image.top

    def _find(self, layer: Layer) -> PackedLayer | None:
        """Ask the registry for a layer whose blob is known."""
        packed = self._destination.memory.layer(layer.diff_id, self._raw(layer).variant)
        return packed if packed and self._destination.has(packed.digest, packed.size) else None

    def _has(self, blob: Blob) -> bool:
        """Ask the registry for a blob of a layout."""
        return self._destination.has(blob.descriptor.digest, blob.descriptor.size)

    def _send_all(self, blobs: Sequence[P], member_of: Callable[[P], Member], send: SendBlob[P, R]) -> dict[Member, R]:
        """Send blobs side by side: by offset where the archive can, else in the order in which they stand."""
        progress = Progress(self._task, sum(member_of(blob).size for blob in blobs))
        send_each = self._send_forwards if self._archive.forwards else self._send_by_offset
        return send_each({member_of(blob): blob for blob in blobs}, send, progress)

    def _send_by_offset(self, blobs: Mapping[Member, P], send: SendBlob[P, R], progress: Progress) -> dict[Member, R]:
        """Send blobs that can be read at any time, the largest first, so that none is left over in the end."""
        ordered = sorted(blobs, key=lambda member: -member.size)
        sends = [
            partial(send, blobs[member], partial(self._archive.read, member), progress.counter()) for member in ordered
        ]
        return dict(zip(ordered, self._jobs.all(sends), strict=True))

    def _send_forwards(self, blobs: Mapping[Member, P], send: SendBlob[P, R], progress: Progress) -> dict[Member, R]:
        """Send blobs while they are unpacked."""
        futures = {}
        for member, chunks in self._archive.stream(blobs):
            start = partial(_start, send, blobs[member], progress.counter())
            futures[member] = send_while_reading(self._jobs, chunks, partial(self._archive.read, member), start)
        self._jobs.settle()
        return {member: future.result() for member, future in futures.items()}

    def _send_layer(self, layer: Layer, read: Read, report: Report) -> PackedLayer:
        """Send one layer, unless another image of this process has just done so."""
        raw = recounted(self._raw(layer, read), report, self._jobs.check)
        with self._destination.alone(raw.identity(layer.diff_id)):
            return self._find(layer) or send_layer(raw, self._destination)[1]

    def _send_blob(self, blob: Blob, read: Read, report: Report) -> None:
        """Send one blob as it is, unless another image of this process has just done so."""
        descriptor = blob.descriptor

        def opened() -> Iterator[bytes]:
            passing = Passing([descriptor.digest], blob.member.name)
            return counted(passing.through(read()), report, self._jobs.check)

        with self._destination.alone(descriptor.digest) as sent_before:
            if not (sent_before and self._has(blob)):
                self._destination.upload(Content(opened, descriptor.digest, descriptor.size))

    def _raw(self, layer: Layer, read: Read | None = None) -> Raw:
        """Describe a layer to whoever packs it."""
        member = layer.member
        read = read or partial(self._archive.read, member)
        return Raw(read, layer.packing, member.size, (layer.diff_id,), member.name)


def _start(send: SendBlob[P, R], blob: P, report: Report, read: Read) -> R:
    """Send a blob; the argument that comes to be known last stands last."""
    return send(blob, read, report)
