"""The two shapes in which an archive holds an image."""

from image_assets.archive.packing import Packing
from image_assets.archive.tar import Member
from image_assets.frozen import dataclass
from image_assets.oci.model import Descriptor, Manifest


@dataclass(frozen=True)
class Layer:
    """One layer of a docker-save image.

    Attributes:
        diff_id: The digest of the layer's plain tar (OCI image spec, "Layer DiffID").
        member: Where the archive holds it.
        packing: How it is packed there; `docker save` packs nothing, jib and rules_docker use gzip.
    """

    diff_id: str
    member: Member
    packing: Packing


@dataclass(frozen=True)
class SavedImage:
    """An image of a docker-save archive: it has no manifest yet, its config names it.

    Attributes:
        config: The config, byte for byte.
        digest: The config's digest, which is the image's ID in Docker.
        layers: From the base upwards.
        platform: `os/architecture[/variant]`, None if the config does not say.
    """

    config: bytes
    digest: str
    layers: tuple[Layer, ...]
    platform: str | None


@dataclass(frozen=True)
class Blob:
    """A blob of an OCI image layout, sent as it is.

    Attributes:
        descriptor: As the manifest names it.
        member: Where the archive holds it.
    """

    descriptor: Descriptor
    member: Member


@dataclass(frozen=True)
class LayoutImage:
    """An image or an index of an OCI image layout, kept byte for byte.

    Attributes:
        top: The manifest or index that was selected.
        children: What the index leads to, in an order in which a registry takes it.
        referrers: Manifests whose `subject` is one of the above (OCI image spec, "subject"), and what they lead to.
        blobs: Everything these name, each once.
        platforms: The platforms of the images in it.
    """

    top: Manifest
    children: tuple[Manifest, ...]
    referrers: tuple[Manifest, ...]
    blobs: tuple[Blob, ...]
    platforms: tuple[str, ...]
