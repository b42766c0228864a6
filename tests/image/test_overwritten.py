"""What a preview tells of a tag that stays, where somebody else may have put another image under it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_assets.custom_resource import Job, State
from image_assets.errors import RegistryError
from image_assets.image.copied import CopiedImage
from image_assets.image.program import Program
from image_assets.image.resource import PublishedImage
from image_assets.image.tagged import TaggedImage
from image_assets.inputs.settings import Settings
from image_assets.oci import Descriptor
from image_assets.oci.media_types import OCI_INDEX
from image_assets.task import Task
from image_assets.values import UNKNOWN
from tests.fakes.certificates import make_certificates
from tests.fakes.images import an_image, docker_save
from tests.fakes.registry import FakeRegistry, answer
from tests.support.contexts import write_files
from tests.transfer.test_copy import client, fill

URN = "urn:pulumi:dev::p::image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::app"


@pytest.fixture(params=["http", "tls"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeRegistry]:
    tls = make_certificates(tmp_path, "localhost") if request.param == "tls" else None
    with FakeRegistry(tls=tls.server_context() if tls else None) as running:
        yield running


class Stack:
    """One resource, previewed and updated each time by a new process's memory.

    Attributes:
        warned: What was warned of.
    """

    def __init__(self, folder: Path, kind: Callable[[Program], TaggedImage], given: dict[str, Any]) -> None:
        self.folder, self.kind, self.given = folder, kind, given
        self.warned: list[str] = []

    def asked(self, *, preview: bool) -> tuple[Any, Job, dict[str, Any]]:
        made: Any = self.kind(Program(Settings(cache_directory=str(self.folder / "cache")), self.folder))
        job = Job(URN, Task(warn=self.warned.append), preview=preview)
        return made, job, made.check(job, {}, self.given)

    def up(self, old: State | None = None) -> State:
        made, job, checked = self.asked(preview=False)
        if old is None:
            state: State = made.create(job, checked)
            return state
        return State(old.id, checked, made.update(job, old, checked))

    def preview(self, old: State, **more: Any) -> dict[str, Any]:
        made, job, checked = self.asked(preview=True)
        assert made.diff(job, old, {**checked, **more})
        told: dict[str, Any] = made.update(job, old, {**checked, **more})
        return told


def tag_of(state: State) -> tuple[str, str]:
    """Return the repository's path and the tag of an image."""
    path, _, tag = str(state.outputs["imageUri"]).partition("/")[2].rpartition(":")
    return path, tag


def overwrite(registry: FakeRegistry, state: State, note: str) -> Descriptor:
    """Put another manifest of the same image under its tag, as somebody else would."""
    (path, tag), there = tag_of(state), client(registry.host)
    manifest = there.get_manifest(path, tag)
    content = json.dumps({**json.loads(manifest.content), "annotations": {"by": note}}).encode()
    return there.put_manifest(path, tag, content, manifest.descriptor.media_type)


def built(folder: Path, registry: FakeRegistry) -> tuple[Stack, State]:
    """Return an asset whose image somebody has built already."""
    write_files(folder, {"app/Dockerfile": "FROM scratch\n"})
    stack = Stack(folder, PublishedImage, {"directory": "app", "repository": f"{registry.host}/a/b"})
    made, job, checked = stack.asked(preview=True)
    there, source = client(registry.host), fill(registry.host)
    index = there.get_manifest("a/b", source.digest)
    there.put_manifest("a/b", made.create(job, checked).outputs["imageTag"], index.content, OCI_INDEX)
    return stack, stack.up()


def archived(folder: Path, registry: FakeRegistry) -> tuple[Stack, State]:
    """Return an asset of an archive."""
    (folder / "image.tar").write_bytes(docker_save(an_image()))
    given = {"tarballFile": "image.tar", "repository": f"{registry.host}/app"}
    stack = Stack(folder, PublishedImage, given)
    return stack, stack.up()


def copied(folder: Path, registry: FakeRegistry) -> tuple[Stack, State]:
    """Return a replica of an archive, whose digest only sending it tells."""
    (folder / "image.tar").write_bytes(docker_save(an_image()))
    stack = Stack(folder, CopiedImage, {"source": "./image.tar", "repository": f"{registry.host}/app", "tag": "1"})
    return stack, stack.up()


KINDS = pytest.mark.parametrize("make", [built, archived, copied])
Make = Callable[[Path, FakeRegistry], tuple[Stack, State]]


def digests(told: dict[str, Any]) -> set[Any]:
    return {told["imageDigest"], str(told["imageDigestUri"]).rpartition("@")[2]}


@KINDS
def test_a_tag_that_nobody_touched_keeps_its_digest(make: Make, tmp_path: Path, registry: FakeRegistry) -> None:
    stack, state = make(tmp_path, registry)
    for extra in ("one", "two"):
        stack.given["extraTags"] = [extra]
        assert digests(stack.preview(state)) == {state.outputs["imageDigest"]}
        state = stack.up(state)
    assert stack.warned == []


