"""Opening an archive: which of its images is meant, and what that image's identity is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from os import close
from pathlib import Path
from types import MappingProxyType

from image_assets.archive import docker_save, oci_layout
from image_assets.archive.contents import Contents, contents_of
from image_assets.archive.directory import DirectoryContents, open_regular
from image_assets.archive.image import LayoutImage, SavedImage
from image_assets.archive.refusal import refuse, within
from image_assets.archive.selection import Candidate, choose, matches
from image_assets.archive.stream import FileBytes
from image_assets.archive.tar import Member
from image_assets.errors import ArchiveError, InputError
from image_assets.frozen import dataclass
from image_assets.oci.media_types import INDEXES

#: Enough of a digest to see that it changed.
_SHORT_DIGITS = 12
_REMEDY = "write it anew, as `docker save --output FILE IMAGE` or `skopeo copy SOURCE oci-archive:FILE` do"
#: Most rows that the provider keeps of any source.
_MAX_ROWS = 1000

Image = SavedImage | LayoutImage


@dataclass(frozen=True)
class Archive:
    """One image of an archive.

    Attributes:
        name: The archive as messages call it.
        image: The image that was selected.
        names: The references under which the archive holds images.
    """

    name: str
    image: Image
    names: tuple[str, ...]
    _contents: Contents

    @property
    def identity(self) -> str:
        """What the image is called by its content; see the package's docstring for the rule."""
        return self.image.digest if isinstance(self.image, SavedImage) else self.image.top.descriptor.digest

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of the image, `os/architecture[/variant]`."""
        if isinstance(self.image, LayoutImage):
            return self.image.platforms
        return (self.image.platform,) if self.image.platform else ()

    @cached_property
    def outline(self) -> Mapping[str, str]:
        """The image's parts with short digests, for saying what changed; at most 1,000 rows."""
        return MappingProxyType(dict(list(_rows(self.image))[:_MAX_ROWS]))

    @property
    def forwards(self) -> bool:
        """Whether parts are cheap to read only in the order in which they stand."""
        return self._contents.forwards

    def read(self, member: Member) -> Iterator[bytes]:
        """Read one member in chunks, from its start; threads may read several at once.

        Raises:
            ArchiveError: The file was changed or is damaged.
        """
        return self._contents.read(member)

    def stream(self, wanted: Iterable[Member]) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Read several members in the order in which they stand; read each before asking for the next.

        Raises:
            ArchiveError: The file was changed or is damaged.
        """
        return self._contents.stream(wanted)


@contextmanager
def open_archive(path: Path, image: str | None = None) -> Iterator[Archive]:
    """Open an image archive, recognised by its content, and select one image.

    Args:
        path: A docker-save or OCI-layout tar, plain or packed, or the directory of one.
        image: The reference, digest or ID of the image that is meant; None if there is only one.

    Raises:
        ArchiveError: The archive is damaged, hostile or holds no image.
        InputError: The file cannot be opened (property `tarballFile`), or `image` does not name exactly one image.
    """
    with _named(str(path)), _contents(path) as contents:
        selected, names = _select(contents, image)
        _check_distinct(selected)
        yield Archive(str(path), selected, names, contents)


@contextmanager
def _contents(path: Path) -> Iterator[Contents]:
    """Open a file or a directory, and close it in the end.

    Raises:
        InputError: It cannot be opened.
    """
    try:
        descriptor = None if path.is_dir() else open_regular(path)
    except OSError as error:
        raise InputError.single("tarballFile", f"{path} cannot be read: {error.strerror}") from error
    if descriptor is None:
        yield DirectoryContents(path)
        return
    try:
        yield contents_of(FileBytes(descriptor))
    finally:
        close(descriptor)


def _select(contents: Contents, image: str | None) -> tuple[Image, tuple[str, ...]]:
    """Read the archive's lists and choose; an index that is here whole comes before `manifest.json`."""
    saved, layout = contents.find(docker_save.MANIFEST), contents.find(oci_layout.INDEX)
    if saved is not None:
        whole = _whole_index(contents, layout, image) if layout else None
        return whole or _choose(docker_save.candidates(contents, saved), image)
    if layout is not None:
        return _choose_layout(contents, layout, image)
    raise refuse(f"is no image archive: it holds neither {docker_save.MANIFEST} nor {oci_layout.INDEX}")


def _whole_index(contents: Contents, layout: Member, image: str | None) -> tuple[Image, tuple[str, ...]] | None:
    """Return the index of several platforms that the archive holds whole beside its `manifest.json`, if it does.

    containerd's `docker save` lists one platform in `manifest.json`, and in `index.json` all, also those not pulled.
    """
    try:
        listed = oci_layout.candidates(oci_layout.read(contents, layout), contents)
    except ArchiveError:
        return None
    indexes = [one for one in listed if one.value.top.descriptor.media_type in INDEXES and len(one.value.platforms) > 1]
    return _choose(indexes, image) if len(listed) == len(indexes) and matches(indexes, image) else None


def _choose_layout(contents: Contents, index: Member, image: str | None) -> tuple[Image, tuple[str, ...]]:
    """Choose among the images of a layout; one inside an index only if nothing above it is called so."""
    layout = oci_layout.read(contents, index)
    listed = oci_layout.candidates(layout, contents)
    inside = [] if image is None or matches(listed, image) else oci_layout.nested(layout, contents)
    return _choose([*listed, *(one for one in inside if matches([one], image))], image)


def _choose(listed: Sequence[Candidate[Image]], image: str | None) -> tuple[Image, tuple[str, ...]]:
    """Choose, and list all names."""
    return choose(listed, image), tuple(name for one in listed for name in one.names)


def _check_distinct(image: Image) -> None:
    """Refuse one file, reached by links, in place of two different parts: at most one of them can be right."""
    parts = [(layer.diff_id, layer.member) for layer in image.layers] if isinstance(image, SavedImage) else []
    blobs = [(blob.descriptor.digest, blob.member) for blob in image.blobs] if isinstance(image, LayoutImage) else []
    digests: dict[Member, str] = {}
    for digest, member in (*parts, *blobs):
        if digests.setdefault(member, digest) != digest:
            raise refuse(f"stands for two different parts, {digests[member]} and {digest}", member.name)


def _rows(image: Image) -> Iterator[tuple[str, str]]:
    """Yield the parts of an image by a name that a person understands."""
    if isinstance(image, SavedImage):
        yield "config", _short(image.digest)
        for at, layer in enumerate(image.layers, 1):
            yield f"layer {at:02d}", _short(layer.diff_id)
        return
    for at, manifest in enumerate((*image.children, image.top)):
        yield manifest.descriptor.platform or f"manifest {at:02d}", _short(manifest.descriptor.digest)
    for at, blob in enumerate(image.blobs):
        yield f"blob {at:03d}", _short(blob.descriptor.digest)


def _short(digest: str) -> str:
    """Shorten a digest."""
    return digest.partition(":")[2][:_SHORT_DIGITS]


@contextmanager
def _named(archive: str) -> Iterator[None]:
    """Put the archive's name into errors."""
    try:
        yield
    except ArchiveError as error:
        raise within(archive, error, _REMEDY) from error
