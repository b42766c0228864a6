"""The config of an image that an engine saved: found, and shown to be the one that the image's ID stands for."""

from collections.abc import Sequence

from image_assets.archive import documents as json
from image_assets.archive.docker_save import MANIFEST
from image_assets.archive.refusal import quoted, refuse
from image_assets.errors import ArchiveError
from image_assets.oci.model import digest_of
from image_assets.transfer.saved_stream import Documents


def config_of(documents: Documents) -> bytes:
    """Return the config that a saved image's `manifest.json` names."""
    if MANIFEST not in documents.by_name:
        raise refuse(f"has no {MANIFEST}")
    items = json.parse(documents.by_name[MANIFEST], MANIFEST)
    if not (isinstance(items, list) and len(items) == 1):
        raise refuse("does not list one image", MANIFEST)
    name = json.text(json.as_object(items[0], MANIFEST, "[0]"), "Config", MANIFEST)
    if name not in documents.by_name:
        raise refuse(f"names the config {quoted(name)}, which is missing", MANIFEST)
    return documents.by_name[name]


def check_config(content: bytes, diff_ids: Sequence[str]) -> None:
    """Make sure that content is the config of an image with these layers.

    Raises:
        ArchiveError: It is something else, as a manifest.
    """
    config = json.parse_object(content, "config")
    rootfs = json.as_object(config.get("rootfs"), "config", "rootfs")
    if list(rootfs.get("diff_ids") or ()) != list(diff_ids):
        raise refuse("holds other layers than the image has")


def leads_to(documents: Documents, top: str, config: str) -> bool:
    """Say whether an image's ID stands for a config: it is the config's, or that of what leads to it.

    Args:
        documents: Everything that may lie between.
        top: The ID: the digest of a config, a manifest or an index.
        config: The config's digest.
    """
    by_digest = {digest_of(content): content for content in documents.by_name.values()}
    waiting, seen = [top], set[str]()
    while waiting:
        digest = waiting.pop()
        if digest == config:
            return True
        if digest in by_digest and digest not in seen:
            seen.add(digest)
            waiting.extend(_named_by(by_digest[digest]))
    return False


def _named_by(content: bytes) -> list[str]:
    """Return the digests of the config or the manifests that a manifest or an index names."""
    try:
        document = json.parse_object(content, "manifest")
    except ArchiveError:
        return []
    children = document.get("manifests")
    named = [document.get("config"), *(children if isinstance(children, list) else ())]
    return [str(one.get("digest")) for one in named if isinstance(one, dict)]
