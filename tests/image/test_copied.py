"""What a copy's preview tells while parts of the inputs are unknown or secret (R1, R36)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image_assets.custom_resource import Change, Job, State
from image_assets.errors import InputError
from image_assets.image.copied import CopiedImage
from image_assets.image.program import Program
from image_assets.inputs.in_memory import IN_MEMORY
from image_assets.inputs.replica import MOVED, SOURCE_DIGEST
from image_assets.inputs.settings import Settings
from image_assets.reference import Reference
from image_assets.task import Task
from image_assets.values import UNKNOWN, Secret, reveal
from tests.fakes.registry import Auth, FakeRegistry
from tests.transfer.test_copy import client, fill

URN = "urn:pulumi:dev::p::image-assets:index:ImageReplica$image-assets:index:CopiedImage::r"
DIGEST = f"sha256:{'ab' * 32}"


@pytest.fixture
def theirs() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def ours() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


def copied(tmp_path: Path, *, in_preview: bool = True) -> CopiedImage:
    made = CopiedImage(Program(Settings(cache_directory=str(tmp_path / "cache")), tmp_path))
    made.program.in_preview = in_preview
    return made


def preview(tmp_path: Path, **given: Any) -> dict[str, Any]:
    made, job = copied(tmp_path), Job(URN, preview=True)
    return dict(made.create(job, made.check(job, {}, given)).outputs)


def test_a_source_that_is_unknown_leaves_unknown_what_it_decides(tmp_path: Path) -> None:
    found = preview(tmp_path, source=UNKNOWN, repository="localhost:1/x")
    assert (found["imageUri"], found["imageDigest"], found["repositoryUrl"]) == (UNKNOWN, UNKNOWN, "localhost:1/x")
    assert preview(tmp_path, source=UNKNOWN, repository="localhost:1/x", tag="1")["imageUri"] == "localhost:1/x:1"
    assert preview(tmp_path, source=Secret(UNKNOWN), repository="localhost:1/x")["imageTag"] is UNKNOWN


def test_a_source_by_digest_has_an_address_before_it_is_there(tmp_path: Path) -> None:
    found = preview(tmp_path, source=f"localhost:1/y@{DIGEST}", repository="localhost:1/x")
    assert found["imageUri"] == f"localhost:1/x:{'ab' * 16}"


def test_a_repository_or_tag_that_is_unknown_hides_no_digest_that_is_known(
    tmp_path: Path, theirs: FakeRegistry
) -> None:
    source = fill(theirs.host)
    for unknown in ({"repository": UNKNOWN}, {"repository": "localhost:1/x", "tag": UNKNOWN}):
        found = preview(tmp_path, source=Secret(f"{theirs.host}/a/b:1"), **unknown)
        assert found["imageUri"] is UNKNOWN
        assert found["platforms"] == ["linux/amd64", "linux/arm64", "linux/s390x"]
    found = preview(tmp_path, source=f"{theirs.host}/a/b:1", repository="localhost:1/x")
    assert (found["imageUri"], found["imageDigest"]) == ("localhost:1/x:1", source.digest)


def test_logins_are_not_stored_and_go_to_their_own_registry_alone(tmp_path: Path) -> None:
    with FakeRegistry(auth=Auth("basic")) as ours, FakeRegistry() as theirs:
        fill(theirs.host)
        made, job = copied(tmp_path, in_preview=False), Job(URN)
        robot = {"username": "robot", "password": Secret("secret")}
        given = {"source": f"{theirs.host}/a/b:1", "repository": f"{ours.host}/x", "registryAuth": robot}
        checked = made.check(job, {}, {**given, "sourceAuth": {"username": "robot", "password": "other"}})
        assert (checked["registryAuth"], checked["sourceAuth"]) == (IN_MEMORY, IN_MEMORY)
        made.create(job, checked)
        sent = {seen.headers["authorization"] for seen in theirs.seen if "authorization" in seen.headers}
        assert sent == set()
        assert len({seen.headers.get("authorization") for seen in ours.calls()}) <= 2


def test_in_an_update_a_source_that_is_not_there_is_refused(tmp_path: Path, theirs: FakeRegistry) -> None:
    given = {"source": f"{theirs.host}/a/b:1", "repository": f"{theirs.host}/x"}
    with pytest.raises(InputError, match="there is no image"):
        copied(tmp_path, in_preview=False).check(Job(URN), {}, given)
    assert preview(tmp_path, **given)["imageDigest"] is UNKNOWN


@pytest.mark.parametrize("is_own", [False, True])
def test_a_preview_tells_that_a_source_is_not_there_unless_its_own_program_makes_it(
    tmp_path: Path, theirs: FakeRegistry, *, is_own: bool
) -> None:
    made, lines = copied(tmp_path), list[str]()
    source = Reference.parse(f"{theirs.host}/a/b:1")
    if is_own:
        made.program.own.note(source.repository, ("1",), UNKNOWN)
    job = Job(URN, Task(warn=lines.append), preview=True)
    made.check(job, {}, {"source": str(source), "repository": f"{theirs.host}/x"})
    assert [str(source) in line for line in lines] == ([] if is_own else [True])


@pytest.mark.parametrize("source", ["bad.tar", Secret("bad.tar")])
def test_an_archive_that_is_none_is_told_of_the_property_that_names_it(tmp_path: Path, source: Any) -> None:
    (tmp_path / "bad.tar").write_text("no tar")
    with pytest.raises(InputError, match=r"^source: .*not a tar archive"):
        preview(tmp_path, source=source, repository="localhost:1/x")


def test_a_tag_is_asked_for_again_only_where_it_may_have_moved(
    tmp_path: Path, theirs: FakeRegistry, ours: FakeRegistry
) -> None:
    first = fill(theirs.host)
    given: dict[str, Any] = {"source": f"{theirs.host}/a/b:1", "repository": f"{ours.host}/x"}
    made, job, lines = copied(tmp_path, in_preview=False), Job(URN), list[str]()
    checked = made.check(job, {}, given)
    state = made.create(job, checked)
    theirs.seen.clear()
    assert made.diff(job, state, made.check(job, checked, given)) == ()
    assert theirs.seen == []
    second = fill(theirs.host, note="moved")
    read = made.read(Job(URN, Task(warn=lines.append)), State(state.id, checked, state.outputs))
    assert read is not None
    assert read.inputs[MOVED] is True
    assert "has moved to" in lines[0]
    now = made.check(job, read.inputs, given)
    assert (now[SOURCE_DIGEST], MOVED in now) == (second.digest, False)
    assert made.diff(job, read, now) == (Change(SOURCE_DIGEST),)
    outputs = made.update(job, read, now)
    assert outputs["imageDigest"] == second.digest != first.digest
    assert client(ours.host).get_manifest("x", "1").descriptor.digest == second.digest


def test_a_copy_that_somebody_overwrote_is_made_again(tmp_path: Path, theirs: FakeRegistry, ours: FakeRegistry) -> None:
    source, other = fill(theirs.host), fill(ours.host, "x", note="other")
    given: dict[str, Any] = {"source": f"{theirs.host}/a/b@{source.digest}", "repository": f"{ours.host}/x", "tag": "2"}
    made, job = copied(tmp_path, in_preview=False), Job(URN)
    checked = made.check(job, {}, {**given, "retainOnDelete": False})
    state = made.create(job, checked)
    manifest = client(ours.host).get_manifest("x", other.digest)
    client(ours.host).put_manifest("x", "2", manifest.content, manifest.descriptor.media_type)
    read = made.read(job, state)
    assert read is not None
    assert read.outputs["imageDigest"] == other.digest
    assert made.diff(job, read, made.check(job, checked, {**given, "retainOnDelete": False}))
    outputs = made.update(job, read, checked)
    assert client(ours.host).get_manifest("x", "2").descriptor.digest == source.digest
    copied(tmp_path).delete(job, State(state.id, checked, reveal(outputs)))
    assert client(ours.host).list_tags("x") == ["1"]


def test_a_copy_that_is_there_is_looked_at_once(tmp_path: Path, theirs: FakeRegistry, ours: FakeRegistry) -> None:
    """R13: a new state finds the copy by its tag, and asks for no blob."""
    fill(theirs.host)
    given: dict[str, Any] = {"source": f"{theirs.host}/a/b:1", "repository": f"{ours.host}/x"}
    first, job = copied(tmp_path, in_preview=False), Job(URN)
    outputs = first.create(job, first.check(job, {}, given)).outputs
    ours.seen.clear()
    anew = copied(tmp_path, in_preview=False)
    assert anew.create(job, anew.check(job, {}, given)).outputs["imageDigest"] == outputs["imageDigest"]
    assert [(seen.method, seen.path) for seen in ours.calls()] == [("HEAD", "/v2/x/manifests/1")]
