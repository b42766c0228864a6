"""Reading large files, with every core: hashlib and read(2) run outside Python's global lock."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future

from image_assets.context.content import large_digest, open_regular
from image_assets.context.place import Place
from image_assets.context.records import file_record
from image_assets.errors import CancelledByUserError
from image_assets.frozen import dataclass
from image_assets.task import Task


@dataclass(frozen=True)
class LargeFile:
    """A file that is to be read.

    Attributes:
        place: Its directory.
        name: Its name there.
        path: The directory's path in the context, empty or ending in `/`.
        follow: Whether the name may be a link to a file.
    """

    place: Place
    name: str
    path: str
    follow: bool


class LargeFiles:
    """The large files of one context.

    Args:
        pool: Reads them.
        task: Can cancel the reading.
    """

    def __init__(self, pool: Executor, task: Task) -> None:
        self._pool = pool
        self._task = task
        self._abandoned = threading.Event()
        self._begun: list[Future[tuple[os.stat_result, bytes]]] = []
        self._files: list[LargeFile] = []

    def add(self, file: LargeFile) -> None:
        """Have a file read, sooner or later."""
        self._files.append(file)
        self._begun.append(self._pool.submit(self._read, file))

    def records(self, remember: Callable[[os.stat_result, bytes], None]) -> Iterator[bytes]:
        """Wait for all files; yield their records.

        Args:
            remember: Takes status and digest of each.

        Raises:
            InputError: One cannot be read, or changed meanwhile.
        """
        for file, begun in zip(self._files, self._begun, strict=True):
            status, digest = begun.result()
            remember(status, digest)
            yield file_record(os.fsencode(file.path + file.name), status, digest)

    def abandon(self) -> None:
        """Read no more of them."""
        self._abandoned.set()
        for begun in self._begun:
            begun.cancel()

    def _read(self, file: LargeFile) -> tuple[os.stat_result, bytes]:
        self._check()
        fd, status = open_regular(file.place, file.name, file.path, follow=file.follow)
        try:
            return status, large_digest(fd, status, file.path + file.name, self._check)
        finally:
            os.close(fd)

    def _check(self) -> None:
        """Stop here if the result is of no use any more."""
        self._task.check()
        if self._abandoned.is_set():
            raise CancelledByUserError("another file cannot be read")
