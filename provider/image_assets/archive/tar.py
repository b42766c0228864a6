"""Reading a tar's headers, from a file or from a pipe, and refusing what an image archive never holds.

Formats: POSIX pax and ustar (IEEE Std 1003.1, `pax`, "pax Interchange Format") and GNU long names (GNU tar manual,
"Basic Tar Format"). `tarfile` parses one 512-byte block; everything between the blocks is done here, because
`tarfile.open` follows sparse maps and trusts sizes and names that an archive from elsewhere may forge.
"""

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from image_assets.archive.refusal import quoted, refuse
from image_assets.archive.stream import TarBytes, truncated
from image_assets.frozen import dataclass

#: Every part of a tar is a whole number of such blocks.
BLOCK_BYTES = 512
#: A longer extended header (a name, or pax records) is an attack: PATH_MAX is 4 KiB on every system.
_MAX_EXTENDED_BYTES = 1 << 20
#: All of them together: some hundred bytes for each member are usual.
_MAX_ALL_EXTENDED_BYTES = 64 << 20
#: An image has a few members per layer, and 127 layers at most in Docker; several hundred images fit into this.
_MAX_MEMBERS = 100_000


class Kind(Enum):
    """What a member is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


@dataclass(frozen=True)
class Member:
    """One member of a tar.

    Attributes:
        name: Its path in the tar, normalised: no `./`, no empty part; "" for the tar's root directory.
        kind: What it is.
        offset: Where its content starts, in bytes of the decompressed tar.
        size: Its content in bytes; 0 unless it is a file.
        target: Where a link leads, as a normalised path in the tar; "" otherwise.
    """

    name: str
    kind: Kind
    offset: int
    size: int
    target: str = ""


_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
}
_REFUSED_KINDS = {
    tarfile.CHRTYPE: "is a character device",
    tarfile.BLKTYPE: "is a block device",
    tarfile.FIFOTYPE: "is a FIFO",
    tarfile.GNUTYPE_SPARSE: "is a sparse file, which image archives never hold",
}
#: Header types that carry a field of the member after them, by the pax key that says the same.
_LONG_FIELDS = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}


def members(source: TarBytes) -> Iterator[Member]:
    """Yield the members in order; the caller may read a member's content before it asks for the next.

    Raises:
        ArchiveError: It is no tar, is damaged or truncated, or holds a member that no image archive has.
    """
    headers = _Headers(source)
    for _ in range(_MAX_MEMBERS):
        found = headers.next_member()
        if found is None:
            return
        yield found
        source.skip_to(_after(found.offset, found.size))
    raise refuse(f"has more than {_MAX_MEMBERS:,} members")


def normalised(name: str, member: str = "") -> str:
    """Return a path inside the tar without `./` and empty parts.

    Raises:
        ArchiveError: The path is absolute or leads out of the tar.
    """
    if name.startswith("/") or ".." in name.split("/"):
        raise refuse("its name leads out of the archive", member or name)
    path = posixpath.normpath(name)
    return "" if path == "." else path


class _Headers:
    """Reads headers one after the other, and not more than an image archive has."""

    def __init__(self, source: TarBytes) -> None:
        self._source = source
        self._shared: dict[str, str] = {}
        self._extended_bytes = 0

    def next_member(self) -> Member | None:
        """Read headers up to and including the next real member's; None at the end."""
        own: dict[str, str] = {}
        while (header := _header(self._source)) is not None:
            if header.type in _LONG_FIELDS:
                own[_LONG_FIELDS[header.type]] = _text(self._extended(header).rstrip(b"\0"))
            elif header.type == tarfile.XHDTYPE:
                own |= _records(self._extended(header))
            elif header.type == tarfile.XGLTYPE:
                self._shared |= _records(self._extended(header))
            else:
                return _member(header, self._shared | own, self._source.position)
        return None

    def _extended(self, header: tarfile.TarInfo) -> bytes:
        """Read the content of a header that belongs to the next one."""
        if not 0 <= header.size <= _MAX_EXTENDED_BYTES:
            raise refuse(f"has an extended header of {header.size:,} bytes", header.name)
        self._extended_bytes += BLOCK_BYTES + header.size
        if self._extended_bytes > _MAX_ALL_EXTENDED_BYTES:
            raise refuse(f"has more than {_MAX_ALL_EXTENDED_BYTES >> 20} MiB of extended headers", header.name)
        start = self._source.position
        content = self._source.read(header.size)
        if len(content) < header.size:
            raise truncated(self._source.position)
        self._source.skip_to(_after(start, header.size))
        return content


