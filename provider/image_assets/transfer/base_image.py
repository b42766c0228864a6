"""Learning from a base image that the registry serves: its layers need not be sent, under whatever repository.

Without this, an image built on a base that somebody else published would bring the base's layers a second time, packed
by us and so under other digests.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from image_assets.archive import Packing
from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.errors import RegistryError
from image_assets.oci import RegistryClient
from image_assets.transfer.blob_memory import BlobMemory, PackedLayer
from image_assets.transfer.layers import ANY

#: How much real layers shrink in gzip; only for guessing how long a layer is.
_USUAL_RATIO = 3
_PACKINGS = {"gzip": Packing.GZIP, "zstd": Packing.ZSTD}
#: Children of an index that are looked at; base images have about ten platforms.
_MOST_CHILDREN = 40


def base_layers(
    client: RegistryClient, repository_path: str, reference: str, diff_ids: Sequence[str], memory: BlobMemory
) -> dict[str, int]:
    """Remember the blobs of a base image's layers, if an image begins with these layers.

    Args:
        client: The registry of the base image.
        repository_path: The base image's repository inside it.
        reference: The base image's tag or digest.
        diff_ids: The layers of the image that was built on it.
        memory: Where to remember them.

    Returns:
        The layers that both have: bytes (guessed) by diff ID. None if the registry does not say; that is no error.
    """
    try:
        return _base_layers(client, repository_path, reference, diff_ids, memory)
    except (RegistryError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _base_layers(
    client: RegistryClient, path: str, reference: str, diff_ids: Sequence[str], memory: BlobMemory
) -> dict[str, int]:
    """Remember the layers of the first image that fits."""
    for manifest in _images(client, path, reference):
        config = json.loads(_small_blob(client, path, manifest["config"]))
        base, layers = config["rootfs"]["diff_ids"], manifest["layers"]
        if base and len(base) == len(layers) and list(diff_ids[: len(base)]) == base:
            return dict(_note(client.registry, path, *pair, memory) for pair in zip(base, layers, strict=True))
    return {}


def _images(client: RegistryClient, path: str, reference: str) -> Iterator[dict[str, Any]]:
    """Yield the manifests of an image, or of all images of an index."""
    document = json.loads(client.get_manifest(path, reference).content)
    children = document.get("manifests")
    if children is None:
        yield document
        return
    for child in children[:_MOST_CHILDREN]:
        if child.get("platform", {}).get("architecture") != "unknown":
            yield json.loads(client.get_manifest(path, child["digest"]).content)


def _small_blob(client: RegistryClient, path: str, descriptor: dict[str, Any]) -> bytes:
    """Read an image's config."""
    if descriptor["size"] > MAX_DOCUMENT_BYTES:
        raise ValueError("the config is too large")
    return b"".join(client.get_blob(path, descriptor["digest"], descriptor["size"]))


def _note(registry: str, path: str, diff_id: str, layer: dict[str, Any], memory: BlobMemory) -> tuple[str, int]:
    """Remember one layer."""
    packing = _PACKINGS[layer["mediaType"].replace("+", ".").rpartition(".")[2]]
    guess = layer["size"] * _USUAL_RATIO
    if memory.layer(diff_id, ANY) is None:
        memory.remember(diff_id, ANY, PackedLayer(layer["digest"], layer["size"], packing.value, guess, exact=False))
    memory.note_repository(registry, layer["digest"], path)
    return diff_id, guess
