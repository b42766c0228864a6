"""Copying an image that is somewhere already: looked at, then by digest, the tag last.

the source, by tag -> its digest, which is what is copied whatever happens to the tag meanwhile
blobs and manifests, without the tag; signatures and the like, if they are wanted
the tag, checked
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from image_assets import platforms
from image_assets.aws.errors import advising
from image_assets.errors import InputError, RegistryError
from image_assets.frozen import dataclass
from image_assets.logins.given import Login
from image_assets.oci import Descriptor, RegistryClient
from image_assets.plan.target import Target
from image_assets.publishing.description import Description, describe
from image_assets.publishing.publisher import Published, Publisher
from image_assets.reference import Reference
from image_assets.task import Task
from image_assets.transfer import (
    Expected,
    Sent,
    Source,
    add_tags,
    chosen,
    copy,
    copy_referrers,
    expected_of,
    move_tag,
    send,
    tree,
    write_tag,
)

ReadyForTag = tuple[Sent, Expected]

_OF_AN_ARCHIVE: Final = "an archive is copied as it is"


@dataclass(frozen=True)
class Seen:
    """What a source was seen to be.

    Attributes:
        digest: What it is known by: the digest of its manifest or index, or an archive's identity.
        copied: The digest that the copy will have; None if only sending it tells.
        platforms: The platforms of the copy.
    """

    digest: str
    copied: str | None
    platforms: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """Where an image comes from.

    Attributes:
        image: It in a registry, or its archive.
        platforms: The platforms that are wanted of it, none for all.
        login: How its registry is reached.
    """

    image: Reference | Path
    platforms: tuple[str, ...] = ()
    login: Login = field(default_factory=Login)


@dataclass(frozen=True)
class CopyRequest:
    """One image that a repository is to have a copy of.

    Attributes:
        origin: Where it comes from.
        digest: What the source was seen to be.
        target: Where the copy goes.
        login: How its registry is reached.
        extra_tags: More tags for it.
        referrers: Whether what refers to the image comes along.
        names_content: Whether the tag names the content: then it stays where somebody else has put another image.
        ours: The digest that this resource has written to the tag, if any.
        task: Where to report.
    """

    origin: Origin
    digest: str
    target: Target
    login: Login
    extra_tags: tuple[str, ...]
    referrers: bool
    names_content: bool
    ours: str | None
    task: Task


class Replicator:
    """Copies images, each reference once at a time."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.registries = publisher.registries
        self.memory = publisher.content.memory

    def look(self, origin: Origin, default_platform: str, task: Task) -> Seen | None:
        """Return what a source is now, None if there is no such image.

        Raises:
            AssetError: It could not be asked, or lacks a platform that is wanted.
        """
        if isinstance(origin.image, Path):
            return look_at_archive(origin.image, origin.platforms)
        client = self.registries.client(origin.image.repository, task, origin.login)
        found = describe(client, origin.image, None, default_platform)
        if found is None:
            return None
        check_platforms(origin, found)
        source = Source(client, origin.image.repository.full_path, found.digest)
        top = chosen(source, origin.platforms)
        kept = tuple(map(platforms.normal, origin.platforms)) or found.platforms
        return Seen(found.digest, top.descriptor.digest, tuple(dict.fromkeys(kept)))

    def digest(self, origin: Origin, task: Task) -> str | None:
        """Return what a source is known by now, None if there is no such image; cheaper than `look`.

        Raises:
            AssetError: It could not be asked.
        """
        if isinstance(origin.image, Path):
            return look_at_archive(origin.image, ()).digest
        client = self.registries.client(origin.image.repository, task, origin.login)
        found = client.head_manifest(origin.image.repository.full_path, origin.image.identifier)
        return found.digest if found else None

    @advising()
    def copy(self, request: CopyRequest) -> Published:
        """Make the target's registry serve the copy under its tags.

        Raises:
            AssetError: A registry refused or failed, or the source is not what it was seen to be.
        """
        target, task, path = request.target, request.task, request.target.repository.full_path
        client = self.registries.client(target.repository, task, request.login)
        with self.publisher.one_at_a_time(str(target)):
            before = client.find_to_write(path, target.tag)
            if before is not None and is_whole_copy(before, request):
                return Published(before.digest, add_tags(client, path, before.digest, request.extra_tags, task))
            may_move = not request.names_content or (before is not None and before.digest == request.ours)
            write = move_tag if may_move else write_tag
            with self.sent(request, client) as (sent, expected):
                now = write(client, path, target.tag, sent, task, expected)
        written = () if before is not None and before.digest == now.digest else (target.tag,)
        extra = add_tags(client, path, now.digest, request.extra_tags, task)
        return Published(now.digest, (*written, *extra))

    @contextmanager
    def sent(self, request: CopyRequest, client: RegistryClient) -> Iterator[ReadyForTag]:
        """Send everything but the tag, and keep what writing the tag may still need."""
        path, task, image = request.target.repository.full_path, request.task, request.origin.image
        if isinstance(image, Path):
            from image_assets.archive import open_archive  # noqa: PLC0415 - most copies are of no archive

            with open_archive(image) as archive:
                if archive.identity != request.digest:
                    raise RegistryError(f"{image} holds another image than when it was looked at; run it again")
                yield send(archive, client, path, task, self.memory), expected_of(archive, client, path)
            return
        origin = self.registries.client(image.repository, task, request.origin.login)
        source = Source(origin, image.repository.full_path, request.digest)
        top = chosen(source, request.origin.platforms)
        sent = copy(source, client, path, task, self.memory, top)
        if request.referrers:
            digests = [manifest.descriptor.digest for manifest in tree(source, top)]
            copy_referrers(source, digests[::-1], client, path, task, self.memory)
        yield sent, same_as(top.descriptor.digest)


