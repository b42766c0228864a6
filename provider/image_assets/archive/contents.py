"""What an archive's file holds, found by name and read without unpacking it to disk.

A plain tar is indexed once; any part of it can then be read at any time, by several threads. A packed tar has no such
access: one pass reads all headers and keeps the small JSON documents, and the layers are read in a second pass, in the
order in which they stand. A spool on disk would cost a write and a read of the whole unpacked tar, and space for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from image_assets.archive.documents import MAX_DOCUMENT_BYTES
from image_assets.archive.memo import Memo
from image_assets.archive.packing import START_BYTES, Packing, is_tar_header, packing_of, unpacked
from image_assets.archive.refusal import quoted, refuse
from image_assets.archive.stream import CHUNK_BYTES, ChunkBytes, FileBytes, TarBytes
from image_assets.archive.tar import Kind, Member, members
from image_assets.frozen import dataclass

#: A chain of links in a real archive has one step.
_MAX_LINKS = 16
#: All documents of a packed archive that are kept in memory together.
_MAX_KEPT_BYTES = 32 << 20
#: Documents beyond those, each of which takes another pass.
_MAX_READ_AGAIN = 16


class Contents(Protocol):
    """The members of an archive.

    Attributes:
        forwards: Whether parts are cheap to read only in the order in which they stand.
    """

    @property
    def forwards(self) -> bool:
        """See the class."""

    def find(self, name: str) -> Member | None:
        """Return the file of that name, links followed."""

    def packing(self, member: Member) -> Packing:
        """Say how a file is packed."""

    def document(self, member: Member) -> bytes:
        """Return a small file."""

    def read(self, member: Member) -> Iterator[bytes]:
        """Read a file in chunks, from its start."""

    def stream(self, wanted: Iterable[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Read several files, in the order in which they stand; each must be read before the next is asked for."""


@dataclass(frozen=True)
class Index:
    """The members by name, checked.

    Attributes:
        files: All files, by name; links stand here with what they lead to.
    """

    files: Mapping[str, Member]

    def find(self, name: str) -> Member | None:
        """Return the file of that name, links followed."""
        return self.files.get(name)


