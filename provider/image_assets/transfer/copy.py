"""Copying an image from one repository to another, digests unchanged; no tag is written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from image_assets.oci import Manifest, RegistryClient
from image_assets.task import Task
from image_assets.transfer.blob_memory import BlobMemory
from image_assets.transfer.destination import Content, Destination
from image_assets.transfer.jobs import jobs_of
from image_assets.transfer.model import Sent
from image_assets.transfer.progress import Progress


@dataclass(frozen=True)
class Source:
    """An image that a registry serves.

    Attributes:
        client: The registry.
        path: The repository's name inside it.
        digest: The manifest's or index's digest.
    """

    client: RegistryClient
    path: str
    digest: str


def copy(source: Source, client: RegistryClient, repository_path: str, task: Task, memory: BlobMemory) -> Sent:
    """Make a repository hold an image that another one has; blobs of the same registry are mounted, not sent.

    Raises:
        RegistryError: One of the registries refused or failed.
        CancelledByUserError: The user cancelled.
    """
    manifests = tuple(tree(source, source.digest))
    blobs = {blob["digest"]: blob for manifest in manifests for blob in blobs_of(manifest)}
    for digest in blobs:
        memory.note_repository(source.client.registry, digest, source.path)
    with jobs_of(task) as jobs:
        destination = Destination(client, repository_path, memory, jobs)
        progress = Progress(task, sum(blob["size"] for blob in blobs.values()))
        jobs.all([partial(copy_blob, source, destination, blob, progress) for blob in blobs.values()])
    for manifest in manifests:
        named = manifest.descriptor
        client.put_manifest(repository_path, named.digest, manifest.content, named.media_type)
    memory.save()
    return Sent(manifests[-1], ())


def tree(source: Source, digest: str) -> Iterator[Manifest]:
    """Yield a manifest after everything that it names (OCI image spec, "Image Index")."""
    manifest = source.client.get_manifest(source.path, digest)
    for child in json.loads(manifest.content).get("manifests", ()):
        yield from tree(source, child["digest"])
    yield manifest


def blobs_of(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Return the descriptors of a manifest's config and layers; an index has none."""
    document = json.loads(manifest.content)
    return [*([document["config"]] if "config" in document else []), *document.get("layers", ())]


def copy_blob(source: Source, destination: Destination, blob: Mapping[str, Any], progress: Progress) -> None:
    """Copy one blob unless it is there or can be mounted."""
    report = progress.counter()
    if not destination.has(blob["digest"], blob["size"]):
        read = partial(source.client.get_blob, source.path, blob["digest"], blob["size"])
        with destination.alone(blob["digest"]) as sent_before:
            if not (sent_before and destination.has(blob["digest"], blob["size"])):
                destination.upload(Content(read, blob["digest"], blob["size"]))
    report(blob["size"])
