"""Looking at a repository, and deleting from it, by the OCI distribution API."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from image_assets.errors import RegistryError
from image_assets.oci import Manifest, RegistryClient
from image_assets.retention.documents import Parts, parts_of
from image_assets.retention.model import Deletions, Done, Held, Stored
from image_assets.retention.rules import readable_time, subject_of_tag, with_what_it_needs
from image_assets.task import Task

A = TypeVar("A")
B = TypeVar("B")

_AT_ONCE: Final = 8
_MISSING: Final = 404
_READ: Final = 200
_LONGEST_CONFIG: Final = 8 << 20
#: Tags are listed anew before each deletion, in large repositories only so often that pages are no more than deletions.
_TAGS_A_PAGE: Final = 1000
#: The tags that stay are looked at again then, too, while that takes no more requests than this.
_MOST_LOOKS: Final = 5_000


@dataclass
class _Found:
    """A manifest as it is read."""

    size: int
    parts: Parts
    tags: list[str] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)


class OciRepository:
    """One repository of a registry.

    Args:
        client: Its registry.
        path: Its name inside the registry.
        task: Stops it, and shows how far it is.
    """

    def __init__(self, client: RegistryClient, path: str, task: Task) -> None:
        self._client = client
        self._path = path
        self._task = task
        self._lists_referrers = True
        self._deletes_tags = True

    # --- looking

    def look(self, named: Iterable[str]) -> dict[str, Stored]:
        """Return what the repository holds, as far as a registry shows it: what tags and digests lead to.

        Args:
            named: Digests that something names, for what has no tag.

        Raises:
            RegistryError: Something could not be asked for.
        """
        tags = self._client.list_tags(self._path)
        self._task.status(f"reading {len(tags)} tags")
        found: dict[str, _Found] = {}
        faults = []
        for tag, read in _side_by_side(self._read, tags):
            if isinstance(read, str):
                faults.append(Stored("", (tag,), fault=read))
            elif read:
                _enter(found, read).tags.append(tag)
        self._follow(found, named)
        created = self._created(found)
        held = {digest: _stored(digest, one, created) for digest, one in found.items()}
        return held | {one.key: one for one in faults}

    def _read(self, reference: str) -> Manifest | str | None:
        """Read a manifest; None if it is not there, a text if the registry answers with what is none."""
        try:
            return self._client.get_manifest(self._path, reference)
        except RegistryError as error:
            if error.status == _READ:
                return str(error)
            if error.status != _MISSING or self._client.head_manifest(self._path, reference) is not None:
                raise
            return None

    def _follow(self, found: dict[str, _Found], named: Iterable[str]) -> None:
        """Add what is in what was found, what refers to it and what it refers to, until there is no more."""
        for one in found.values():
            one.subjects.update(one.parts.subject, filter(None, map(subject_of_tag, one.tags)))
        asked: set[str] = set()
        todo = {*named, *_leads(found.values())}
        new = list(found)
        while todo or new:
            todo |= self._referrers(new)
            todo -= asked | found.keys()
            asked |= todo
            self._task.status(f"reading {len(todo)} manifests without tags")
            new = []
            for _, read in _side_by_side(self._read, sorted(todo)):
                if isinstance(read, Manifest):
                    one = _enter(found, read)
                    one.subjects.update(one.parts.subject)
                    new.append(read.descriptor.digest)
            todo = set(_leads(found[digest] for digest in new)) - asked - found.keys()

    def _referrers(self, digests: Sequence[str]) -> set[str]:
        """Return what the registry lists as referring to manifests, once its first answer shows that it keeps lists."""
        if not self._lists_referrers or not digests:
            return set()
        first, *others = digests
        listed = self._client.known_referrers(self._path, first)
        if listed is None:
            self._lists_referrers = False
            return set()
        every = set(listed)
        for digest, more in _side_by_side(lambda one: self._client.known_referrers(self._path, one), others):
            if more is None:
                raise RegistryError(f"the registry lists referrers of {first}, but none of {digest}")
            every.update(more)
        return every

    def _created(self, found: Mapping[str, _Found]) -> Mapping[str, datetime]:
        configs = {one.parts.config for one in found.values() if one.parts.config}
        self._task.status(f"reading the time of {len(configs)} images")
        own = {config: time for config, time in _side_by_side(self._time, sorted(configs)) if time}
        times: dict[str, datetime] = {}
        for digest in found:
            below = (found[one] for one in _below(found, digest))
            known = [own[one.parts.config] for one in below if one.parts.config in own]
            if known:
                times[digest] = max(known)
        return times

    def _time(self, config: str) -> datetime | None:
        content = bytearray()
        try:
            for chunk in self._client.get_blob(self._path, config):
                content += chunk
                if len(content) > _LONGEST_CONFIG:
                    return None
            document = json.loads(content)
        except RegistryError as error:
            if error.status != _MISSING:
                raise
            return None
        except ValueError:
            return None
        return readable_time(document.get("created")) if isinstance(document, dict) else None

    # --- deleting

    def remove(self, held: Held, going: Sequence[Stored], deletions: Deletions) -> None:
        """Delete manifests, each only if nothing has changed about it since the look.

        Args:
            held: What the look found.
            going: What goes, in order.
            deletions: Takes down what was done.

        Raises:
            RegistryError: The registry refused or failed; what was done until then stands in `deletions`.
            CancelledByUserError: The user cancelled; the same.
        """
        watch = _Watch(self, held, {one.key for one in going}, deletions)
        others = len(watch.tags) - sum(len(one.tags) for one in going)
        listed_every = -(-len(watch.tags) // _TAGS_A_PAGE) or 1
        all_every = max(1, others * len(going) // _MOST_LOOKS)
        for number, one in enumerate(going):
            self._task.check()
            self._task.status(f"deleting {number + 1} of {len(going)}")
            if number % listed_every == 0:
                watch.look(every=number % all_every < listed_every)
            if one.key not in deletions.done:
                self._remove(one, watch, deletions)
        if watch.deleted:
            watch.look(every=others <= _MOST_LOOKS)
            self._put_back(watch, deletions)

    def _put_back(self, watch: "_Watch", deletions: Deletions) -> None:
        """Store again what a tag needs that was written between a look and a deletion; blobs stay longer."""
        for digest, manifest in reversed(watch.deleted.items()):
            if digest in watch.lost:
                self._client.put_manifest(self._path, digest, manifest.content, manifest.descriptor.media_type)
                deletions.done[digest] = (Done.KEPT, "a tag has come to need it, so that it was put back")

    def _remove(self, one: Stored, watch: "_Watch", deletions: Deletions) -> None:
        now = {tag: self.digest_of(tag) for tag in one.tags}
        if moved := [tag for tag, digest in now.items() if digest not in {None, one.digest}]:
            watch.keep(one.digest, f"its tag {moved[0]} has moved since the look")
            return
        there = [tag for tag, digest in now.items() if digest]
        if one.tags and not there:
            # Whoever took the tags away may be in the middle of it, or the registry keeps what has no tag.
            deletions.done[one.key] = (Done.GONE, "")
        read = self._read(one.digest)
        if isinstance(read, Manifest):
            watch.deleted[one.digest] = read
        untagged = self._delete_tags(there)
        if self._client.delete_manifest(self._path, one.digest):
            deletions.done.setdefault(one.key, (Done.DELETED, ""))
        elif untagged and there:
            deletions.done[one.key] = (Done.DELETED, "")
            deletions.note("the registry deletes tags, but no manifests: its own clean-up has to take those")
        elif not one.tags:
            deletions.done.setdefault(one.key, (Done.KEPT, "the registry deletes no manifests"))
        elif there:
            raise RegistryError(
                f"{self._client.registry} deletes neither tags nor manifests (405, or as it words that): allow it "
                "(docker-registry: `storage.delete.enabled`), or use its own clean-up",
                method="DELETE",
                status=405,
            )

    def _delete_tags(self, tags: Sequence[str]) -> bool:
        """Delete single tags where the registry can: so one that is written now stays, and what it holds with it."""
        for tag in tags if self._deletes_tags else ():
            if not self._client.delete_manifest(self._path, tag):
                self._deletes_tags = False
                return False
        return self._deletes_tags

    def digest_of(self, tag: str) -> str | None:
        """Return the digest that a tag holds now."""
        found = self._client.head_manifest(self._path, tag)
        return found.digest if found else None

    def list_tags(self) -> list[str]:
        """Return all tags."""
        return self._client.list_tags(self._path)

    def children(self, digest: str) -> tuple[str, ...]:
        """Return the manifests in what may be an index."""
        read = self._read(digest)
        return parts_of(read.content).children if isinstance(read, Manifest) else ()


class _Watch:
    """Takes note of tags that appear or move while others are deleted: what they hold stays."""

    def __init__(self, repository: OciRepository, held: Held, going: set[str], deletions: Deletions) -> None:
        self._repository = repository
        self._held = held
        self._going = going
        self._deletions = deletions
        self.tags = {tag: one.digest for one in held.values() for tag in one.tags}
        #: What was deleted, oldest first, and which of it is needed now.
        self.deleted: dict[str, Manifest] = {}
        self.lost: set[str] = set()
        self._staying = [tag for tag, digest in self.tags.items() if digest and digest not in going]

    def look(self, *, every: bool) -> None:
        """List the tags, and ask for those that are new, or for all that are not to go."""
        listed = self._repository.list_tags()
        asked = [tag for tag in listed if tag not in self.tags] + (self._staying if every else [])
        for tag, digest in _side_by_side(self._repository.digest_of, asked):
            if digest and self.tags.get(tag) != digest:
                self.keep(digest, f"the tag {tag} has come to hold it since the look")
                self.tags[tag] = digest

    def keep(self, digest: str, why: str) -> None:
        """Keep a manifest with all that it needs."""
        todo = [digest]
        seen = set()
        while todo:
            one = todo.pop()
            seen.add(one)
            inside = self._held[one].children if one in self._held else self._repository.children(one)
            todo += [child for child in inside if child not in seen]
            for key in with_what_it_needs(self._held, one) & self._going:
                what, _ = self._deletions.done.setdefault(key, (Done.KEPT, why))
                if what is not Done.KEPT:
                    self.lost.add(key)


def _side_by_side(call: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
    """Call for each, several at a time, and yield each with its result in their order; the first error ends it."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            yield from zip(items, pool.map(call, items), strict=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _enter(found: dict[str, _Found], read: Manifest) -> _Found:
    digest = read.descriptor.digest
    if digest not in found:
        found[digest] = _Found(len(read.content), parts_of(read.content))
    return found[digest]


def _leads(found: Iterable[_Found]) -> Iterator[str]:
    for one in found:
        yield from one.parts.children
        yield from one.subjects


def _below(found: Mapping[str, _Found], digest: str) -> Iterator[str]:
    """Yield a manifest and those in it."""
    todo, seen = [digest], set()
    while todo:
        one = todo.pop()
        if one in found and one not in seen:
            seen.add(one)
            yield one
            todo += found[one].parts.children


def _stored(digest: str, one: _Found, created: Mapping[str, datetime]) -> Stored:
    return Stored(
        digest,
        tuple(sorted(one.tags)),
        created=created.get(digest),
        size=one.size,
        blobs=one.parts.blobs,
        children=one.parts.children,
        subjects=tuple(sorted(one.subjects - {digest})),
    )
