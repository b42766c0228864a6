"""The OCI side of an archive: `index.json` and what it leads to.

Rules: OCI image spec, "Image Layout", "Image Index", "Image Manifest". A manifest that is an index and an image at
once, or whose `mediaType` is not what its descriptor says, is refused: different readers would run different things
(CVE-2021-41190).
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from image_assets.archive import documents
from image_assets.archive.contents import Contents
from image_assets.archive.digests import check
from image_assets.archive.documents import Document
from image_assets.archive.image import Blob, LayoutImage
from image_assets.archive.refusal import quoted, refuse
from image_assets.archive.selection import Candidate
from image_assets.archive.tar import Member
from image_assets.frozen import dataclass
from image_assets.oci.media_types import INDEXES, MANIFESTS
from image_assets.oci.model import Descriptor, Manifest

#: The document that makes an archive an OCI layout.
INDEX = "index.json"
_SCHEMA_VERSION = 2
_VERSION_FILE, _VERSION, _KNOWN_VERSION = "oci-layout", "imageLayoutVersion", "1.0.0"
#: Where tools write the reference: the spec's own annotation, and what containerd and BuildKit use.
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
#: OCI distribution spec, "Referrers Tag Schema": such a tag lists referrers and is no image of its own.
_REFERRERS_TAG = re.compile(r"sha256-[0-9a-f]{64}")
#: BuildKit's attestations stand in the index under this platform.
_NO_PLATFORM = "unknown/unknown"
_MAX_DEPTH = 4
#: However often one is named: an index that lists itself many times over multiplies.
_MAX_MANIFESTS = 1000
#: All of them together; a manifest has some kilobytes.
_MAX_MANIFEST_BYTES = 16 << 20
_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"},
)


@dataclass(frozen=True)
class Node:
    """A manifest or index with what it names.

    Attributes:
        manifest: It, byte for byte.
        document: The same, parsed.
        children: The manifests below it, if it is an index.
        blobs: Its config and layers, if it is an image.
    """

    manifest: Manifest
    document: Document
    children: tuple["Node", ...]
    blobs: tuple[Blob, ...]

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return self.manifest.descriptor.digest

    def below(self) -> Iterator["Node"]:
        """Yield everything under this node, what is deepest first, as a registry needs it."""
        for child in self.children:
            yield from child.below()
            yield child


@dataclass(frozen=True)
class Layout:
    """An OCI layout, read whole.

    Attributes:
        tops: What `index.json` lists.
        referrers: The manifests anywhere in it that have a `subject`, by its digest.
    """

    tops: tuple[Node, ...]
    referrers: Mapping[str, Sequence[Node]]


def read(contents: Contents, index: Member) -> Layout:
    """Read all manifests of a layout; layers are found, not read.

    Raises:
        ArchiveError: A document is damaged, or something is missing or has the wrong size or digest.
    """
    _check_version(contents)
    document = documents.parse_object(contents.document(index), INDEX)
    reader = _Reader(contents)
    tops = tuple(reader.node(one, 0) for one in documents.descriptors(document, "manifests", INDEX))
    referrers: dict[str, list[Node]] = {}
    for node in _all(tops):
        if subject := _subject(node):
            referrers.setdefault(subject, []).append(node)
    return Layout(tops, referrers)


def _check_version(contents: Contents) -> None:
    """Refuse a layout of another version (OCI image spec, "oci-layout file"); many tools leave the file out."""
    file = contents.find(_VERSION_FILE)
    if file is None:
        return
    version = documents.text(documents.parse_object(contents.document(file), _VERSION_FILE), _VERSION, _VERSION_FILE)
    if version != _KNOWN_VERSION:
        raise refuse(
            f"the image layout version is {quoted(str(version))}; only {quoted(_KNOWN_VERSION)} is known", _VERSION_FILE
        )


def candidates(layout: Layout, contents: Contents) -> list[Candidate[LayoutImage]]:
    """Return the images that the layout lists."""
    tops = [top for top in layout.tops if not _subject(top) and not _lists_referrers(top)]
    platforms = _Platforms(contents)
    return [_candidate(top, layout, platforms) for top in tops]


def nested(layout: Layout, contents: Contents) -> list[Candidate[LayoutImage]]:
    """Return the images inside the layout's indexes: they have no names, so only a digest selects them."""
    inner = [node for top in layout.tops for node in top.below()]
    platforms = _Platforms(contents)
    return [replace(_candidate(node, layout, platforms), names=()) for node in inner]


