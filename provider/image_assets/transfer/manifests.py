"""Making the manifest of an image that has none yet."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from image_assets.archive import Packing
from image_assets.frozen import dataclass
from image_assets.oci.media_types import DOCKER_LIST, DOCKER_MANIFEST, INDEXES, OCI_INDEX, OCI_MANIFEST
from image_assets.oci.model import Descriptor, Manifest, digest_of
from image_assets.platforms import normal


@dataclass(frozen=True)
class Names:
    """The media types of one family.

    Attributes:
        manifest: Of the manifest.
        config: Of the image's config.
        layers: Of a layer, by its packing.
    """

    manifest: str
    config: str
    layers: dict[Packing, str]


#: "Image Manifest V2, Schema 2": what `docker push` writes, and what every runtime takes.
_DOCKER = Names(
    DOCKER_MANIFEST,
    "application/vnd.docker.container.image.v1+json",
    {Packing.GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip"},
)
#: OCI image spec, "Media Types".
_OCI = Names(
    OCI_MANIFEST,
    "application/vnd.oci.image.config.v1+json",
    {
        Packing.GZIP: "application/vnd.oci.image.layer.v1.tar+gzip",
        Packing.ZSTD: "application/vnd.oci.image.layer.v1.tar+zstd",
    },
)


@dataclass(frozen=True)
class SentLayer:
    """A layer as the registry holds it.

    Attributes:
        digest: Of the packed layer.
        size: Of the packed layer, in bytes.
        packing: Gzip or zstd.
    """

    digest: str
    size: int
    packing: Packing


@dataclass(frozen=True)
class SentConfig:
    """An image's config as the registry holds it.

    Attributes:
        digest: Its digest.
        size: Its length in bytes.
    """

    digest: str
    size: int


def image_manifests(config: SentConfig, layers: Sequence[SentLayer]) -> tuple[Manifest, ...]:
    """Make the manifest, in each family that has names for it, the first choice first.

    The same blobs always give the same bytes. Some registries take only one family.
    """
    return tuple(
        _manifest(names, config, layers)
        for names in (_DOCKER, _OCI)
        if all(layer.packing in names.layers for layer in layers)
    )


def _manifest(names: Names, config: SentConfig, layers: Sequence[SentLayer]) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": names.manifest,
        "config": {"mediaType": names.config, "size": config.size, "digest": config.digest},
        "layers": [
            {"mediaType": names.layers[layer.packing], "size": layer.size, "digest": layer.digest} for layer in layers
        ],
    }
    content = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(Descriptor(names.manifest, digest_of(content), len(content), raw=document), content)


def index_of(images: Mapping[str, Manifest]) -> Manifest:
    """Make the index of images by platform (OCI image spec, "OCI Image Index Specification").

    What is an index itself, as of an image with attestations, gives its entries.
    """
    entries = [entry for platform, image in images.items() for entry in _entries(platform, image)]
    is_docker = all(entry["mediaType"] == DOCKER_MANIFEST for entry in entries)
    media_type = DOCKER_LIST if is_docker else OCI_INDEX
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    content = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(Descriptor(media_type, digest_of(content), len(content), raw=document), content)


def _entries(platform: str, image: Manifest) -> list[dict[str, Any]]:
    described = image.descriptor
    if described.media_type in INDEXES:
        return list(json.loads(image.content)["manifests"])
    named = dict(zip(("os", "architecture", "variant"), normal(platform).split("/"), strict=False))
    media_type, digest, size = described.media_type, described.digest, described.size
    return [{"mediaType": media_type, "digest": digest, "size": size, "platform": named}]
