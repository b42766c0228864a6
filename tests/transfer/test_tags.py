"""Tags are written last, checked, and never moved (R5, R27, R39)."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from image_assets.archive import open_archive
from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.task import Task
from image_assets.transfer import BlobMemory, Sent, add_tags, expected_of, refuse_other_image, write_tag
from tests.fakes.engine import FakeLocalImage
from tests.fakes.images import MadeImage, an_image, docker_save, oci_layout, tar_of
from tests.fakes.registry import FakeRegistry, Rules, answer, silence
from tests.support.registry import Registry
from tests.transfer.support import Publisher, digest

ONE, OTHER = an_image("one"), an_image("other")


def sent_of(publisher: Publisher, content: bytes, repository: str) -> Sent:
    return publisher.send(content, repository)


@pytest.mark.parametrize("content", [docker_save(ONE), oci_layout(ONE)], ids=["docker save", "layout"])
def test_the_tag_names_what_was_sent(
    publisher: Publisher, registry: Registry, repository_name: str, content: bytes
) -> None:
    written = publisher.tag(content, repository_name, "t")
    assert registry.digest(repository_name, "t") == written
    assert registry.tags(repository_name) == ["t"]


def test_a_tag_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        first = publisher.tag(docker_save(ONE), "a/b", "t")
        assert publisher.tag(docker_save(ONE), "a/b", "t") == first
        assert len(registry.calls("PUT", "/manifests/t")) == 1


def test_the_same_image_packed_otherwise_counts_as_published(tmp_path: Path) -> None:
    """The tag names the content: whoever was first wins, and nothing is overwritten."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        first = publisher.tag(docker_save(ONE), "a/b", "t")
        publisher.memory.unlink()
        assert publisher.tag(docker_save(ONE, pack="gzip"), "a/b", "t") == first


@pytest.mark.parametrize("make", [docker_save, oci_layout])
def test_a_tag_that_holds_another_image_is_reported_and_not_overwritten(tmp_path: Path, make: object) -> None:
    assert callable(make)
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        first = publisher.tag(make(ONE), "a/b", "t")
        with pytest.raises(RegistryError, match=r"a/b:t exists and holds .* which is not this image") as caught:
            publisher.tag(make(OTHER), "a/b", "t")
        assert first in str(caught.value)
        found = publisher.client().head_manifest("a/b", "t")
        assert found
        assert found.digest == first


def test_two_runs_against_immutable_tags_both_succeed(tmp_path: Path) -> None:
    """R27."""
    with FakeRegistry(rules=Rules(immutable_tags=True)) as registry:
        publisher = Publisher(registry.host, tmp_path)
        first = publisher.tag(docker_save(ONE), "a/b", "t")
        assert publisher.tag(docker_save(ONE), "a/b", "t") == first


@pytest.mark.parametrize("status", [400, 403, 405, 409, 412])
def test_a_race_lost_to_an_immutable_tag_is_success(tmp_path: Path, status: int) -> None:
    """R27: the other one writes between our look and our PUT; registries word the refusal differently."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = publisher.send(docker_save(ONE), "a/b")
        publisher.tag(docker_save(ONE), "a/b", "t")
        # Both the HEAD and the GET that explains it see nothing yet.
        registry.fail("HEAD", "/manifests/t", answer(404, "MANIFEST_UNKNOWN"))
        registry.fail("PUT", "/manifests/t", answer(status, "TAG_INVALID", message="already exists, immutable"))
        written = write_tag(publisher.client(), "a/b", "t", sent, publisher.task)
        assert written.digest == digest(sent)


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_without_a_tag_is_an_error_with_the_registrys_words(tmp_path: Path, status: int) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = publisher.send(docker_save(ONE), "a/b")
        registry.fail("PUT", "/manifests/t", answer(status, "DENIED", message="quota is used up"))
        with pytest.raises(RegistryError, match="quota is used up"):
            write_tag(publisher.client(), "a/b", "t", sent, publisher.task)


def test_a_tag_that_is_gone_right_after_it_was_written_is_an_error(tmp_path: Path) -> None:
    """R39: the tag is verified before success is reported."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = publisher.send(docker_save(ONE), "a/b")
        registry.fail("HEAD", "/manifests/t", answer(404, "MANIFEST_UNKNOWN"), times=1000)
        with pytest.raises(RegistryError, match="does not have it afterwards"):
            write_tag(publisher.client(), "a/b", "t", sent, publisher.task)


@pytest.mark.parametrize("immutable", [False, True])
def test_racing_publishers_of_one_image_all_succeed(tmp_path: Path, immutable: bool) -> None:  # noqa: FBT001 - a parameter
    """R27: two concurrent runs; each has a memory, a client and threads of its own."""
    with FakeRegistry(rules=Rules(immutable_tags=immutable)) as registry:
        start = Barrier(4)

        def run(number: int) -> str:
            directory = tmp_path / str(number)
            directory.mkdir()
            start.wait()
            return Publisher(registry.host, directory).tag(docker_save(ONE), "a/b", "t")

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(run, range(4)))) == 1


