"""Publishing an image: content first, by digest, then the tag.

`send` takes an archive's image and `send_local` one from a docker engine; both leave out the tag. `write_tag` writes
it and checks it; `add_tags` lets more tags name the same image. `BlobMemory` remembers what need not be done again.

Row by row, each file using only those above it:

    model · manifests · compress · progress · jobs
    blob_memory · streaming · push_method · tag_watch
    destination     one repository
    layers          one layer: verified, compressed
    saved_stream · saved_config    what an engine saves
    choice                      which platforms of it
    send · local · copy · base_image    an image
    tags
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
    find_tag,
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
    "find_tag",
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