class PlainContents:
    """A tar that is not packed."""

    forwards = False

    def __init__(self, source: FileBytes) -> None:
        self._source = source
        self._index = index(members(source), self._same)

    def find(self, name: str) -> Member | None:
        """Return the file of that name, links followed."""
        return self._index.find(name)

    def packing(self, member: Member) -> Packing:
        """Say how a file is packed."""
        return packing_of(b"".join(self._source.range(member.offset, min(member.size, START_BYTES))))

    def document(self, member: Member) -> bytes:
        """Return a small file."""
        check_document(member)
        return b"".join(self.read(member))

    def read(self, member: Member) -> Iterator[bytes]:
        """Read a file in chunks, from its start."""
        return self._source.range(member.offset, member.size)

    def stream(self, wanted: Iterable[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Read several files in the order in which they stand."""
        return ((member, self.read(member)) for member in in_order(wanted))

    def _same(self, one: Member, other: Member) -> bool:
        """Compare two files of the same size."""
        return all(a == b for a, b in zip(self.read(one), self.read(other), strict=True))


@dataclass(frozen=True)
class Headers:
    """What one pass over a packed tar gives.

    Attributes:
        index: The members.
        documents: The content of most small files that look like JSON, by offset.
        packings: How every file is packed, by offset.
    """

    index: Index
    documents: Mapping[int, bytes]
    packings: Mapping[int, Packing]


_REMEMBERED: Memo[Headers] = Memo()


class PackedContents:
    """A tar that must be unpacked from its start each time."""

    forwards = True

    def __init__(self, source: FileBytes, packing: Packing) -> None:
        self._source = source
        self._packing = packing
        key = source.key()
        headers = _REMEMBERED.get(key) or self._read_headers()
        # Only if nobody wrote meanwhile.
        _REMEMBERED.put(key if key == source.key() else None, headers)
        self._headers = headers
        self._read_again = 0

    def find(self, name: str) -> Member | None:
        """Return the file of that name, links followed."""
        return self._headers.index.find(name)

    def packing(self, member: Member) -> Packing:
        """Say how a file is packed."""
        return self._headers.packings[member.offset]

    def document(self, member: Member) -> bytes:
        """Return a small file."""
        check_document(member)
        kept = self._headers.documents.get(member.offset)
        return self._document_again(member) if kept is None else kept

    def _document_again(self, member: Member) -> bytes:
        """Read a document that was not kept; real archives have few such ones."""
        self._read_again += 1
        if self._read_again > _MAX_READ_AGAIN:
            raise refuse(f"holds more than {_MAX_KEPT_BYTES >> 20} MiB of JSON documents", member.name)
        return b"".join(self.read(member))

    def read(self, member: Member) -> Iterator[bytes]:
        """Read a file in chunks: everything before it is unpacked once more."""
        tar = self._open()
        tar.skip_to(member.offset)
        yield from tar.content(member.size)

    def stream(self, wanted: Iterable[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Read several files in one pass."""
        tar = self._open()
        for member in in_order(wanted):
            tar.skip_to(member.offset)
            yield member, tar.content(member.size)

    def _open(self) -> ChunkBytes:
        """Start unpacking from the front."""
        packed = self._source.range(0, self._source.size)
        return ChunkBytes(unpacked(self._packing, packed))

    def _read_headers(self) -> Headers:
        """Unpack everything once."""
        tar = self._open()
        keeper = _Keeper(tar)
        found = index(keeper.members(), self._same)
        # The end of the packing holds its checksum: a truncated file must fail here, not in mid-upload.
        tar.drain()
        return Headers(found, keeper.documents, keeper.packings)

    def _same(self, one: Member, other: Member) -> bool:
        """Compare two files of the same size, which takes two more passes: no tool writes such archives."""
        return all(a == b for a, b in zip(_evenly(self.read(one)), _evenly(self.read(other)), strict=True))


class _Keeper:
    """Keeps what is wanted of a tar that passes by."""

    def __init__(self, tar: TarBytes) -> None:
        self._tar = tar
        self._kept_bytes = 0
        self.documents: dict[int, bytes] = {}
        self.packings: dict[int, Packing] = {}

    def members(self) -> Iterator[Member]:
        """Pass the members on, after a look at their content."""
        for member in members(self._tar):
            if member.kind is Kind.FILE:
                self._keep(member)
            yield member

    def _keep(self, member: Member) -> None:
        """Remember how a file is packed, and all of it if it is likely to be asked for as a document.

        That is a guess which decides on nothing but speed: what is not kept is read again.
        """
        start = self._tar.read(min(member.size, START_BYTES))
        self.packings[member.offset] = packing_of(start)
        likely = start.lstrip()[:1] in (b"{", b"[") and not is_tar_header(start)
        if likely and member.size <= min(MAX_DOCUMENT_BYTES, _MAX_KEPT_BYTES - self._kept_bytes):
            self.documents[member.offset] = start + self._tar.read(member.size - len(start))
            self._kept_bytes += member.size


def contents_of(source: FileBytes) -> Contents:
    """Read the headers of an archive, packed or not.

    Raises:
        ArchiveError: It is no tar, or one that holds what no image archive holds.
    """
    packing = packing_of(source.read(START_BYTES))
    source.skip_to(0)
    return PlainContents(source) if packing is Packing.PLAIN else PackedContents(source, packing)


def index(found: Iterable[Member], same: Callable[[Member, Member], bool]) -> Index:
    """Order the members by name and follow all links.

    Raises:
        ArchiveError: Two members of one name differ, or a link leads nowhere or in a circle.
    """
    by_name: dict[str, Member] = {}
    again = [member for member in found if by_name.setdefault(member.name, member) is not member]
    for member in again:
        _check_repeated(by_name[member.name], member, same)
    return Index({name: file for name in by_name if (file := _followed(name, by_name)).kind is Kind.FILE})


def _check_repeated(first: Member, second: Member, same: Callable[[Member, Member], bool]) -> None:
    """Refuse two members of one name that are not the same: which one counts would depend on the reader."""
    alike = (first.kind, first.size, first.target) == (second.kind, second.size, second.target)
    if not alike or (first.kind is Kind.FILE and not same(first, second)):
        raise refuse("appears twice with different content", first.name)


def _followed(name: str, by_name: Mapping[str, Member]) -> Member:
    """Return what stands under a name once links are followed."""
    member = by_name[name]
    for _ in range(_MAX_LINKS):
        if member.kind not in (Kind.SYMLINK, Kind.HARDLINK):
            return member
        if member.target not in by_name:
            raise refuse(
                f"is a {member.kind.value} to {quoted(member.target)}, which the archive does not hold", member.name
            )
        member = by_name[member.target]
    raise refuse("is a link that leads in a circle", name)


def check_document(member: Member) -> None:
    """Refuse a JSON document that no registry would take."""
    if member.size > MAX_DOCUMENT_BYTES:
        raise refuse(
            f"is a JSON document of {member.size:,} bytes; at most {MAX_DOCUMENT_BYTES:,} are read", member.name
        )


def in_order(wanted: Iterable[Member]) -> list[Member]:
    """Sort as the files stand, each once."""
    return sorted(set(wanted), key=lambda member: (member.offset, member.name))


def _evenly(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut chunks of any length into even ones, so that two readings can be compared."""
    tar = ChunkBytes(chunks)
    while data := tar.read(CHUNK_BYTES):
        yield data
