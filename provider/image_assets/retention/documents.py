"""What a manifest or an index says of its parts. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from image_assets.frozen import dataclass
from image_assets.oci.media_types import DOCKER_LIST, OCI_INDEX
from image_assets.reference import is_digest

#: Kinds of configs that may say when an image was made; others, of charts or signatures, say nothing of the kind.
_IMAGE_CONFIG: Final = "image"


@dataclass(frozen=True)
class Parts:
    """What a manifest names.

    Attributes:
        children: Manifests, if it is an index.
        blobs: Digest and length of config and layers.
        subject: What it refers to.
        config: The digest of an image's config.
    """

    children: tuple[str, ...] = ()
    blobs: tuple[tuple[str, int], ...] = ()
    subject: tuple[str, ...] = ()
    config: str | None = None


def parts_of(content: str | bytes) -> Parts:
    """Read a manifest; what in it is not as the OCI image spec has it is left out."""
    document = json.loads(content)
    if not isinstance(document, dict):
        return Parts()
    inner = list(_descriptors(document.get("manifests")))
    config = list(_descriptors([document.get("config")]))
    # An index of BuildKit's cache names layers where others name manifests.
    children = [one for one in inner if _is_manifest(one)]
    blobs = [*config, *_descriptors(document.get("layers")), *(one for one in inner if one not in children)]
    kind = str(config[0].get("mediaType")) if config else ""
    return Parts(
        children=tuple(dict.fromkeys(one["digest"] for one in children)),
        blobs=tuple({one["digest"]: _length(one) for one in blobs}.items()),
        subject=tuple(one["digest"] for one in _descriptors([document.get("subject")])),
        config=config[0]["digest"] if _IMAGE_CONFIG in kind else None,
    )


def _descriptors(value: Any) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict) and isinstance(one.get("digest"), str) and is_digest(one["digest"]):
            yield one


def _is_manifest(described: Mapping[str, Any]) -> bool:
    kind = str(described.get("mediaType"))
    return kind in {OCI_INDEX, DOCKER_LIST} or "manifest" in kind


def _length(described: Mapping[str, Any]) -> int:
    size = described.get("size")
    return size if isinstance(size, int) else 0