def test_more_tags_are_put_by_manifest_alone(tmp_path: Path) -> None:
    """R5: extra tags without building or sending."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        written = publisher.tag(docker_save(ONE), "a/b", "t")
        before = len(registry.calls("", "/blobs/"))
        client = publisher.client()
        assert add_tags(client, "a/b", written, ["v1", "latest", "v1"], publisher.task) == ("v1", "latest")
        assert add_tags(client, "a/b", written, ["v1", "latest"], publisher.task) == ()
        assert len(registry.calls("", "/blobs/")) == before
        assert set(client.list_tags("a/b")) == {"t", "v1", "latest"}


def test_more_tags_move(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        client = publisher.client()
        add_tags(client, "a/b", publisher.tag(docker_save(ONE), "a/b", "1"), ["latest"], publisher.task)
        second = publisher.tag(docker_save(OTHER), "a/b", "2")
        assert add_tags(client, "a/b", second, ["latest"], publisher.task) == ("latest",)
        found = client.head_manifest("a/b", "latest")
        assert found
        assert found.digest == second


def test_a_cancelled_deployment_writes_no_tag(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = publisher.send(docker_save(ONE), "a/b")
        cancelled = Task()
        cancelled.cancelled.set()
        with pytest.raises(CancelledByUserError):
            write_tag(publisher.client(), "a/b", "t", sent, cancelled)
        assert registry.calls("PUT", "/manifests/t") == []


def test_a_tag_that_was_found_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        publisher.tag(docker_save(ONE), "a/b", "t")
        client = publisher.client()
        found = client.head_manifest("a/b", "t")
        assert found
        for image, right in ((ONE, True), (OTHER, False)):
            with open_archive(publisher.write(docker_save(image, mtime=5))) as archive:
                expected = expected_of(archive, client, "a/b")
            assert expected(found) is right
        with pytest.raises(RegistryError, match="not overwritten"):
            refuse_other_image(found, "a/b:t", expected)


def test_a_cancelled_upload_ends_soon(tmp_path: Path) -> None:
    big = MadeImage((tar_of({"x": bytes(3_000_000)}),))
    with FakeRegistry() as registry:
        registry.fail("PATCH", "/uploads/", silence())
        publisher = Publisher(registry.host, tmp_path)
        threading.Timer(0.5, publisher.task.cancelled.set).start()
        started = time.monotonic()
        with pytest.raises(CancelledByUserError):
            publisher.send(docker_save(big), "a/b")
        assert time.monotonic() - started < 10


def test_a_tag_may_become_readable_late(tmp_path: Path) -> None:
    """A registry of several servers."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = publisher.send(docker_save(ONE), "a/b")
        registry.fail("HEAD", "/manifests/t", answer(404, "MANIFEST_UNKNOWN"), times=4)
        assert write_tag(publisher.client(), "a/b", "t", sent, publisher.task).digest == digest(sent)
        assert len(registry.calls("PUT", "/manifests/t")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_does_not_tell_what_is_not_there_is_written_to(tmp_path: Path, status: int) -> None:
    """Artifactory's virtual repositories say 403 for a tag that is not there."""
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        registry.fail("*", "/manifests/t", answer(status, "DENIED"), times=2)
        sent = publisher.send(docker_save(ONE), "a/b")
        assert write_tag(publisher.client(), "a/b", "t", sent, publisher.task).digest == digest(sent)


def test_who_may_neither_look_nor_send_hears_of_the_sending(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        client = Publisher(registry.host, tmp_path).client()
        registry.fail("*", "/manifests/t", answer(403, "DENIED"), times=99)
        registry.fail("POST", "/uploads/", answer(403, "DENIED", message="you may not push"), times=99)
        with pytest.raises(RegistryError, match="you may not push"):
            client.find_to_write("a/b", "t")


DOCKER, OCI = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(("takes", "pack"), [(DOCKER, "plain"), (OCI, "plain"), (OCI, "zstd"), (OCI, "gzip")])
@pytest.mark.parametrize(
    "refusal", [(415, "MANIFEST_INVALID"), (400, "MANIFEST_INVALID"), (422, "UNKNOWN"), (406, "UNSUPPORTED")]
)
def test_a_registry_of_one_family_of_media_types_gets_that_one(
    tmp_path: Path, takes: str, pack: str, refusal: tuple[int, str]
) -> None:
    """Zot takes OCI's only, old Artifactory and Quay Docker's only."""
    with FakeRegistry(Rules(takes=frozenset({takes}), refuses_kind=refusal)) as registry:
        publisher = Publisher(registry.host, tmp_path)
        written = publisher.tag(docker_save(ONE, pack=pack), "a/b", "t")
        media_type, content = registry.store.manifests["a/b"][registry.store.tags["a/b"]["t"]]
        assert (media_type, registry.store.tags["a/b"]["t"]) == (takes, written)
        assert json.loads(content)["mediaType"] == takes
        family = "vnd.oci" if takes == OCI else "vnd.docker"
        assert all(family in layer["mediaType"] for layer in json.loads(content)["layers"])
        image = FakeLocalImage(ONE)
        local = publisher.send_local(image, "a/c")
        assert local.manifest is not None
        assert local.manifest.descriptor.media_type == takes


def test_a_registry_that_takes_neither_family_says_so_once(tmp_path: Path) -> None:
    with FakeRegistry(Rules(takes=frozenset())) as registry:
        publisher = Publisher(registry.host, tmp_path)
        with pytest.raises(RegistryError, match="MANIFEST_INVALID"):
            publisher.send(docker_save(ONE), "a/b")
        assert len(registry.calls("PUT", "/manifests/")) == 2


class Engine(FakeLocalImage):
    """An engine whose push is the only way; other layers than its own would take too long."""

    @property
    def size(self) -> int:
        return 10_000_000_000


class Racing(Engine):
    """Another run writes the tag while this one pushes; the registry refuses to move it."""

    def __init__(self, made: MadeImage, publisher: Publisher, theirs: MadeImage) -> None:
        super().__init__(made)
        self.publisher, self.theirs = publisher, theirs

    def push(self, reference: str) -> None:
        super().push(reference)
        self.publisher.tag(docker_save(self.theirs), "a/b", "t")
        raise RegistryError("pushing failed: tag is immutable")


def pushed_by_engine(publisher: Publisher, image: FakeLocalImage) -> Sent:
    sent = publisher.send_local(image, "a/b", dict.fromkeys(image.diff_ids, 5_000_000_000))
    assert sent.push is not None
    return sent


def test_a_race_that_the_engines_push_lost_is_success_if_the_content_is_the_same(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = pushed_by_engine(publisher, Racing(ONE, publisher, ONE))
        written = write_tag(publisher.client(), "a/b", "t", sent, publisher.task)
        assert written.digest == registry.store.tags["a/b"]["t"]


def test_the_engine_does_not_move_a_tag_that_another_run_wrote_meanwhile(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        image = Engine(ONE)
        sent = pushed_by_engine(publisher, image)
        theirs = publisher.tag(docker_save(OTHER), "a/b", "t")
        assert write_tag(publisher.client(), "a/b", "t", sent, publisher.task).digest == theirs
        assert image.pushed == []


def test_a_tag_that_another_run_writes_while_the_engine_pushes_gets_its_image_back(tmp_path: Path) -> None:
    class Late(Engine):
        def push(self, reference: str) -> None:
            super().push(reference)
            theirs.append(publisher.tag(docker_save(OTHER), "a/b", "t"))
            looks = len(registry.calls("HEAD", "/manifests/t"))
            while len(registry.calls("HEAD", "/manifests/t")) == looks:
                time.sleep(0.01)
            own = publisher.send(docker_save(ONE), "a/b").manifest
            assert own is not None
            publisher.client().put_manifest("a/b", "t", own.content, own.descriptor.media_type)

    theirs: list[str] = []
    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = pushed_by_engine(publisher, Late(ONE))
        written = write_tag(publisher.client(), "a/b", "t", sent, publisher.task)
        assert [written.digest, registry.store.tags["a/b"]["t"]] == theirs * 2


def test_a_tag_that_holds_another_image_teaches_nothing_of_the_one_that_the_engine_pushed(tmp_path: Path) -> None:
    """Somebody else has overwritten it between the push and the look."""

    class Overwritten(Engine):
        def push(self, reference: str) -> None:
            super().push(reference)
            publisher.tag(docker_save(OTHER), "a/b", "t")

    with FakeRegistry() as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = pushed_by_engine(publisher, Overwritten(ONE))
        write_tag(publisher.client(), "a/b", "t", sent, publisher.task)
        memory = BlobMemory(publisher.memory)
        assert [memory.layer(diff_id, "any") for diff_id in ONE.diff_ids] == [None] * len(ONE.diff_ids)


def test_an_engines_manifest_that_the_registry_does_not_take_is_replaced_by_ours(tmp_path: Path) -> None:
    class Refused(Engine):
        def push(self, reference: str) -> None:
            super().push(reference)
            raise RegistryError("pushing failed: manifest invalid: unsupported media type")

    with FakeRegistry(Rules(takes=frozenset({OCI}))) as registry:
        publisher = Publisher(registry.host, tmp_path)
        sent = pushed_by_engine(publisher, Refused(ONE))
        written = write_tag(publisher.client(), "a/b", "t", sent, publisher.task)
        assert registry.store.manifests["a/b"][written.digest][0] == OCI
