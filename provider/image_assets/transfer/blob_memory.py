"""What earlier publishing taught: which layer became which blob, and who has it.

A layer is named by the digest of its plain tar, but a registry knows it by the digest of its packed form, which only
packing it tells. This file remembers the one for the other, so that publishing an image again packs and reads nothing;
and it remembers which repositories have a blob, so that another one of the same registry can mount it.

It is only a help: whatever it says about a registry is asked of the registry, a damaged file counts as empty, and
deleting it costs time and nothing else. What it says about content is believed, so it belongs to its user alone.
"""

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from image_assets.archive import Packing
from image_assets.frozen import dataclass
from image_assets.oci.model import digest_of
from image_assets.transfer.manifests import SentLayer

_FORMAT = 1
#: A large image has 100 layers: this remembers some dozens of images in less than a megabyte.
_MAX_BLOBS = 4096
#: Repositories to ask for a mount, the latest first; each question takes a round trip.
_MAX_PLACES = 4

V = TypeVar("V")


@dataclass(frozen=True)
class PackedLayer:
    """What became of a layer.

    Attributes:
        digest: Of the packed layer.
        size: Of the packed layer, in bytes.
        packing: How it is packed.
        plain_size: Of its plain tar, in bytes.
        exact: Whether `plain_size` was measured, not guessed.
    """

    digest: str
    size: int
    packing: str
    plain_size: int
    exact: bool = True

    @property
    def sent(self) -> SentLayer:
        """The same, as manifests name it."""
        return SentLayer(self.digest, self.size, Packing(self.packing))


class BlobMemory:
    """The memory, in one file; used by all threads of a process, and by several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._layers: dict[str, PackedLayer] = {}
        self._places: dict[str, list[str]] = {}
        self._changed = False

    @classmethod
    def of_user(cls, environ: Mapping[str, str] | None = None) -> "BlobMemory":
        """Return the user's own memory (XDG Base Directory specification, `XDG_CACHE_HOME`).

        That of a user without a directory, as in some containers, has no file and ends with the process.
        """
        env = os.environ if environ is None else environ
        base = Path(env.get("XDG_CACHE_HOME") or Path(env.get("HOME", ""), ".cache"))
        return cls(Path(base if base.is_absolute() else os.devnull, "image-assets", "blobs.json"))

    def layer(self, diff_id: str, variant: str) -> PackedLayer | None:
        """Return what became of a layer that was packed in that way."""
        with self._lock:
            self._load()
            return _refreshed(self._layers, f"{diff_id} {variant}")

    def remember(self, diff_id: str, variant: str, layer: PackedLayer) -> None:
        """Note what became of a layer."""
        with self._lock:
            _put_last(self._layers, f"{diff_id} {variant}", layer)
            self._changed = True

    def forget(self, diff_id: str, variant: str) -> None:
        """Drop a note that turned out wrong."""
        with self._lock:
            self._changed = self._layers.pop(f"{diff_id} {variant}", None) is not None or self._changed

    def repositories_with(self, registry: str, digest: str) -> tuple[str, ...]:
        """Return the repositories of a registry that had the blob, the latest first."""
        with self._lock:
            self._load()
            found = _refreshed(self._places, f"{registry} {digest}")
            return tuple(found or ())

    def note_repository(self, registry: str, digest: str, repository: str) -> None:
        """Note that a repository has a blob."""
        with self._lock:
            before = self._places.get(key := f"{registry} {digest}", [])
            if before[:1] != [repository]:
                now = [repository, *(one for one in before if one != repository)][:_MAX_PLACES]
                _put_last(self._places, key, now)
                self._changed = True

    def save(self) -> None:
        """Write the file if there is something new; what another process wrote meanwhile is kept."""
        with self._lock, contextlib.suppress(OSError):
            if not self._changed:
                return
            layers, places = _read(self._path)
            self._layers, self._places = _merged(layers, self._layers), _merged(places, self._places)
            self._write()
            self._changed = False

    def _load(self) -> None:
        """Read the file if it changed."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            layers, places = _read(self._path)
            self._layers, self._places = _merged(layers, self._layers), _merged(places, self._places)
            self._stamp = stamp

    def _write(self) -> None:
        """Replace the file at once; a reader sees the old or the new one, whole."""
        layers = {key: list(asdict(layer).values()) for key, layer in self._layers.items()}
        body = json.dumps({"layers": layers, "places": self._places}, separators=(",", ":"))
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # `mkstemp` makes it readable by its owner only.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(_head(body) + "\n" + body)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink()
            raise
        self._stamp = _stamp(self._path)


@contextlib.contextmanager
def saving(memory: BlobMemory) -> Iterator[None]:
    """Save in the end, also of what fails: what was sent by then need not be sent again."""
    try:
        yield
    finally:
        memory.save()


def _read(path: Path) -> tuple[dict[str, PackedLayer], dict[str, list[str]]]:
    """Read a file; a missing, damaged or foreign one says nothing."""
    try:
        head, _, body = path.read_text(encoding="utf-8").partition("\n")
        if head != _head(body) or not _is_own(path):
            return {}, {}
        document: dict[str, Any] = json.loads(body)
        layers = {key: PackedLayer(*fields) for key, fields in document["layers"].items()}
        return layers, {key: list(places) for key, places in document["places"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, {}


def _head(body: str) -> str:
    """Return the line before the body: the format, and a checksum against damage."""
    return f"image-assets blobs {_FORMAT} {digest_of(body.encode())}"


def _is_own(path: Path) -> bool:
    """Say whether nobody else could have written the file."""
    status = path.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what changes when the file is replaced."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _merged(older: dict[str, V], newer: dict[str, V]) -> dict[str, V]:
    """Join two memories; the least lately used entries go first."""
    joined = {**{key: value for key, value in older.items() if key not in newer}, **newer}
    return dict(list(joined.items())[-_MAX_BLOBS:])


def _refreshed(entries: dict[str, V], key: str) -> V | None:
    """Return an entry and count it as used now."""
    if (value := entries.get(key)) is not None:
        _put_last(entries, key, value)
    return value


def _put_last(entries: dict[str, V], key: str, value: V) -> None:
    """Set an entry as the latest one."""
    entries.pop(key, None)
    entries[key] = value
