"""The list of manifests that refer to one, under a tag (OCI distribution spec, "Referrers Tag Schema")."""

import json
from collections.abc import Mapping
from typing import Any

from image_assets.oci.media_types import OCI_INDEX
from image_assets.oci.model import Descriptor, Manifest

_LONGEST_TAG_ALGORITHM = 32
_LONGEST_TAG_ENCODED = 64


def subject_of(content: bytes) -> str | None:
    """Return the digest of the manifest that a manifest is about, if it says so (OCI image spec, "subject")."""
    document = json.loads(content)
    subject = document.get("subject") if isinstance(document, dict) else None
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) else None


def tag_of(subject: str) -> str:
    """Return the tag of a manifest's list of referrers."""
    algorithm, _, encoded = subject.partition(":")
    return f"{algorithm[:_LONGEST_TAG_ALGORITHM]}-{encoded[:_LONGEST_TAG_ENCODED]}"


def entry(referrer: Descriptor, content: bytes) -> Mapping[str, Any]:
    """Return how a manifest stands in the list: with what it says of its kind, and its annotations."""
    document = json.loads(content)
    named: dict[str, Any] = {"mediaType": referrer.media_type, "digest": referrer.digest, "size": referrer.size}
    config = document.get("config")
    kind = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    named |= {"artifactType": kind} if kind else {}
    return named | ({"annotations": document["annotations"]} if document.get("annotations") else {})


def digests_in(content: bytes) -> list[str]:
    """Return the digests in a list of referrers, which is an index."""
    listed = json.loads(content).get("manifests")
    return [str(one["digest"]) for one in listed or () if isinstance(one, dict) and "digest" in one]


def index_with(listed: Manifest | None, added: Mapping[str, Any]) -> bytes | None:
    """Return the list with one more entry, or None if it is there; what is no index is replaced, as the spec has it."""
    document = json.loads(listed.content) if listed and listed.descriptor.media_type == OCI_INDEX else {}
    entries = [one for one in document.get("manifests", ()) if isinstance(one, dict)]
    if any(one.get("digest") == added["digest"] for one in entries):
        return None
    index = {**document, "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*entries, added]}
    return json.dumps(index, separators=(",", ":")).encode()
