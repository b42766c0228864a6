"""The JSON documents of an image archive: bounded in size and depth, and of the shape that is read from them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from image_assets import platforms
from image_assets.archive.refusal import refuse
from image_assets.oci.model import Descriptor

#: What the OCI distribution spec ("Pushing Manifests") asks registries to accept at least.
MAX_DOCUMENT_BYTES = 4 << 20
#: Most descriptors in one document; the largest real indexes have some dozens.
_MAX_DESCRIPTORS = 4096
#: OCI image spec, "Digests": the two registered algorithms.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

Document = Mapping[str, Any]


def parse(content: bytes, member: str) -> Any:
    """Parse JSON of unknown shape.

    Raises:
        ArchiveError: It is no JSON, or nested so deeply that only an attack is.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise refuse("is JSON nested too deeply", member) from None
    except ValueError as error:
        raise refuse(f"is not valid JSON ({error})", member) from None


def parse_object(content: bytes, member: str) -> Document:
    """Parse a JSON object.

    Raises:
        ArchiveError: It is something else.
    """
    return as_object(parse(content, member), member, "the document")


def as_object(value: Any, member: str, what: str) -> Document:
    """Return the value if it is an object.

    Raises:
        ArchiveError: It is something else.
    """
    if not isinstance(value, dict):
        raise refuse(f"{what} is not a JSON object", member)
    return value


def texts(value: Any, member: str, what: str) -> tuple[str, ...]:
    """Return a list of strings; nothing at all counts as none.

    Raises:
        ArchiveError: It is something else.
    """
    items = [] if value is None else value
    if not (isinstance(items, list) and all(isinstance(item, str) for item in items)):
        raise refuse(f"{what} is not a list of strings", member)
    return tuple(items)


def text(document: Document, key: str, member: str) -> str:
    """Return a string field, "" if it is missing.

    Raises:
        ArchiveError: It is no string.
    """
    value = document.get(key) or ""
    if not isinstance(value, str):
        raise refuse(f"{key} is not a string", member)
    return value


def digest(value: Any, member: str, what: str) -> str:
    """Return the value if it is a digest of a registered algorithm.

    Raises:
        ArchiveError: It is something else.
    """
    if not (isinstance(value, str) and _DIGEST.fullmatch(value)):
        raise refuse(f"{what} is not a sha256 or sha512 digest", member)
    return value


def descriptors(document: Document, key: str, member: str) -> tuple[Descriptor, ...]:
    """Return a list of descriptors.

    Raises:
        ArchiveError: It is missing, too long or holds something else.
    """
    items = document.get(key)
    if not isinstance(items, list) or len(items) > _MAX_DESCRIPTORS:
        raise refuse(f"{key} is not a list of at most {_MAX_DESCRIPTORS:,} descriptors", member)
    return tuple(descriptor(item, member, f"{key}[{at}]") for at, item in enumerate(items))


def descriptor(value: Any, member: str, what: str) -> Descriptor:
    """Read one descriptor (OCI image spec, "Content Descriptors").

    Raises:
        ArchiveError: A field is missing or of the wrong type.
    """
    raw = as_object(value, member, what)
    size = raw.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise refuse(f"{what} has no size", member)
    notes = as_object(raw.get("annotations") or {}, member, f"{what}.annotations")
    return Descriptor(
        media_type=text(raw, "mediaType", member),
        digest=digest(raw.get("digest"), member, f"{what}.digest"),
        size=size,
        platform=platform_of(raw.get("platform"), member),
        annotations={key: note for key, note in notes.items() if isinstance(note, str)},
        raw=raw,
    )


def platform_of(value: Any, member: str) -> str | None:
    """Write a platform object as `os/architecture[/variant]`; None unless it names both."""
    if value is None:
        return None
    document = as_object(value, member, "platform")
    system, architecture, variant = (text(document, key, member) for key in ("os", "architecture", "variant"))
    return platforms.joined(system, architecture, variant)
