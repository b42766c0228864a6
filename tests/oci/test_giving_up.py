"""What goes wrong and does not pass: one error, in bounded time, that says what the registry said (R12, R39)."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.oci import Limits, NoKeychain, RegistryClient, digest_of
from image_assets.oci.media_types import OCI_MANIFEST
from image_assets.task import Task
from tests.fakes.registry import (
    Auth,
    FakeRegistry,
    Fault,
    Rules,
    answer,
    drip,
    header,
    reset,
    reset_after,
    silence,
    truncate,
)
from tests.oci.conftest import QUICK, NewClient, Place, Starter
from tests.oci.samples import CONFIG, Stream, known, manifest, noise, push_image

BLOB = noise(2_000_000)
IMPATIENT = replace(QUICK, answer=0.6, commit=0.6, stall=0.6, retrying=1.5)
# Far more than IMPATIENT allows for repetitions and a last answer, as the machine may be busy.
BOUND = 10.0
HOPELESS = {
    "reset": reset(),
    "reset in the body": reset_after(1000),
    "answer cut": truncate(20),
    "429": answer(429, "TOOMANYREQUESTS", message="slow down"),
    "500": answer(500, "UNKNOWN", message="disk full"),
    "503": answer(503),
    "silence": silence(),
    "one byte at a time": drip(0.1),
}


@pytest.mark.parametrize("fault", HOPELESS.values(), ids=HOPELESS)
def test_a_registry_that_never_recovers_is_one_error_in_bounded_time(
    strict: FakeRegistry, new_client: NewClient, fault: Fault
) -> None:
    strict.fail("*", "/uploads/", fault, times=10_000)
    began = time.monotonic()
    with pytest.raises(
        RegistryError, match=r"P\w+ https?://127\.0\.0\.1:\d+/v2/app/blobs/uploads/.*tried \d"
    ) as caught:
        new_client(strict, limits=IMPATIENT).upload_blob("app", known(BLOB))
    assert time.monotonic() - began < BOUND
    assert caught.value.temporary


def test_nobody_listening_is_known_within_five_seconds() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = RegistryClient(f"127.0.0.1:{free.getsockname()[1]}", NoKeychain(), Task())
        began = time.monotonic()
        with pytest.raises(RegistryError, match="Connection refused"):
            client.head_manifest("app", "v1")
    assert time.monotonic() - began < 5


def test_a_host_that_does_not_exist_is_named() -> None:
    client = RegistryClient("registry.invalid", NoKeychain(), Task(), limits=Limits(retrying=0.1))
    with pytest.raises(RegistryError, match=r"https://registry\.invalid/v2/.*name cannot be resolved"):
        client.head_manifest("app", "v1")


def test_a_retry_after_beyond_the_budget_ends_at_once(strict: FakeRegistry, new_client: NewClient) -> None:
    """RFC 9110, section 10.2.3."""
    strict.fail("HEAD", "/manifests/", answer(429, Retry_After="3600"), times=100)
    with pytest.raises(RegistryError, match="the registry asks to wait 3600 s"):
        new_client(strict).head_manifest("app", "v1")
    assert len(strict.calls("HEAD")) == 1


def test_a_retry_after_is_waited_for(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("HEAD", "/manifests/", answer(503, Retry_After="1"))
    assert new_client(strict).head_manifest("app", "v1") is None
    first, second = strict.calls("HEAD")
    assert second.at - first.at >= 1


@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 422])
def test_what_is_final_is_asked_only_once(strict: FakeRegistry, new_client: NewClient, status: int) -> None:
    """R12: only a 404 means that an image is gone."""
    strict.fail("*", "/manifests/", answer(status, "DENIED", message="the words of the registry"), times=100)
    client = new_client(strict)
    with pytest.raises(RegistryError) as caught:
        client.head_manifest("app", "v1")
    assert (caught.value.status, caught.value.temporary) == (status, False)
    assert len(strict.calls("HEAD")) == 1


@pytest.mark.parametrize(("kind", "remark"), [("basic", "; no credentials were found for 127"), ("none", "$")])
def test_a_refused_head_shows_what_a_get_says(start: Starter, new_client: NewClient, kind: str, remark: str) -> None:
    """Who had no credentials is told so only where the registry asks for some."""
    registry = start(auth=Auth(kind))
    registry.fail(
        "*", "/manifests/", answer(403, "DENIED", message="not authorized to perform: ecr:BatchGetImage"), times=9
    )
    with pytest.raises(RegistryError, match=rf"ecr:BatchGetImage \(DENIED\), HTTP 403{remark}"):
        new_client(registry, NoKeychain()).head_manifest("app", "v1")


def test_another_digest_than_ours_in_the_answer_is_an_error(strict: FakeRegistry, new_client: NewClient) -> None:
    other = digest_of(b"other")
    strict.fail("PUT", "/uploads/", header("Docker-Content-Digest", other))
    client = new_client(strict)
    with pytest.raises(RegistryError, match=f"the registry stored {other} where {CONFIG.digest} was sent"):
        client.upload_blob("app", CONFIG)
    push_image(client, "app")
    strict.fail("PUT", "/manifests/", header("Docker-Content-Digest", other))
    with pytest.raises(RegistryError, match=f"the registry stored {other}"):
        client.put_manifest("app", "v1", manifest(), OCI_MANIFEST)


def test_a_manifest_with_other_content_than_its_digest_is_refused(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    strict.store.manifests["app"][digest] = (OCI_MANIFEST, b"{}")
    with pytest.raises(RegistryError, match="the content has the digest"):
        client.get_manifest("app", digest)
    with pytest.raises(RegistryError, match="the content has the digest"):
        client.get_manifest("app", "v1")


def test_a_blob_with_other_content_than_its_digest_is_refused(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    client.upload_blob("app", CONFIG)
    strict.store.blobs["app"][CONFIG.digest] = b"other"
    with pytest.raises(RegistryError, match="the content does not have this digest"):
        list(client.get_blob("app", CONFIG.digest))


def test_a_huge_error_is_cut_and_a_huge_manifest_refused(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    digest = push_image(client, "other", "v1")
    strict.fail("PUT", "/manifests/", answer(400, body=b"A" * 5_000_000))
    with pytest.raises(RegistryError, match="AAAA") as caught:
        client.put_manifest("app", "v1", manifest(), OCI_MANIFEST)
    assert len(str(caught.value)) < 2000
    strict.store.manifests["other"][digest] = (OCI_MANIFEST, b" " * 9 * 2**20)
    with pytest.raises(RegistryError, match="larger than"):
        client.get_manifest("other", "v1")


def test_an_upload_without_a_location_is_an_error(strict: FakeRegistry, new_client: NewClient) -> None:
    """'Pushing blobs': POST MUST be answered with a Location."""
    strict.fail("POST", "/uploads/", header("Location", ""))
    with pytest.raises(RegistryError, match="no Location"):
        new_client(strict).upload_blob("app", CONFIG)


def test_redirects_in_a_circle_end(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("HEAD", "/manifests/", answer(307, Location="/v2/app/manifests/v1"), times=100)
    with pytest.raises(RegistryError, match="more than 5 redirects"):
        new_client(strict).head_manifest("app", "v1")


def test_a_tag_list_without_end_ends(strict: FakeRegistry, new_client: NewClient) -> None:
    push_image(new_client(strict), "app", "v1")
    strict.fail("GET", "/tags/", header("Link", '</v2/app/tags/list>; rel="next"'), times=10_000)
    with pytest.raises(RegistryError, match="pages of tags"):
        new_client(strict).list_tags("app")


@dataclass
class _Failing:
    """A blob whose reading fails."""

    error: Exception
    digest: str | None = None
    size: int | None = None

    def read(self) -> Iterator[bytes]:
        yield b"some bytes"
        raise self.error


@pytest.mark.parametrize(
    "error", [FileNotFoundError("layer.tar"), BrokenPipeError("docker save"), ValueError("damaged")]
)
def test_a_source_that_fails_is_not_taken_for_the_network(
    strict: FakeRegistry, new_client: NewClient, error: Exception
) -> None:
    with pytest.raises(type(error), match=str(error)):
        new_client(strict).upload_blob("app", _Failing(error))
    assert len(strict.calls("POST")) == 1


@pytest.mark.parametrize("size", [len(BLOB) - 1, len(BLOB) + 1], ids=["longer", "shorter"])
def test_content_of_another_length_than_announced_is_one_error_at_once(
    strict: FakeRegistry, new_client: NewClient, size: int
) -> None:
    began = time.monotonic()
    with pytest.raises(RegistryError, match="bytes that were announced"):
        new_client(strict, limits=Limits()).upload_blob("app", Stream(BLOB, digest=digest_of(BLOB), size=size))
    assert time.monotonic() - began < 10
    assert strict.store.blobs == {}


STUCK = {
    "no answer": ("POST", silence()),
    "one byte at a time": ("POST", drip(0.1)),
    "waiting to try again": ("POST", answer(503, Retry_After="50")),
    "no answer to the blob": ("PUT", silence()),
}


@pytest.mark.parametrize(("method", "fault"), STUCK.values(), ids=STUCK)
def test_a_cancelled_upload_ends_at_once(
    strict: FakeRegistry, new_client: NewClient, method: str, fault: Fault
) -> None:
    task = Task()
    strict.fail(method, "/uploads/", fault, times=100)
    threading.Timer(0.3, task.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledByUserError):
        new_client(strict, task=task, limits=Limits()).upload_blob("app", known(BLOB))
    assert time.monotonic() - began < 10


def test_a_cancelled_upload_ends_though_the_registry_stops_reading(new_client: NewClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        task = Task()
        threading.Timer(0.5, task.cancelled.set).start()
        place = Place(f"127.0.0.1:{server.getsockname()[1]}", NoKeychain())
        with pytest.raises(CancelledByUserError):
            new_client(place, task=task, limits=Limits()).upload_blob("app", known(BLOB))


def test_a_connection_that_is_not_made_ends_with_the_cancellation(new_client: NewClient) -> None:
    """A full backlog: the system answers no further connection, as a firewall that drops packets."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            early = waiting.enter_context(socket.socket())
            early.setblocking(False)
            early.connect_ex(server.getsockname())
        task = Task()
        threading.Timer(0.3, task.cancelled.set).start()
        began = time.monotonic()
        place = Place(f"127.0.0.1:{server.getsockname()[1]}", NoKeychain())
        with pytest.raises(CancelledByUserError):
            new_client(place, task=task, limits=Limits(connect=20)).list_tags("app")
    assert time.monotonic() - began < 10


