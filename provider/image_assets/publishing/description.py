"""What a registry tells of an image without its layers being read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from image_assets import platforms
from image_assets.errors import RegistryError
from image_assets.frozen import dataclass
from image_assets.oci import Manifest, RegistryClient
from image_assets.reference import Reference

_LONGEST_CONFIG: Final = 8 << 20
"""In bytes; registries take manifests of 4 MiB, and a config is seldom larger."""
_NO_PLATFORM: Final = "unknown"
"""What an attestation has in the place of a platform (BuildKit, "Attestation storage")."""


@dataclass(frozen=True)
class Description:
    """An image in a registry.

    Attributes:
        digest: The digest of its manifest or index.
        media_type: The media type of that.
        platforms: `os/architecture[/variant]` of each image in it, as far as they say.
        labels: The labels of one platform's image.
        created: When that was created (RFC 3339), empty if it does not say.
    """

    digest: str
    media_type: str
    platforms: tuple[str, ...]
    labels: Mapping[str, str]
    created: str


def describe(client: RegistryClient, reference: Reference, preferred: str | None, default: str) -> Description | None:
    """Look an image up.

    Args:
        client: Its registry.
        reference: The image.
        preferred: The platform whose labels are wanted; one that the image lacks is an error.
        default: The platform whose labels are told if none is preferred and the image has it.

    Returns:
        What the registry tells, None if it has no such image.

    Raises:
        RegistryError: The registry could not be asked, or the image is not what it should be.
    """
    path = reference.repository.full_path
    found = client.head_manifest(path, reference.identifier)
    if found is None:
        return None
    top = client.get_manifest(path, found.digest)
    children = dict(_children(top))
    chosen = _chosen(children, reference, preferred, default)
    manifest = client.get_manifest(path, chosen) if chosen else top
    config = _config(client, path, manifest)
    own = _platform(config)
    return Description(
        digest=top.descriptor.digest,
        media_type=top.descriptor.media_type,
        platforms=tuple(children) or ((own,) if own else ()),
        labels=_labels(config),
        created=str(config.get("created") or ""),
    )


def configs(
    client: RegistryClient, reference: Reference, preferred: Sequence[str] | None
) -> Mapping[str, Mapping[str, Any]]:
    """Return the configs of an image by platform.

    Args:
        client: Its registry.
        reference: The image, by its digest.
        preferred: The platforms that matter; None for all. If the image has not each of them under its name, the
            configs are those of all its platforms.

    Raises:
        RegistryError: The registry could not be asked, or the image is not what it should be.
    """
    path = reference.repository.full_path
    top = client.get_manifest(path, reference.identifier)
    children = dict(_children(top))
    if not children:
        config = _config(client, path, top)
        return {_platform(config) or "": config}
    chosen = preferred if preferred is not None and children.keys() >= set(preferred) else children
    return {platform: _config(client, path, client.get_manifest(path, children[platform])) for platform in chosen}


def onbuild(config: Mapping[str, Any]) -> Sequence[str]:
    """Return the instructions that an image's config has for images built on it (Docker's `OnBuild`)."""
    found = _object(config.get("config")).get("OnBuild")
    return [str(text) for text in found] if isinstance(found, list) else []


def _children(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield platform and digest of the images in an index, in its order."""
    children = json.loads(manifest.content).get("manifests")
    for child in map(_object, children if isinstance(children, list) else ()):
        name = _platform(_object(child.get("platform")))
        if name and _NO_PLATFORM not in name:
            yield name, str(child.get("digest"))


def _platform(described: Mapping[str, Any]) -> str | None:
    """Return a platform as `os/architecture[/variant]`, None unless both are named."""
    system, architecture, variant = (described.get(key) for key in ("os", "architecture", "variant"))
    return platforms.joined(str(system or ""), str(architecture or ""), str(variant or ""))


def _chosen(children: Mapping[str, str], reference: Reference, preferred: str | None, default: str) -> str | None:
    if preferred is not None and children and platforms.normal(preferred) not in children:
        raise RegistryError(f"{reference} has no image for {preferred}; it has: {', '.join(children)}")
    wanted = platforms.normal(preferred or default)
    return children.get(wanted) or next(iter(children.values()), None)


def _config(client: RegistryClient, path: str, manifest: Manifest) -> Mapping[str, Any]:
    """Return an image's config; what is no image, a chart for example, has none that could be read as one."""
    described = _object(json.loads(manifest.content).get("config"))
    if "image" not in str(described.get("mediaType")):
        return {}
    content = bytearray()
    for chunk in client.get_blob(path, str(described.get("digest"))):
        content += chunk
        if len(content) > _LONGEST_CONFIG:
            raise RegistryError(
                f"the config of {client.registry}/{path} has more than {_LONGEST_CONFIG} bytes: push the image anew"
            )
    try:
        return _object(json.loads(content))
    except ValueError as error:
        raise RegistryError(f"the config of {client.registry}/{path} is not JSON: push the image anew") from error


def _labels(config: Mapping[str, Any]) -> dict[str, str]:
    labels = _object(_object(config.get("config")).get("Labels"))
    return {str(name): str(value) for name, value in labels.items()}


def _object(value: Any) -> Mapping[str, Any]:
    """Return an object; whatever else stands in its place counts as an empty one."""
    return value if isinstance(value, dict) else {}
