"""Reading what `docker save` writes, once, from front to back: layers are sent as they come.

Docker up to 24 writes `ID/layer.tar`, a config and, near the end, `manifest.json`; docker 25 and later, and engines
with containerd's store, write an OCI layout with `manifest.json` beside it. In neither does the stream say beforehand
which layer comes. So what is too large for a document is taken for a layer until its digest says that it is none, and
what is small is a layer if its digest says so, or if it is packed, as no document is. The config is found among the
documents in the end, and shown to be the one that the image's ID stands for.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Protocol

from image_assets.archive import documents as json
from image_assets.archive.docker_save import MANIFEST
from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.archive.packing import START_BYTES, Packing, packing_of
from image_assets.archive.refusal import quoted, refuse
from image_assets.archive.stream import CHUNK_BYTES, ChunkBytes
from image_assets.archive.tar import Kind, Member, members
from image_assets.errors import ArchiveError
from image_assets.oci.model import digest_of

#: All JSON of one saved image; its config and history are some kilobytes.
_MAX_DOCUMENTS_BYTES = 32 << 20


class LayerSink(Protocol):
    """Takes the layers of a stream."""

    @property
    def diff_ids(self) -> Collection[str]:
        """The digests of the plain layers."""

    def layer(self, member: Member, packing: Packing, chunks: Iterator[bytes]) -> None:
        """Take a layer, or what may be one."""


def read_saved(
    stream: BinaryIO, sink: LayerSink, check: Callable[[], None], report: Callable[[int], None] = lambda _done: None
) -> "Documents":
    """Read a stream to its end, give its layers to the sink, and return its documents.

    Args:
        stream: What `docker save` writes.
        sink: Takes the layers.
        check: Called often; what it raises ends the reading.
        report: Takes how many bytes were read so far.

    Raises:
        ArchiveError: It is no tar, or holds what `docker save` never writes.
    """
    tar = ChunkBytes(_chunks(stream, check, report))
    documents = Documents()
    for member in members(tar):
        if member.kind is Kind.FILE:
            _take(member, tar, sink, documents)
    tar.drain()
    return documents


def _take(member: Member, tar: ChunkBytes, sink: LayerSink, documents: "Documents") -> None:
    """Keep a document, and give anything else to the sink."""
    if member.size > MAX_DOCUMENT_BYTES:
        start = tar.read(START_BYTES)
        sink.layer(member, packing_of(start), chain([start], tar.content(member.size - len(start))))
        return
    content = b"".join(tar.content(member.size))
    packing = packing_of(content[:START_BYTES])
    if packing is not Packing.PLAIN or digest_of(content) in sink.diff_ids:
        sink.layer(member, packing, iter((content,)))
    else:
        documents.keep(member.name, content)


@dataclass
class Documents:
    """The small files of a saved image that are no layers, by name."""

    by_name: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def keep(self, name: str, content: bytes) -> None:
        """Remember one."""
        if self.by_name.setdefault(name, content) != content:
            raise refuse("appears twice with different content", name)
        self.size += len(content)
        if self.size > _MAX_DOCUMENTS_BYTES:
            raise refuse(f"holds more than {_MAX_DOCUMENTS_BYTES >> 20} MiB of JSON documents", name)


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


def blob_digest(member: Member, among: Collection[str]) -> str | None:
    """Return the digest that a member of an OCI layout is named by, if it is one of those."""
    algorithm, _, encoded = member.name.removeprefix("blobs/").partition("/")
    digest = f"{algorithm}:{encoded}"
    return digest if digest in among else None


def _chunks(stream: BinaryIO, check: Callable[[], None], report: Callable[[int], None]) -> Iterator[bytes]:
    """Read a pipe in pieces."""
    done = 0
    while chunk := stream.read(CHUNK_BYTES):
        check()
        done += len(chunk)
        report(done)
        yield chunk