def test_a_cancelled_download_ends_at_once(strict: FakeRegistry, new_client: NewClient) -> None:
    task = Task()
    new_client(strict).upload_blob("app", known(BLOB))
    strict.fail("GET", "/blobs/", drip(0.1))
    threading.Timer(0.3, task.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledByUserError):
        list(new_client(strict, task=task).get_blob("app", digest_of(BLOB)))
    assert time.monotonic() - began < 10


def test_a_download_that_drips_is_given_up(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict, limits=IMPATIENT)
    client.upload_blob("app", known(BLOB))
    strict.fail("GET", "/blobs/", drip(0.05, after=1000), times=99)
    began = time.monotonic()
    with pytest.raises(RegistryError, match="too little came for 1 s"):
        list(client.get_blob("app", digest_of(BLOB)))
    assert time.monotonic() - began < BOUND


def test_threads_that_wait_for_one_ping_share_its_failure(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("GET", "^/v2/$", silence(), times=1000)
    client = new_client(strict, limits=IMPATIENT)
    errors: list[RegistryError] = []

    def ask() -> None:
        with pytest.raises(RegistryError) as caught:
            client.head_manifest("app", "v1")
        errors.append(caught.value)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 8
    assert time.monotonic() - began < BOUND


def test_a_source_that_is_slow_is_not_taken_for_a_slow_network(strict: FakeRegistry, new_client: NewClient) -> None:
    class Slow(Stream):
        def read(self) -> Iterator[bytes]:
            for chunk in super().read():
                time.sleep(0.4)
                yield chunk

    limits = Limits(stall=0.2, answer=0.2)
    assert new_client(strict, limits=limits).upload_blob("app", Slow(noise(40), 10)).size == 40


def test_an_immutable_tag_is_refused_in_the_registrys_words(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(immutable_tags=True))
    client = new_client(registry)
    push_image(client, "app", "v1")
    with pytest.raises(RegistryError, match="already exists and is immutable") as caught:
        push_image(client, "app", "v1", note="other")
    assert (caught.value.status, caught.value.codes) == (400, ("TAG_INVALID",))
