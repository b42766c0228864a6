"""Learning from a base image that the registry serves: its layers need not be sent, under whatever repository.

Without this, an image built on a base that somebody else published would bring the base's layers a second time, packed
by us and so under other digests.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.errors import RegistryError
from image_assets.frozen import dataclass
from image_assets.oci import Manifest, RegistryClient
from image_assets.transfer.blob_memory import BlobMemory, PackedLayer
from image_assets.transfer.layers import ANY, packing_named

#: How much real layers shrink in gzip; only for guessing how long a layer is.
_USUAL_RATIO = 3
#: Children of an index that are looked at; base images have about ten platforms.
_MOST_CHILDREN = 40

Layers = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class PulledImage:
    """What an engine knows of an image that it pulled from, or pushed to, a repository.

    Attributes:
        image_id: The digest of its config; with containerd's store, of its manifest or index.
        diff_ids: The digests of the plain layers, the lowest first; the engine has checked them.
        digests: Of the manifests or indexes by which it knows the image in that repository (`RepoDigests`).
    """

    image_id: str
    diff_ids: tuple[str, ...]
    digests: tuple[str, ...]


def base_layers(  # noqa: PLR0913, PLR0917 - the image in the registry, and what is known of it here
    client: RegistryClient,
    repository_path: str,
    reference: str,
    diff_ids: Sequence[str],
    memory: BlobMemory,
    pulled: PulledImage | None = None,
) -> dict[str, int]:
    """Find the layers that an image has from a base image in a registry.

    That an image in the registry says so is good enough for choosing how to send; what its blobs are is remembered only
    if the engine has pulled just that manifest, and so unpacked those blobs to these layers.

    Args:
        client: The registry of the base image.
        repository_path: The base image's repository inside it.
        reference: The base image's tag or digest.
        diff_ids: The layers of the image that was built on it.
        memory: Where to remember them.
        pulled: What the engine knows of the base image.

    Returns:
        The layers that both have: bytes (guessed) by diff ID. None if the registry does not say; that is no error.
    """
    for one in (*(pulled.digests if pulled else ()), reference):
        with suppress(RegistryError, ValueError, KeyError, TypeError, AttributeError):
            if found := _base_layers(client, repository_path, one, diff_ids, memory, pulled):
                return found
    return {}


def _base_layers(  # noqa: PLR0913, PLR0917 - as above
    client: RegistryClient,
    path: str,
    reference: str,
    diff_ids: Sequence[str],
    memory: BlobMemory,
    pulled: PulledImage | None,
) -> dict[str, int]:
    """Look at the image, or at all images of an index."""
    top = client.get_manifest(path, reference)
    fitting = [
        (manifest, layers)
        for manifest in _images(client, path, top)
        if (layers := _layers_of(client, path, manifest, diff_ids))
    ]
    if len(fitting) == 1 and pulled and _is_pulled(top, *fitting[0], pulled):
        for diff_id, layer in fitting[0][1]:
            _remember(client.registry, path, diff_id, layer, memory)
    return {diff_id: layer["size"] * _USUAL_RATIO for _, layers in fitting[:1] for diff_id, layer in layers}


def _layers_of(client: RegistryClient, path: str, manifest: Manifest, diff_ids: Sequence[str]) -> Layers:
    """Return an image's layers with their diff IDs, if the other image begins with these."""
    document = json.loads(manifest.content)
    config = json.loads(_small_blob(client, path, document["config"]))
    base, layers = config["rootfs"]["diff_ids"], document["layers"]
    fits = base and len(base) == len(layers) and list(diff_ids[: len(base)]) == base
    return list(zip(base, layers, strict=True)) if fits else []


def _is_pulled(top: Manifest, manifest: Manifest, layers: Layers, pulled: PulledImage) -> bool:
    """Say whether this is the manifest that the engine has the image from."""
    config = json.loads(manifest.content)["config"]["digest"]
    is_same = pulled.image_id in {config, manifest.descriptor.digest, top.descriptor.digest}
    return is_same and top.descriptor.digest in pulled.digests and pulled.diff_ids == tuple(one for one, _ in layers)


def _images(client: RegistryClient, path: str, top: Manifest) -> Iterator[Manifest]:
    """Yield the manifest of an image, or of all images of an index."""
    children = json.loads(top.content).get("manifests")
    if children is None:
        yield top
        return
    for child in children[:_MOST_CHILDREN]:
        if child.get("platform", {}).get("architecture") != "unknown":
            yield client.get_manifest(path, child["digest"])


def _small_blob(client: RegistryClient, path: str, descriptor: dict[str, Any]) -> bytes:
    """Read an image's config."""
    if descriptor["size"] > MAX_DOCUMENT_BYTES:
        raise ValueError("the config is too large")
    return b"".join(client.get_blob(path, descriptor["digest"], descriptor["size"]))


def _remember(registry: str, path: str, diff_id: str, layer: dict[str, Any], memory: BlobMemory) -> None:
    """Remember one layer."""
    if memory.layer(diff_id, ANY) is None:
        guess, packing = layer["size"] * _USUAL_RATIO, packing_named(layer)
        memory.remember(diff_id, ANY, PackedLayer(layer["digest"], layer["size"], packing.value, guess, exact=False))
    memory.note_repository(registry, layer["digest"], path)
