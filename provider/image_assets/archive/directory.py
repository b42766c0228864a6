"""An image layout that lies in a directory, as rules_oci, ko, kaniko and `buildx build --output tar=false` leave it.

Only files that the layout names are opened. Links are followed wherever they lead, as build tools link to their caches:
what counts is content, and that is checked against the digest that names it.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from errno import EINVAL, ENAMETOOLONG
from pathlib import Path

from image_assets.archive.contents import check_document, in_order
from image_assets.archive.packing import START_BYTES, Packing, packing_of
from image_assets.archive.refusal import refuse
from image_assets.archive.stream import CHUNK_BYTES
from image_assets.archive.tar import Kind, Member

#: A FIFO must not block the open.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)


class DirectoryContents:
    """A layout's directory, read like a tar of it."""

    forwards = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, name: str) -> Member | None:
        """Return the file of that name, links followed; `name` is normalised and leads nowhere else."""
        try:
            if not name or "\0" in name or (self._root / name).is_dir():
                return None
            descriptor = open_regular(self._root / name)
        except (FileNotFoundError, NotADirectoryError, UnicodeError):
            return None
        except OSError as error:
            if error.errno == ENAMETOOLONG:
                return None
            raise refuse(f"cannot be read: {error.strerror}", name) from error
        try:
            return Member(name, Kind.FILE, 0, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def packing(self, member: Member) -> Packing:
        """Say how a file is packed."""
        return packing_of(b"".join(self._range(member, min(START_BYTES, member.size))))

    def document(self, member: Member) -> bytes:
        """Return a small file."""
        check_document(member)
        return b"".join(self.read(member))

    def read(self, member: Member) -> Iterator[bytes]:
        """Read a file in chunks, from its start."""
        return self._range(member, member.size)

    def stream(self, wanted: Iterable[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Read several files."""
        return ((member, self.read(member)) for member in in_order(wanted))

    def _range(self, member: Member, size: int) -> Iterator[bytes]:
        """Read the beginning of a file.

        Raises:
            ArchiveError: The file changed since it was found.
        """
        try:
            with open(open_regular(self._root / member.name), "rb", buffering=0) as file:
                while size > 0 and (chunk := file.read(min(CHUNK_BYTES, size))):
                    size -= len(chunk)
                    yield chunk
        except OSError as error:
            raise refuse(f"cannot be read: {error.strerror}", member.name) from error
        if size > 0:
            raise refuse("became shorter while it was read", member.name)


def open_regular(path: Path) -> int:
    """Open a regular file; the caller closes the descriptor.

    Raises:
        OSError: It cannot be opened, or is something else.
    """
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(EINVAL, "it is not a regular file")
    return descriptor
