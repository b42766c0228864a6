"""What goes wrong on the way and passes: the client ends with the right content in the registry (R39)."""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_assets.errors import RegistryError
from image_assets.oci import RegistryClient, digest_of
from tests.fakes.registry import Auth, FakeRegistry, Fault, Rules, answer, cut, header, reset, reset_after, truncate
from tests.oci.conftest import NewClient, Starter
from tests.oci.samples import CONFIG, Stream, known, manifest, noise, push_image

BLOB = noise(300_000)
SOURCES = {"digest known": known, "digest unknown": Stream}
STAGES = {
    "version": ("GET", r"^/v2/$"),
    "open upload": ("POST", r"/uploads/"),
    "close upload": ("PUT", r"/uploads/"),
    "manifest": ("PUT", r"/manifests/"),
    "head": ("HEAD", r"/manifests/"),
}
FAULTS = {
    "reset": reset(),
    "reset after the request": truncate(0),
    "answer cut": cut(30),
    "answer ended": truncate(30),
    "429": answer(429, "TOOMANYREQUESTS", Retry_After="0"),
    "408": answer(408),
    "500": answer(500, "UNKNOWN"),
    "502": answer(502, body=b"<html>bad gateway</html>"),
    "503": answer(503, "UNAVAILABLE"),
    "504": answer(504),
}


def at_once(survive: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Try every number, several at a time."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(survive, numbers))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_push_survives_a_fault_twice_at_every_stage(
    strict: FakeRegistry, new_client: NewClient, stage: tuple[str, str], fault: Fault
) -> None:
    strict.fail(*stage, fault, times=1)
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    head = client.head_manifest("app", "v1")
    assert head is not None
    assert head.digest == digest == strict.store.tags["app"]["v1"]


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "lost"])
@pytest.mark.parametrize("after", [0, 1, 1000, 150_000, len(BLOB) - 1])
def test_an_upload_survives_a_reset_after_any_byte(
    start: Starter,
    new_client: NewClient,
    make: Callable[[bytes], Stream],
    after: int,
    *,
    keeps: bool,
) -> None:
    registry = start(Rules(keeps_partial=keeps))
    registry.fail("*", r"/uploads/\w", reset_after(after))
    assert new_client(registry).upload_blob("app", make(BLOB)).digest == digest_of(BLOB)
    assert registry.store.blobs["app"] == {digest_of(BLOB): BLOB}


def test_a_small_upload_survives_a_reset_at_every_single_byte(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)

    def survive(after: int) -> None:
        blob = noise(40, str(after))
        strict.fail("PUT", f"app/{after}/blobs/uploads/", reset_after(after))
        client.upload_blob(f"app/{after}", known(blob))
        assert strict.store.blobs[f"app/{after}"] == {digest_of(blob): blob}

    at_once(survive, range(40))


def test_an_answer_may_break_off_at_every_single_byte(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)

    def survive(count: int) -> None:
        blob = noise(40, str(count))
        strict.fail("PUT", f"app/{count}/blobs/uploads/", (truncate, cut)[count % 2](count))
        client.upload_blob(f"app/{count}", known(blob))
        assert strict.store.blobs[f"app/{count}"] == {digest_of(blob): blob}

    at_once(survive, range(300))


def test_a_head_may_break_off_at_every_single_byte(strict: FakeRegistry, new_client: NewClient) -> None:
    """An answer's head that breaks off is no answer (RFC 9112, section 8): its last field may be cut."""
    client = new_client(strict)
    push_image(client, "app", *(f"v{count}" for count in range(220)))
    whole = client.head_manifest("app", "v0")

    def survive(count: int) -> None:
        for broken in (truncate, cut):
            strict.fail("HEAD", f"/manifests/v{count}$", broken(count))
            assert client.head_manifest("app", f"v{count}") == whole

    at_once(survive, range(220))
    assert not strict.calls("GET", "/manifests/")


def test_what_arrived_before_a_reset_is_not_sent_again(strict: FakeRegistry, new_client: NewClient) -> None:
    """'Pushing a blob in chunks': GET of the upload says how much has arrived."""
    strict.fail("PATCH", "/uploads/", reset_after(200_000))
    uploaded = new_client(strict).upload_blob("app", Stream(BLOB))
    assert strict.calls("GET", "/uploads/")
    ranges = [seen.headers.get("content-range") for seen in strict.calls("PATCH")]
    assert ranges[:2] == [None, f"200000-{200_000 + 64 * 2**10 - 1}"]
    assert uploaded.sent < 2 * len(BLOB)


