"""Publishing an image: content first, by digest, then the tag.

`send` takes an archive's image and `send_local` one from a docker engine; both leave out the tag. `write_tag` writes
it and checks it; `add_tags` lets more tags name the same image. `KnownBlobs` remembers what need not be done again.

Row by row, each file using only those above it:

    model · manifests · compress · progress · jobs
    known · feed
    destination     one repository
    layers          one layer: verified, compressed
    send · local · copy · learn    an image
    tags
"""

from image_assets.transfer.copy import Source, copy
from image_assets.transfer.known import KnownBlobs
from image_assets.transfer.learn import learn
from image_assets.transfer.local import send_local
from image_assets.transfer.model import LocalImage, Sent
from image_assets.transfer.send import send
from image_assets.transfer.tags import Expected, add_tags, check_tag, holds, write_tag

__all__ = [
    "Expected",
    "KnownBlobs",
    "LocalImage",
    "Sent",
    "Source",
    "add_tags",
    "check_tag",
    "copy",
    "holds",
    "learn",
    "send",
    "send_local",
    "write_tag",
]