def _candidate(top: Node, layout: Layout, platforms: "_Platforms") -> Candidate[LayoutImage]:
    """Join an image with everything that must be sent with it."""
    nodes = (*top.below(), top)
    referrers = _referrers(nodes, layout.referrers)
    image = LayoutImage(
        top=top.manifest,
        children=_manifests(top.below()),
        referrers=_manifests(referrers),
        blobs=_once(blob for node in (*nodes, *referrers) for blob in node.blobs),
        platforms=tuple(dict.fromkeys(one for node in nodes for one in platforms.of(node))),
    )
    digests = (top.digest, *(blob.descriptor.digest for blob in top.blobs[:1]))
    return Candidate(_names(top), digests, image)


class _Reader:
    """Reads manifests, each once however often it is named, and not more than any layout has."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._content: dict[str, tuple[bytes, Document]] = {}
        self._blobs: dict[str, tuple[Blob, ...]] = {}
        self._nodes = 0
        self._bytes = 0

    def node(self, descriptor: Descriptor, depth: int) -> Node:
        """Read a manifest or index, and everything below it."""
        self._nodes += 1
        if self._nodes > _MAX_MANIFESTS:
            raise refuse(f"leads to more than {_MAX_MANIFESTS:,} manifests", INDEX)
        member = _find(self._contents, descriptor)
        content, document = self._document(descriptor, member)
        media_type = _media_type(descriptor, document, member.name)
        manifest = Manifest(replace(descriptor, media_type=media_type), content)
        if media_type in INDEXES:
            return Node(manifest, document, self._children(document, member.name, depth + 1), ())
        if descriptor.digest not in self._blobs:
            self._blobs[descriptor.digest] = _blobs(self._contents, document, member.name)
        return Node(manifest, document, (), self._blobs[descriptor.digest])

    def _document(self, descriptor: Descriptor, member: Member) -> tuple[bytes, Document]:
        """Return a document, and the same parsed."""
        if descriptor.digest not in self._content:
            self._bytes += member.size
            if self._bytes > _MAX_MANIFEST_BYTES:
                raise refuse(f"leads to more than {_MAX_MANIFEST_BYTES >> 20} MiB of manifests", INDEX)
            content = check(self._contents.document(member), descriptor.digest, member.name)
            self._content[descriptor.digest] = content, documents.parse_object(content, member.name)
        return self._content[descriptor.digest]

    def _children(self, document: Document, name: str, depth: int) -> tuple[Node, ...]:
        """Read what an index lists."""
        if depth > _MAX_DEPTH:
            raise refuse(f"is nested in more than {_MAX_DEPTH} indexes", name)
        return tuple(self.node(one, depth) for one in documents.descriptors(document, "manifests", name))


def _media_type(descriptor: Descriptor, document: Document, name: str) -> str:
    """Return what the document is, if nothing contradicts it."""
    version = document.get("schemaVersion")
    if version != _SCHEMA_VERSION or isinstance(version, bool):
        raise refuse(f'must have the schemaVersion {_SCHEMA_VERSION} (OCI image spec, "Image Manifest")', name)
    said = documents.text(document, "mediaType", name)
    media_type = descriptor.media_type or said
    if media_type not in INDEXES | MANIFESTS:
        raise refuse(f"has the media type {quoted(media_type)}, which is no image manifest or index", name)
    unexpected = ("config", "layers") if media_type in INDEXES else ("manifests",)
    if said not in ("", media_type) or any(key in document for key in unexpected):
        raise refuse(f"is called {quoted(media_type)} by its descriptor, but is something else", name)
    return media_type


def _blobs(contents: Contents, document: Document, name: str) -> tuple[Blob, ...]:
    """Find what an image manifest names."""
    config = documents.descriptor(document.get("config"), name, "config")
    named = (config, *documents.descriptors(document, "layers", name))
    return tuple(Blob(one, _find(contents, one)) for one in named if not _may_be_absent(contents, one))


def _may_be_absent(contents: Contents, descriptor: Descriptor) -> bool:
    """Say whether this is a layer that may not be distributed, and indeed is not here (Windows base images)."""
    foreign = "nondistributable" in descriptor.media_type or ".foreign." in descriptor.media_type
    return foreign and contents.find(_path(descriptor)) is None


def _find(contents: Contents, descriptor: Descriptor) -> Member:
    """Find a blob and compare its size."""
    member = contents.find(_path(descriptor))
    if member is None:
        kind = f"{descriptor.media_type or 'content'}{f' for {descriptor.platform}' if descriptor.platform else ''}"
        raise refuse(f"is missing: the layout names it ({kind}) but does not hold it", _path(descriptor))
    if member.size != descriptor.size:
        raise refuse(f"has {member.size:,} bytes, but its descriptor says {descriptor.size:,}", member.name)
    return member


def _path(descriptor: Descriptor) -> str:
    """Return where a layout keeps a blob."""
    return "blobs/" + descriptor.digest.replace(":", "/")


def _names(top: Node) -> tuple[str, ...]:
    """Return the references under which an image is listed."""
    notes = top.manifest.descriptor.annotations
    return tuple(dict.fromkeys(notes[key] for key in _NAMES if notes.get(key)))


def _subject(node: Node) -> str:
    """Return the digest of what the manifest refers to, "" if it does not refer to anything."""
    subject = node.document.get("subject")
    return str(subject.get("digest", "")) if isinstance(subject, dict) else ""


def _lists_referrers(top: Node) -> bool:
    """Say whether this is an index in place of the referrers API."""
    return any(_REFERRERS_TAG.fullmatch(name) for name in _names(top))


def _referrers(nodes: Iterable[Node], by_subject: Mapping[str, Sequence[Node]]) -> list[Node]:
    """Return what refers to these nodes, and what refers to that, in the order in which a registry takes it."""
    own = dict.fromkeys(node.digest for node in nodes)
    found, waiting = dict[str, Node](), deque(own)
    while waiting:
        for node in by_subject.get(waiting.popleft(), ()):
            for one in (*node.below(), node):
                if one.digest not in own and one.digest not in found:
                    found[one.digest] = one
                    waiting.append(one.digest)
    return list(found.values())


class _Platforms:
    """Tells the platforms of images; each config is read once."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._configured: dict[str, str | None] = {}

    def of(self, node: Node) -> Iterator[str]:
        """Yield an image's platform, from its descriptor or else from its config; attestations have none."""
        if node.children or _subject(node):
            return
        platform = node.manifest.descriptor.platform or self._from_config(node)
        if platform and platform != _NO_PLATFORM:
            yield platform

    def _from_config(self, node: Node) -> str | None:
        """Return the platform that an image's config says."""
        config = node.blobs[0] if node.blobs else None
        if config is None or config.descriptor.media_type not in _CONFIGS:
            return None
        digest = config.descriptor.digest
        if digest not in self._configured:
            content = check(self._contents.document(config.member), digest, config.member.name)
            document = documents.parse_object(content, config.member.name)
            self._configured[digest] = documents.platform_of(document, config.member.name)
        return self._configured[digest]


def _manifests(nodes: Iterable[Node]) -> tuple[Manifest, ...]:
    """Return each manifest once, in order."""
    return tuple({node.digest: node.manifest for node in nodes}.values())


def _once(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    """Return each blob once, in order."""
    return tuple({blob.descriptor.digest: blob for blob in blobs}.values())


def _all(tops: Iterable[Node]) -> Iterator[Node]:
    """Yield every node."""
    for top in tops:
        yield from top.below()
        yield top