def _header(source: TarBytes) -> tarfile.TarInfo | None:
    """Read one block; None at the end-of-archive block or the end of the bytes."""
    at_start = source.position == 0
    block = source.read(BLOCK_BYTES)
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]  # the stubs leave out tarfile's header errors
        if at_start:
            raise refuse("is empty") from None
        return None
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # same
        return None
    except tarfile.HeaderError:
        raise _bad_header(block, source.position, at_start=at_start) from None


def _bad_header(block: bytes, position: int, *, at_start: bool) -> Exception:
    """Say why a block is no header."""
    if at_start:
        return refuse("is not a tar archive, nor a packed one (gzip, zstd, xz, bzip2)")
    if len(block) < BLOCK_BYTES:
        return truncated(position)
    return refuse(f"is damaged: byte {position - BLOCK_BYTES:,} of the tar should start a header")


def _records(content: bytes) -> dict[str, str]:
    """Parse pax records, each `LENGTH KEY=VALUE` and a newline, the length counting all of it."""
    found, start = {}, 0
    while start < len(content):
        digits, _, _ = content[start : start + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[start : start + length]
        key, separator, value = record[len(digits) + 1 : -1].partition(b"=")
        if not separator or len(record) < length or not record.endswith(b"\n"):
            raise refuse("has a damaged pax header")
        found[_text(key)] = _text(value)
        start += length
    return found


def _member(header: tarfile.TarInfo, pax: dict[str, str], offset: int) -> Member:
    """Join a header and what the extended headers before it said."""
    name = pax.get("path", header.name)
    kind = _kind(header, pax, name)
    found = Member(normalised(name), kind, offset, _size(header, pax, name) if kind is Kind.FILE else 0)
    if kind in (Kind.SYMLINK, Kind.HARDLINK):
        return replace(found, target=_target(found, pax.get("linkpath", header.linkname)))
    return found


def _kind(header: tarfile.TarInfo, pax: dict[str, str], name: str) -> Kind:
    """Return what the member is, if an image archive may hold such a thing."""
    if header.type in _REFUSED_KINDS:
        raise refuse(_REFUSED_KINDS[header.type], name)
    if any(key.startswith("GNU.sparse") for key in pax):
        raise refuse(_REFUSED_KINDS[tarfile.GNUTYPE_SPARSE], name)
    if header.type not in _KINDS:
        raise refuse(f"has the unknown type {quoted(header.type.decode('latin-1'))}", name)
    return _KINDS[header.type]


def _size(header: tarfile.TarInfo, pax: dict[str, str], name: str) -> int:
    """Return the content's size; a pax record overrides the header, which cannot say 8 GiB in octal."""
    text = pax.get("size", str(header.size))
    # Sixteen digits are 10 PB: more is a forgery, and keeps `int` fast.
    if not (text.isdecimal() and len(text) <= 16):
        raise refuse("has an impossible size", name)
    return int(text)


def _target(link: Member, text: str) -> str:
    """Return where a link leads: a symbolic one from its own directory, a hard one from the tar's root."""
    base = posixpath.dirname(link.name) if link.kind is Kind.SYMLINK else ""
    target = posixpath.normpath(posixpath.join(base, text))
    if target.startswith("/") or target.split("/")[0] == "..":
        raise refuse(f"is a {link.kind.value} that leads out of the archive, to {quoted(text)}", link.name)
    return target


def _after(offset: int, size: int) -> int:
    """Return where the block after some content starts."""
    return offset + -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _text(raw: bytes) -> str:
    """Decode as `tarfile` does, so that both sources of a name agree."""
    return raw.decode("utf-8", "surrogateescape")
