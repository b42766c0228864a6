"""The docker-save side of an archive: `manifest.json`, configs and layers.

Format: moby `image/tarexport` (`manifestItem`); jib, rules_docker, kaniko, Nix and skopeo write it too, with other
file names, so nothing is read from a file's name but a digest that it must then have.
"""

import re
from collections.abc import Sequence

from image_assets.archive import documents
from image_assets.archive.contents import Contents
from image_assets.archive.digests import check
from image_assets.archive.documents import Document
from image_assets.archive.image import Layer, SavedImage
from image_assets.archive.refusal import quoted, refuse
from image_assets.archive.selection import Candidate
from image_assets.archive.tar import Member, normalised
from image_assets.oci.model import digest_of

#: The document that makes an archive a docker-save one.
MANIFEST = "manifest.json"
_MAX_IMAGES = 1000
#: Docker's own limit is 127 layers; buildah and Nix go higher.
_MAX_LAYERS = 1000
#: Of all images together, however often one is named.
_MAX_ALL_LAYERS = 100_000
#: All configs together; one has some kilobytes.
_MAX_CONFIG_BYTES = 16 << 20
_HEX_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def candidates(contents: Contents, manifest: Member) -> list[Candidate[SavedImage]]:
    """Read all images that the archive lists.

    Raises:
        ArchiveError: A document is damaged, or a config or layer is missing.
    """
    items = documents.parse(contents.document(manifest), MANIFEST)
    if isinstance(items, dict) and "schemaVersion" in items:
        reason = "is one image's manifest, as skopeo's `dir:` writes it"
        raise refuse(reason, MANIFEST, remedy="write `oci:` or `docker-archive:`")
    if not (isinstance(items, list) and 0 < len(items) <= _MAX_IMAGES):
        raise refuse(f"does not list between 1 and {_MAX_IMAGES} images", MANIFEST)
    reader = _Reader(contents)
    return [reader.candidate(documents.as_object(item, MANIFEST, f"[{at}]")) for at, item in enumerate(items)]


class _Reader:
    """Reads images, each part once however many images have it, and not more than any archive holds."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._configs: dict[str, tuple[bytes, Document]] = {}
        self._layers: dict[tuple[str, str], Layer] = {}
        self._config_bytes = 0
        self._named_layers = 0

    def candidate(self, item: Document) -> Candidate[SavedImage]:
        """Read one image."""
        names = documents.texts(item.get("RepoTags"), MANIFEST, "RepoTags")
        image = self._image(item)
        return Candidate(names, (image.digest,), image)

    def _image(self, item: Document) -> SavedImage:
        """Read an image's config and find its layers."""
        name = documents.text(item, "Config", MANIFEST)
        content, config = self._config(name)
        diff_ids, files = _diff_ids(config, name), documents.texts(item.get("Layers"), MANIFEST, "Layers")
        if len(diff_ids) != len(files):
            raise refuse(f"lists {len(files)} layers, but the config {quoted(name)} has {len(diff_ids)}", MANIFEST)
        self._named_layers += len(files)
        if self._named_layers > _MAX_ALL_LAYERS:
            raise refuse(f"lists more than {_MAX_ALL_LAYERS:,} layers", MANIFEST)
        return SavedImage(
            config=content,
            digest=digest_of(content),
            layers=tuple(self._layer(*pair) for pair in zip(diff_ids, files, strict=True)),
            platform=documents.platform_of(config, name),
        )

    def _config(self, name: str) -> tuple[bytes, Document]:
        """Read a config, and compare it with the digest in its name, if its name has one."""
        if name not in self._configs:
            member = _find(self._contents, name, "config")
            self._config_bytes += member.size
            if self._config_bytes > _MAX_CONFIG_BYTES:
                raise refuse(f"names more than {_MAX_CONFIG_BYTES >> 20} MiB of configs", MANIFEST)
            content = self._contents.document(member)
            if named := _HEX_DIGEST.search(name):
                check(content, f"sha256:{named.group()}", name)
            self._configs[name] = content, documents.parse_object(content, name)
        return self._configs[name]

    def _layer(self, diff_id: str, name: str) -> Layer:
        """Find one layer and recognise its packing."""
        if (diff_id, name) not in self._layers:
            member = _find(self._contents, name, "layer")
            self._layers[diff_id, name] = Layer(diff_id, member, self._contents.packing(member))
        return self._layers[diff_id, name]


def _diff_ids(config: Document, name: str) -> Sequence[str]:
    """Return the layers' digests (OCI image spec, "Image Configuration", `rootfs.diff_ids`)."""
    rootfs = documents.as_object(config.get("rootfs") or {}, name, "rootfs")
    found = documents.texts(rootfs.get("diff_ids"), name, "rootfs.diff_ids")
    if len(found) > _MAX_LAYERS:
        raise refuse(f"has more than {_MAX_LAYERS:,} layers", name)
    return [documents.digest(one, name, f"rootfs.diff_ids[{at}]") for at, one in enumerate(found)]


def _find(contents: Contents, name: str, what: str) -> Member:
    """Find a file that `manifest.json` names."""
    member = contents.find(normalised(name, MANIFEST)) if name else None
    if member is None:
        raise refuse(f"names the {what} {quoted(name)}, which the archive does not hold", MANIFEST)
    return member
