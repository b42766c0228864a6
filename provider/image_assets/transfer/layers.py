"""A layer on its way: verified, and compressed unless it is already."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from image_assets.archive import Packing, Passing
from image_assets.archive.packing import unpacked
from image_assets.frozen import dataclass
from image_assets.transfer.blob_memory import PackedLayer
from image_assets.transfer.compress import compressed, variant
from image_assets.transfer.destination import Content, Destination

#: The variant under which a layer of a docker engine is known: there, any form of the right content will do.
ANY = "any"
_PACKINGS = {"gzip": Packing.GZIP, "zstd": Packing.ZSTD}


@dataclass(frozen=True)
class Raw:
    """A layer as it was found.

    Attributes:
        open: Starts reading it.
        packing: How it is packed.
        size: Its length in bytes, as it is packed.
        expected: The digests that its plain tar may have.
        label: What messages call it.
    """

    open: Callable[[], Iterator[bytes]]
    packing: Packing
    size: int
    expected: Collection[str]
    label: str

    @property
    def variant(self) -> str:
        """Name what, beside the plain content, decides the bytes that are sent."""
        return f"{self.packing.value}-{self.size}" if self.packing.is_sent else variant()

    def identity(self, diff_id: str) -> str:
        """Name what is sent if the layer is that one, before its packed digest is known."""
        return packed_identity(diff_id, self.variant)


def packing_named(layer: Mapping[str, Any]) -> Packing:
    """Return how a layer is packed, by the media type in its descriptor.

    Raises:
        KeyError: It is packed in another way, or not at all.
    """
    return _PACKINGS[layer["mediaType"].replace("+", ".").rpartition(".")[2]]


def packed_identity(diff_id: str, form: str) -> str:
    """Name a layer in one packed form."""
    return f"{diff_id} {form}"


def send_layer(raw: Raw, destination: Destination) -> tuple[str, PackedLayer]:
    """Send a layer; return its diff ID and what became of it.

    Raises:
        ArchiveError: Its content is not what it should be; the upload was not finished.
    """
    passings: list[Passing] = []

    def read() -> Iterator[bytes]:
        passings.append(Passing(raw.expected, raw.label))
        return _packed(raw, passings[-1])

    uploaded = destination.upload(Content(read))
    passed = passings[-1]
    packing = raw.packing if raw.packing.is_sent else Packing.GZIP
    layer = PackedLayer(uploaded.digest, uploaded.size or 0, packing.value, passed.size)
    destination.memory.remember(passed.digest, raw.variant, layer)
    return passed.digest, layer


def counted(chunks: Iterator[bytes], report: Callable[[int], None], check: Callable[[], None]) -> Iterator[bytes]:
    """Pass chunks on, say how many bytes that makes, and stop when it is of no use to go on."""
    done = 0
    report(done)
    for chunk in chunks:
        check()
        yield chunk
        done += len(chunk)
        report(done)


def recounted(raw: Raw, report: Callable[[int], None], check: Callable[[], None]) -> Raw:
    """Return the same layer, counted."""
    return replace(raw, open=lambda: counted(raw.open(), report, check))


def _packed(raw: Raw, passing: Passing) -> Iterator[bytes]:
    """Start reading a layer in the form in which it is sent."""
    if raw.packing.is_sent:
        return _as_it_is(raw, passing)
    plain = raw.open() if raw.packing is Packing.PLAIN else unpacked(raw.packing, raw.open(), raw.label)
    return compressed(passing.through(plain))


def _as_it_is(raw: Raw, passing: Passing) -> Iterator[bytes]:
    """Pass a packed layer on, unpacking it on the side for its digest; the last piece only once that is right."""
    taken: deque[bytes] = deque()

    def tap() -> Iterator[bytes]:
        for chunk in raw.open():
            taken.append(chunk)
            yield chunk

    for _ in passing.through(unpacked(raw.packing, tap(), raw.label)):
        while len(taken) > 1:
            yield taken.popleft()
    yield from taken
