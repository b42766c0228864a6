"""Making the manifest of an image that has none yet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from image_assets.archive import Packing
from image_assets.oci.media_types import DOCKER_MANIFEST, OCI_MANIFEST
from image_assets.oci.model import Descriptor, Manifest, digest_of


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
