"""Reading what `docker save` writes, once, from front to back: layers are sent as they come.

Docker up to 24 writes `ID/layer.tar`, a config and, near the end, `manifest.json`; docker 25 and later, and engines
with containerd's store, write an OCI layout with `manifest.json` beside it. In neither does the stream say beforehand
which layer comes, so a layer is told by what it turns out to be.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Protocol

from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.archive.packing import MAGIC_BYTES, Packing, packing_of
from image_assets.archive.refusal import refuse
from image_assets.archive.stream import CHUNK_BYTES, ChunkBytes
from image_assets.archive.tar import BLOCK_BYTES, Kind, Member, members

#: All JSON of one saved image; its config and history are some kilobytes.
_MAX_DOCUMENTS_BYTES = 32 << 20


class LayerSink(Protocol):
    """Takes the layers of a stream."""

    def layer(self, member: Member, start: bytes, chunks: Iterator[bytes]) -> None:
        """Take a layer: its first bytes, and all of it."""


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
            start = tar.read(min(MAGIC_BYTES, member.size))
            rest = tar.content(member.size - len(start))
            if start[:1] in {b"{", b"["} and member.size <= MAX_DOCUMENT_BYTES:
                documents.keep(member.name, start + b"".join(rest))
            elif member.size >= BLOCK_BYTES or packing_of(start) is not Packing.PLAIN:
                sink.layer(member, start, chain([start], rest))
    tar.drain()
    return documents


@dataclass
class Documents:
    """The JSON files of a saved image, by name."""

    by_name: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def keep(self, name: str, content: bytes) -> None:
        """Remember one."""
        self.by_name[name] = content
        self.size += len(content)
        if self.size > _MAX_DOCUMENTS_BYTES:
            raise refuse(f"holds more than {_MAX_DOCUMENTS_BYTES >> 20} MiB of JSON documents", name)


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