def test_a_blob_is_not_sent_again_if_only_the_last_answer_was_lost(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("PUT", "/uploads/", truncate(0))
    source = known(BLOB)
    new_client(strict).upload_blob("app", source)
    assert source.readings == 1


def test_progress_is_true_after_repetitions(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(keeps_partial=False))
    registry.fail("PUT", "/uploads/", reset_after(100_000), times=2)
    steps: list[int] = []
    uploaded = new_client(registry).upload_blob("app", known(BLOB), progress=steps.append)
    assert (sum(steps), min(steps) < 0) == (len(BLOB), True)
    assert uploaded.sent > len(BLOB)


def test_an_upload_that_the_registry_forgot_starts_anew(strict: FakeRegistry, new_client: NewClient) -> None:
    """'Error Codes': BLOB_UPLOAD_UNKNOWN."""
    strict.fail("PATCH", "/uploads/", answer(404, "BLOB_UPLOAD_UNKNOWN"))
    new_client(strict).upload_blob("app", Stream(BLOB))
    assert len(strict.calls("POST")) == 2


def test_pieces_out_of_order_start_anew(start: Starter, new_client: NewClient) -> None:
    """'Pushing a blob in chunks': 416 for a chunk that does not follow the one before."""
    registry = start(Rules(monolithic=False, streamed=False))
    registry.fail("PATCH", "/uploads/", answer(416, "RANGE_INVALID"), skip=2)
    new_client(registry).upload_blob("app", known(BLOB))
    assert registry.store.blobs["app"][digest_of(BLOB)] == BLOB


def test_a_registry_that_took_less_than_was_sent_gets_it_again(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("PATCH", "/uploads/", header("Range", "0-9"))
    new_client(strict).upload_blob("app", Stream(BLOB))
    assert strict.store.blobs["app"][digest_of(BLOB)] == BLOB


@pytest.mark.parametrize("seed", range(12))
def test_a_push_survives_faults_at_random(strict: FakeRegistry, new_client: NewClient, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(6):
        fault = dice.choice([reset(), reset_after(dice.randrange(400)), truncate(dice.randrange(200)), answer(503)])
        strict.fail(dice.choice(["*", "PUT", "POST", "PATCH"]), "app", fault, skip=dice.randrange(6))
    client = new_client(strict)
    digest = push_image(client, "app", "v1", note=str(seed))
    assert strict.store.tags["app"] == {"v1": digest}
    assert digest_of(manifest(noise(1000, str(seed)), note=str(seed))) == digest


def test_a_download_goes_on_where_it_broke_off(strict: FakeRegistry, new_client: NewClient) -> None:
    """'Pulling blobs': a Range request (RFC 9110, section 14)."""
    client = new_client(strict)
    client.upload_blob("app", known(BLOB))
    strict.fail("GET", "/blobs/", truncate(100_000), times=2)
    assert b"".join(client.get_blob("app", digest_of(BLOB))) == BLOB
    assert [seen.headers.get("range") is None for seen in strict.calls("GET", "/blobs/")] == [True, False, False]


def test_a_download_from_a_registry_without_ranges_is_right_too(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(ranges=False))
    client = new_client(registry)
    client.upload_blob("app", known(BLOB))
    registry.fail("GET", "/blobs/", truncate(100_000))
    assert b"".join(client.get_blob("app", digest_of(BLOB))) == BLOB


def test_a_truncated_manifest_is_asked_for_again(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    strict.fail("GET", "/manifests/", truncate(300))
    assert client.get_manifest("app", "v1").descriptor.digest == digest


def test_a_large_body_goes_in_pieces_where_a_proxy_limits_it(start: Starter, new_client: NewClient) -> None:
    """413 (RFC 9110, section 15.5.14), as nginx and Cloudflare answer; the second blob is sent in pieces at once."""
    registry = start(Rules(largest_body=70_000))
    client = new_client(registry)
    for blob in (BLOB, BLOB[::-1]):
        client.upload_blob("app", known(blob))
        assert registry.store.blobs["app"][digest_of(blob)] == blob
    assert max(int(seen.headers["content-length"]) for seen in registry.calls("PATCH")[-3:]) <= 70_000
    assert len(registry.calls("PUT")) == 1 + 2


def test_pieces_are_as_long_as_the_registry_wants(start: Starter, new_client: NewClient) -> None:
    """'Pushing a blob in chunks': every chunk but the last has at least OCI-Chunk-Min-Length bytes."""
    registry = start(Rules(monolithic=False, streamed=False, chunk_min=130_000))
    new_client(registry).upload_blob("app", Stream(BLOB))
    lengths = [
        int(seen.headers["content-length"]) for seen in registry.calls("PATCH") if "content-range" in seen.headers
    ]
    assert lengths == [130_000, 130_000, 40_000]


def test_a_token_that_ends_in_mid_upload_is_renewed(start: Starter, new_client: NewClient) -> None:
    """'Token Authentication': 401 on any request means a new token."""
    registry = start(Rules(monolithic=False, streamed=False), Auth("bearer", uses=3))
    new_client(registry).upload_blob("app", Stream(BLOB))
    assert registry.store.blobs["app"][digest_of(BLOB)] == BLOB
    assert len([seen for seen in registry.seen if seen.path == "/token"]) > 1


def test_a_401_in_the_middle_of_a_body_is_answered_with_a_new_token(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer", uses=1))
    source = known(noise(3_000_000))
    new_client(registry).upload_blob("app", source)
    assert source.digest in registry.store.blobs["app"]


def test_a_failing_token_server_is_asked_again(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    registry.fail("GET", "/token", answer(503), times=2)
    push_image(new_client(registry), "app", "v1")
    assert list(registry.store.tags["app"]) == ["v1"]


def test_a_refused_piece_is_not_taken_for_a_refused_way(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(monolithic=False, streamed=False))
    registry.fail("PATCH", "/uploads/", answer(403, "DENIED", message="quota"), skip=3)
    with pytest.raises(RegistryError, match=r"PATCH .*quota \(DENIED\)"):
        new_client(registry).upload_blob("app", known(BLOB))


def test_one_way_to_send_is_learnt_for_all_threads(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(monolithic=False))
    client: RegistryClient = new_client(registry)
    for number in range(3):
        client.upload_blob("app", known(noise(500, str(number))))
    client.upload_blob("app", CONFIG)
    bodies = [seen for seen in registry.calls("PUT") if seen.headers["content-length"] != "0"]
    assert len(bodies) == 1