def test_what_somebody_put_under_a_builds_tag_is_foretold(tmp_path: Path, registry: FakeRegistry) -> None:
    stack, state = built(tmp_path, registry)
    for note in ("them", "them again"):
        other = overwrite(registry, state, note).digest
        stack.given["extraTags"] = [note.replace(" ", "-")]
        told = stack.preview(state)
        assert digests(told) == {other}
        state = stack.up(state)
        assert digests(told) == digests(dict(state.outputs)) == {other}
        line = f"{state.outputs['imageUri']} now holds {other}; somebody else has overwritten the tag"
        assert stack.warned == [line, line]
        stack.warned.clear()


def test_an_archive_under_whose_tag_is_another_image_promises_nothing(tmp_path: Path, registry: FakeRegistry) -> None:
    stack, state = archived(tmp_path, registry)
    path, tag = tag_of(state)
    (tmp_path / "image.tar").write_bytes(docker_save(an_image("other")))
    foreign = stack.up()
    manifest = client(registry.host).get_manifest(*tag_of(foreign))
    client(registry.host).put_manifest(path, tag, manifest.content, manifest.descriptor.media_type)
    (tmp_path / "image.tar").write_bytes(docker_save(an_image()))
    stack.given["extraTags"] = ["more"]
    assert stack.preview(state)["imageDigest"] is UNKNOWN
    assert "somebody else has overwritten the tag" in stack.warned[-1]
    with pytest.raises(RegistryError, match="was not overwritten"):
        stack.up(state)


@pytest.mark.parametrize("make", [archived, copied])
def test_the_same_image_in_another_manifest_is_not_promised(make: Make, tmp_path: Path, registry: FakeRegistry) -> None:
    stack, state = make(tmp_path, registry)
    other = overwrite(registry, state, "them").digest
    stack.given["extraTags"] = ["more"]
    assert stack.preview(state)["imageDigest"] is UNKNOWN
    assert stack.up(state).outputs["imageDigest"] == other


@KINDS
def test_a_tag_that_is_gone_or_that_nobody_tells_of_promises_nothing(
    make: Make, tmp_path: Path, registry: FakeRegistry
) -> None:
    stack, state = make(tmp_path, registry)
    stack.given["extraTags"] = ["more"]
    for method in ("HEAD", "GET"):
        registry.fail(method, f"/manifests/{tag_of(state)[1]}", answer(403, "DENIED"), times=9)
    assert stack.preview(state)["imageDigest"] is UNKNOWN
    assert "could not be looked up" in stack.warned[-1]
    registry.heal()
    seen = len(registry.seen)
    login = {"username": "u", "password": UNKNOWN}
    assert stack.preview(state, registryAuth=login)["imageDigest"] is UNKNOWN
    assert len(registry.seen) == seen
    path, tag = tag_of(state)
    del registry.store.tags[path][tag]
    assert stack.preview(state)["imageDigest"] is UNKNOWN


def by_digest(folder: Path, registry: FakeRegistry, **more: Any) -> tuple[Stack, State]:
    """Return a replica under a tag that is made of its digest."""
    source = fill(registry.host)
    given = {"source": f"{registry.host}/a/b@{source.digest}", "repository": f"{registry.host}/copy", **more}
    stack = Stack(folder, CopiedImage, given)
    return stack, stack.up()


def test_a_tag_made_of_the_digest_stays_where_somebody_put_another_image(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    """Neither a replica that is made anew takes it, nor one that has been there all the time; twice each."""
    stack, state = by_digest(tmp_path, registry)
    other = overwrite(registry, state, "them").digest
    stack.given["extraTags"] = ["more"]
    for before in (None, None, state, state):
        with pytest.raises(RegistryError, match="was not overwritten"):
            stack.up(before)
    path, tag = tag_of(state)
    assert registry.store.tags[path] == {tag: other}
    del registry.store.tags[path][tag]
    assert stack.up(state).outputs["imageDigest"] == state.outputs["imageDigest"]


def test_a_copy_follows_its_own_image_under_a_tag_that_names_the_content(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    """A destination of an asset whose image was lost, and built again to another digest."""
    stack, state = by_digest(tmp_path, registry, tag="1", namesContent=True)
    again = fill(registry.host, note="again").digest
    stack.given["source"] = f"{registry.host}/a/b@{again}"
    assert stack.preview(state)["imageDigest"] == again
    state = stack.up(state)
    assert registry.store.tags["copy"] == {"1": again}
    other = overwrite(registry, state, "them").digest
    stack.given["source"] = f"{registry.host}/a/b@{fill(registry.host, note='more').digest}"
    with pytest.raises(RegistryError, match="was not overwritten"):
        stack.up(state)
    assert registry.store.tags["copy"] == {"1": other}
