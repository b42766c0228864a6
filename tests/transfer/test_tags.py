"""Tags are written last, checked, and never moved (R5, R27, R39)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from image_assets.archive import open_archive
from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.task import Task
from image_assets.transfer import Sent, add_tags, check_tag, holds, write_tag
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
        registry.fail("HEAD", "/manifests/t", answer(404, "MANIFEST_UNKNOWN"), times=2)
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
                expected = holds(archive, client, "a/b")
            assert expected(found) is right
        with pytest.raises(RegistryError, match="not overwritten"):
            check_tag(found, "a/b:t", expected)


def test_a_cancelled_upload_ends_soon(tmp_path: Path) -> None:
    big = MadeImage((tar_of({"x": bytes(3_000_000)}),))
    with FakeRegistry() as registry:
        registry.fail("PATCH", "/uploads/", silence())
        publisher = Publisher(registry.host, tmp_path)
        threading.Timer(0.5, publisher.task.cancelled.set).start()
        started = time.monotonic()
        with pytest.raises(CancelledByUserError):
            publisher.send(docker_save(big), "a/b")
        assert time.monotonic() - started < 4