def is_whole_copy(found: Descriptor, request: CopyRequest) -> bool:
    """Say whether a tag holds just what is asked for: tags are written last, so that the rest is there, too."""
    origin = request.origin
    is_one_digest = not isinstance(origin.image, Path) and not origin.platforms
    return is_one_digest and not request.referrers and found.digest == request.digest


def same_as(digest: str) -> Expected:
    """Return what says whether a tag holds just this."""

    def judge(found: Descriptor) -> bool:
        return found.digest == digest

    return judge


def look_at_archive(path: Path, wanted: tuple[str, ...]) -> Seen:
    """Return what image an archive holds.

    Raises:
        AssetError: It cannot be read, holds several, or not just the platforms that are wanted.
    """
    from image_assets.archive import LayoutImage, open_archive  # noqa: PLC0415 - most copies are of no archive

    try:
        with open_archive(path) as archive:
            copied = archive.identity if isinstance(archive.image, LayoutImage) else None
            seen = Seen(archive.identity, copied, archive.platforms)
    except InputError as error:
        reasons = "; ".join(problem.reason for problem in error.problems)
        raise InputError.single(
            "source", f"{reasons} (TarballImageAsset takes an archive of several images)"
        ) from error
    if wanted and set(map(platforms.normal, wanted)) != set(seen.platforms):
        has = ", ".join(seen.platforms)
        raise InputError.single("platforms", f"{_OF_AN_ARCHIVE}, and {path} holds {has}: leave `platforms` out")
    return seen


def check_platforms(origin: Origin, found: Description) -> None:
    """Make sure that an image has the platforms that are wanted of it.

    Raises:
        InputError: It lacks some.
    """
    missing = sorted(set(map(platforms.normal, origin.platforms)) - set(found.platforms))
    if missing:
        has = ", ".join(found.platforms) or "none that it names"
        raise InputError.single("platforms", f"{origin.image} has no image for {', '.join(missing)}; it has: {has}")
