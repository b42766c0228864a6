"""Which part of an image is copied: all of it, or some platforms of an index."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from image_assets import platforms
from image_assets.errors import RegistryError
from image_assets.oci import Descriptor, Manifest, digest_of
from image_assets.transfer.model import Source

#: What an attestation has in the place of a platform, and how it names its image (BuildKit, "Attestation storage").
_NO_PLATFORM: Final = "unknown"
_ATTESTED: Final = "vnd.docker.reference.digest"


def chosen(source: Source, wanted: Sequence[str]) -> Manifest:
    """Return what a copy of some platforms has on top; of all platforms, the source's own index or manifest.

    One platform's copy is the manifest of its image, so that services which take no index can run it. Several make an
    index of these, with their attestations.

    Args:
        source: The image.
        wanted: The platforms; none for all.

    Raises:
        RegistryError: The image lacks one of them, or the registry refused or failed.
    """
    top = source.client.get_manifest(source.path, source.digest)
    listed = json.loads(top.content).get("manifests")
    if not wanted or not isinstance(listed, list):
        return top
    entries = [one for one in listed if isinstance(one, dict)]
    there = {name for one in entries if (name := platform_of(one))}
    names = set(map(platforms.normal, wanted))
    if missing := sorted(names - there):
        has = ", ".join(sorted(there))
        raise RegistryError(f"{source.name} has no image for {', '.join(missing)}; it has: {has}")
    if names == there:
        return top
    images = [one for one in entries if platform_of(one) in names]
    if len(images) == 1:
        return source.client.get_manifest(source.path, str(images[0].get("digest")))
    digests = {one.get("digest") for one in images}
    kept = [one for one in entries if one in images or _attested(one) in digests]
    return _index(top, kept)


def platform_of(entry: Mapping[str, Any]) -> str | None:
    """Return the platform of an index's entry, None if it is no image's."""
    described = entry.get("platform")
    if not isinstance(described, dict):
        return None
    parts = (str(described.get(key) or "") for key in ("os", "architecture", "variant"))
    name = platforms.joined(*parts)
    return name if name and _NO_PLATFORM not in name else None


def _attested(entry: Mapping[str, Any]) -> Any:
    annotations = entry.get("annotations")
    return annotations.get(_ATTESTED) if isinstance(annotations, dict) else None


def _index(top: Manifest, entries: Sequence[Mapping[str, Any]]) -> Manifest:
    """Make the index of some entries; the same ones always give the same bytes."""
    document = {**json.loads(top.content), "manifests": list(entries)}
    content = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(Descriptor(top.descriptor.media_type, digest_of(content), len(content), raw=document), content)
