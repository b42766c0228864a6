"""Blobs and manifests on their way to a registry: content first, by digest, then the tag.

`send` takes an archive's image and `send_local` one from a docker engine; both leave out the tag. `write_tag` writes
it and checks it; `add_tags` lets more tags name the same image. `BlobMemory` remembers what need not be done again.

Each file uses only those above it:

    model         what publishing takes from the builder, and what it hands on
    manifests     the manifest of an image that has none yet
    compress      a layer compressed with all processors, always to the same bytes
    progress      how far a transfer is, in the resource's row
    jobs          several things side by side
    blob_memory   which layer became which blob, and who has it
    streaming     blobs out of one stream, several at once, in bounded memory
    push_method   how an image leaves an engine: by the engine's own push, or saved through our client
    tag_watch     a tag guarded while an engine pushes
    destination   one repository: whether a blob is there, is mounted, or is sent
    layers        a layer on its way: verified, compressed unless it is already
    saved_stream  what an engine saves, read once, and its config
    choice        which platforms of an image are copied
    send          an archive's image; `local` an engine's, `copy` one of a registry
    base_image    the layers of a base image that the registry serves need not be sent
    tags          tags: last, checked, never over something else
"""

from image_assets.transfer.base_image import PulledImage, base_layers
from image_assets.transfer.blob_memory import BlobMemory
from image_assets.transfer.choice import chosen, platform_of
from image_assets.transfer.copy import copy, copy_referrers, tree
from image_assets.transfer.local import send_local
from image_assets.transfer.manifests import index_of
from image_assets.transfer.model import LocalImage, Sent, Source
from image_assets.transfer.send import send
from image_assets.transfer.tags import (
    Expected,
    add_tags,
    expected_of,
    move_tag,
    refuse_other_image,
    stored_manifest,
    write_tag,
)

__all__ = [
    "BlobMemory",
    "Expected",
    "LocalImage",
    "PulledImage",
    "Sent",
    "Source",
    "add_tags",
    "base_layers",
    "chosen",
    "copy",
    "copy_referrers",
    "expected_of",
    "index_of",
    "move_tag",
    "platform_of",
    "refuse_other_image",
    "send",
    "send_local",
    "stored_manifest",
    "tree",
    "write_tag",
]
