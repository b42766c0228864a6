"""Copying an image from one repository to another, digests unchanged; no tag is written.

Blobs that the other registry has, or can take from another of its repositories, are not sent; the rest is streamed from
the one to the other, several at once, and touches no disk.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from image_assets.errors import RegistryError
from image_assets.oci import Manifest, RegistryClient
from image_assets.oci.media_types import KNOWN
from image_assets.oci.referrers import subject_of
from image_assets.task import Task
from image_assets.transfer.blob_memory import BlobMemory
from image_assets.transfer.destination import Content, Destination
from image_assets.transfer.jobs import jobs_of
from image_assets.transfer.model import Sent, Source
from image_assets.transfer.progress import Progress

_MISSING: Final = 404
#: Layers that a registry need not have, as they are elsewhere (OCI image spec, "Non-Distributable Layers").
_ELSEWHERE: Final = ("nondistributable", "foreign")
#: How cosign names what it attaches to an image, beside what refers to it (cosign, "Signature Specification").
_COSIGN: Final = (".sig", ".att", ".sbom")


def copy(  # noqa: PLR0913, PLR0917 - from where, where to, and how
    source: Source,
    client: RegistryClient,
    repository_path: str,
    task: Task,
    memory: BlobMemory,
    top: Manifest | None = None,
) -> Sent:
    """Make a repository hold an image that another one has.

    Args:
        source: The image.
        client: The registry that gets it.
        repository_path: The repository's name inside that.
        task: Shows how far it is, and stops it.
        memory: What earlier runs learnt.
        top: What the copy has on top, if not the source's own manifest or index (see `chosen`).

    Raises:
        RegistryError: One of the registries refused or failed, or the source is not whole.
        CancelledByUserError: The user cancelled.
    """
    top = top or source.client.get_manifest(source.path, source.digest)
    copy_manifests(source, tuple(tree(source, top)), client, repository_path, task, memory)
    return Sent(top, ())


def copy_manifests(  # noqa: PLR0913, PLR0917 - as above
    source: Source,
    manifests: Sequence[Manifest],
    client: RegistryClient,
    repository_path: str,
    task: Task,
    memory: BlobMemory,
) -> None:
    """Make a repository hold manifests, each after what it names, with their blobs.

    Raises:
        RegistryError: One of the registries refused or failed.
        CancelledByUserError: The user cancelled.
    """
    blobs = {blob["digest"]: blob for manifest in manifests for blob in blobs_of(manifest)}
    for digest in blobs:
        memory.note_repository(source.client.registry, digest, source.path)
    with jobs_of(task) as jobs:
        destination = Destination(client, repository_path, memory, jobs)
        progress = Progress(task, sum(blob["size"] for blob in blobs.values()))
        # The largest first, so that none is left over in the end.
        ordered = sorted(blobs.values(), key=lambda blob: -blob["size"])
        jobs.all([partial(copy_blob, source, destination, blob, progress) for blob in ordered])
    for manifest in manifests:
        task.check()
        named = manifest.descriptor
        # What says whom it is about is listed with that one by being stored, so it is, even again.
        if subject_of(manifest.content) or not client.find_to_write(repository_path, named.digest):
            client.put_manifest(repository_path, named.digest, manifest.content, named.media_type)
    memory.save()


def copy_referrers(  # noqa: PLR0913, PLR0917 - as above
    source: Source, digests: Sequence[str], client: RegistryClient, repository_path: str, task: Task, memory: BlobMemory
) -> None:
    """Copy what refers to some manifests, and what refers to that: signatures, SBOMs and the like.

    Raises:
        RegistryError: One of the registries refused or failed.
        CancelledByUserError: The user cancelled.
    """
    seen, waiting = set(digests), list(digests)
    while waiting:
        task.check()
        subject = waiting.pop(0)
        for digest in source.client.list_referrers(source.path, subject):
            if digest not in seen:
                seen.add(digest)
                waiting.append(digest)
                top = source.client.get_manifest(source.path, digest)
                copy_manifests(source, tuple(tree(source, top)), client, repository_path, task, memory)
        for suffix in _COSIGN:
            tag = subject.replace(":", "-") + suffix
            if found := source.client.find_beside(source.path, tag):
                top = source.client.get_manifest(source.path, found.digest)
                copy_manifests(source, tuple(tree(source, top)), client, repository_path, task, memory)
                client.put_manifest(repository_path, tag, top.content, top.descriptor.media_type)


def tree(source: Source, top: Manifest) -> Iterator[Manifest]:
    """Yield a manifest after everything that it names (OCI image spec, "Image Index").

    Raises:
        RegistryError: The registry has not got all of it, refused or failed.
    """
    for child in children_of(top):
        yield from tree(source, _child(source, top, child))
    yield top


def children_of(manifest: Manifest) -> list[str]:
    """Return the digests of the manifests that an index names."""
    listed = json.loads(manifest.content).get("manifests", ())
    return [one["digest"] for one in listed if one.get("mediaType", "") in {*KNOWN, ""}]


def _child(source: Source, top: Manifest, digest: str) -> Manifest:
    try:
        return source.client.get_manifest(source.path, digest)
    except RegistryError as error:
        if error.status == _MISSING:
            text = (
                f"{source.name} is not whole: its index {top.descriptor.digest} names {digest}, which the registry has "
                f"not got; give the platforms that are there in `platforms`, or another source ({error})"
            )
            error.args = (text,)
        raise


def blobs_of(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Return the descriptors of config and layers; of an index, of what is no manifest (BuildKit's cache)."""
    document = json.loads(manifest.content)
    named = [
        *([document["config"]] if "config" in document else ()),
        *document.get("layers", ()),
        *(one for one in document.get("manifests", ()) if one.get("mediaType", "") not in {*KNOWN, ""}),
    ]
    return [one for one in named if not any(kind in str(one.get("mediaType")) for kind in _ELSEWHERE)]


def copy_blob(source: Source, destination: Destination, blob: Mapping[str, Any], progress: Progress) -> None:
    """Copy one blob unless it is there or can be mounted."""
    report = progress.counter()
    if not destination.has(blob["digest"], blob["size"]):
        read = partial(source.client.get_blob, source.path, blob["digest"], blob["size"])
        with destination.alone(blob["digest"]) as sent_before:
            if not (sent_before and destination.has(blob["digest"], blob["size"])):
                destination.upload(Content(read, blob["digest"], blob["size"]))
    report(blob["size"])
