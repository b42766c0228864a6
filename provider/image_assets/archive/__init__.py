"""Image archives: docker-save and OCI-layout tars, or the directory of one, read in place.

opened      START HERE: which of its images is meant (`selection`), and what that image's identity is
docker_save `manifest.json`, configs and layers; `oci_layout` `index.json`; `documents` their JSON, `image` the result
contents    what the file holds, by name: a `tar`, packed (`packing`, `stream`, `memo`), or a `directory`
digests     checking content against its digest; `refusal` how an archive is refused

The file may be plain or packed (`packing`); what it is decides its content, not its name.
Nothing is unpacked to disk: a plain tar is read by offset, a packed one in passes from front to back. What a member is
decide the archive's lists, never its first bytes.

**Identity.** An image's identity is a digest that does not depend on how or when the archive was written:

* An archive with `manifest.json` (docker save, jib, kaniko, Bazel, Nix, skopeo's `docker-archive:`): the digest of the
  selected image's config, which is the image's ID in Docker. The config names the layers by the digests of their
  plain tars, so packing, times and file names do not count.
* An archive with `index.json` only (OCI image layout): the digest of the selected manifest or index.
* Both (`docker save` since 25, BuildKit's `type=docker`): as the first; but if every image in `index.json` is an index
  of several platforms and is there whole, as the second, because `manifest.json` would lose platforms.

An image of the first kind gets a manifest when it is published (Docker's "Image Manifest V2, Schema 2", as `docker
push` writes it; OCI if a layer is packed with zstd, which Docker's has no type for). One of the second kind is
published byte for byte. A directory gives what the tar of it gives.

Whatever is wrong with an archive raises `ArchiveError` that names the archive and the member.
"""

from image_assets.archive.digests import OtherContentError, Passing
from image_assets.archive.image import Blob, Layer, LayoutImage, SavedImage
from image_assets.archive.opened import Archive, open_archive
from image_assets.archive.packing import Packing
from image_assets.archive.tar import Member

__all__ = [
    "Archive",
    "Blob",
    "Layer",
    "LayoutImage",
    "Member",
    "OtherContentError",
    "Packing",
    "Passing",
    "SavedImage",
    "open_archive",
]
