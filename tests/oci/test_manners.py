"""Manners of registries in the field that the spec does not have; each is met without asking the user anything."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from image_assets.errors import RegistryError
from image_assets.oci import NoKeychain, digest_of
from image_assets.oci.media_types import OCI_INDEX, OCI_MANIFEST
from tests.fakes.registry import Auth, FakeRegistry, Fault, Rules, answer, header, reset_after, truncate, wait
from tests.oci.conftest import QUICK, NewClient, Starter
from tests.oci.samples import CONFIG, Stream, known, manifest, noise, push_image

BLOB = noise(300_000)
PAGE = answer(200, body=b"<!doctype html><title>Welcome</title>", Content_Type="text/html; charset=utf-8")
REFERENCES = ["v1", digest_of(b"x"), "sha512:" + "0" * 128]


def everywhere(registry: FakeRegistry) -> None:
    registry.fail("*", "", PAGE, times=10_000)


def behind_a_sign_in(registry: FakeRegistry) -> None:
    registry.fail("*", "^/login", PAGE, times=10_000)
    registry.fail("*", "^/v2/", answer(302, Location=f"{registry.origin}/login?next=/v2/"), times=10_000)


def but_for_the_version(registry: FakeRegistry) -> None:
    registry.fail("*", "^/v2/.", PAGE, times=10_000)


def as_a_404(registry: FakeRegistry) -> None:
    page = answer(404, body=b"<html>no such page</html>", Content_Type="text/html")
    registry.fail("*", "^/v2/.", page, times=10_000)


def as_nothing_at_all(registry: FakeRegistry) -> None:
    registry.fail("*", "", answer(404, body=b"404 page not found", Content_Type="text/plain"), times=10_000)


def after_a_while(registry: FakeRegistry) -> None:
    """The registry is there when it is looked for, and then a proxy says 404 in its place."""
    registry.fail("*", "", answer(404, body=b"404 page not found", Content_Type="text/plain"), skip=1, times=10_000)


PAGES = [everywhere, behind_a_sign_in, but_for_the_version, as_a_404, as_nothing_at_all, after_a_while]


@pytest.mark.parametrize("reference", REFERENCES, ids=["tag", "sha256", "sha512"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_what_is_no_registry_has_no_image_and_lacks_none(
    strict: FakeRegistry, new_client: NewClient, page: object, reference: str
) -> None:
    assert callable(page)
    page(strict)
    client = new_client(strict)
    with pytest.raises(RegistryError, match=r"not a registry|not a manifest|a web page") as caught:
        client.head_manifest("app", reference)
    assert not caught.value.temporary
    with pytest.raises(RegistryError):
        client.get_manifest("app", reference)


OTHERS = {
    "other JSON": (b'{"status": "ok"}', "application/json"),
    "other JSON of a manifest's type": (b'{"status": "ok"}', OCI_MANIFEST),
    "a list": (b"[]", OCI_MANIFEST),
    "text": (b"OK", "text/plain"),
    "nothing": (b"", OCI_MANIFEST),
    "a signed manifest of old": (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
}


@pytest.mark.parametrize(("body", "kind"), OTHERS.values(), ids=OTHERS)
def test_a_200_that_is_no_manifest_is_not_there_and_not_gone(
    strict: FakeRegistry, new_client: NewClient, body: bytes, kind: str
) -> None:
    strict.fail("*", "/manifests/", answer(200, body=body, Content_Type=kind), times=99)
    with pytest.raises(RegistryError, match="manifest"):
        new_client(strict).head_manifest("app", "v1")


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/plain", ""])
def test_a_manifest_is_told_by_its_content_where_the_header_is_general(
    strict: FakeRegistry, new_client: NewClient, kind: str
) -> None:
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    strict.fail("*", "/manifests/", header("Content-Type", kind), times=9)
    found = client.head_manifest("app", "v1")
    assert found is not None
    assert (found.digest, found.media_type) == (digest, OCI_MANIFEST)


def test_a_404_of_few_words_counts_while_the_registry_is_there(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("*", "/manifests/", answer(404), times=9)
    assert new_client(strict).head_manifest("app", "v1") is None


@pytest.mark.parametrize("body", [b"", b"true", b"{}"])
def test_a_version_that_is_called_html_and_is_none_counts(
    strict: FakeRegistry, new_client: NewClient, body: bytes
) -> None:
    """Web frameworks and hand-made front ends call everything HTML."""
    strict.fail("GET", "^/v2/$", answer(200, body=body, Content_Type="text/html; charset=utf-8"), times=9)
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    strict.fail("*", "/manifests/", header("Content-Type", "text/html"), times=9)
    found = client.head_manifest("app", "v1")
    assert found is not None
    assert found.digest == digest


def test_a_registry_may_send_on_the_question_for_its_version(start: Starter, new_client: NewClient) -> None:
    """registry.k8s.io sends everybody to the registry of a region."""
    region, registry = start(), start()
    registry.fail("GET", "^/v2/$", answer(307, Location=f"{region.origin}/v2/"), times=9)
    assert new_client(registry).head_manifest("app", "v1") is None


def test_a_digest_of_sha512_is_checked(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    push_image(client, "app", "v1")
    content = client.get_manifest("app", "v1").content
    right, wrong = digest_of(content, "sha512"), digest_of(b"else", "sha512")
    for reference in (right, wrong):
        strict.store.manifests["app"][reference] = (OCI_MANIFEST, content)
    assert client.get_manifest("app", right).descriptor.digest == right
    found = client.head_manifest("app", right)
    assert found is not None
    assert found.digest == right
    strict.fail("*", "/manifests/", header("Docker-Content-Digest", digest_of(content)), times=9)
    with pytest.raises(RegistryError, match="the content has the digest sha512:"):
        client.head_manifest("app", wrong)


@pytest.mark.parametrize("digest", ["md5:" + "0" * 32, "blake3:" + "0" * 64, "sha384:" + "0" * 96])
def test_a_digest_of_another_algorithm_is_refused_by_name(
    strict: FakeRegistry, new_client: NewClient, digest: str
) -> None:
    client, name = new_client(strict), digest.partition(":")[0]
    with pytest.raises(RegistryError, match=f'"{name}" is not supported, only sha256 and sha512'):
        client.get_manifest("app", digest)
    with pytest.raises(RegistryError, match=f'"{name}" is not supported, only sha256 and sha512'):
        list(client.get_blob("app", digest))


def test_a_repository_that_only_a_token_for_pushing_makes_is_pushed_to(start: Starter, new_client: NewClient) -> None:
    """Quay: before that, even HEAD is answered with 401."""
    registry = start(auth=Auth("bearer", made_by_push=True))
    client = new_client(registry)
    assert client.head_manifest("app", "v1", to_push=True) is None
    assert client.head_blob("app", CONFIG.digest, to_push=True) is None
    push_image(client, "app", "v1")
    assert [seen.query["scope"] for seen in registry.seen if seen.path == "/token"] == ["repository:app:pull,push"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_who_may_only_pull_can_still_look_where_others_push(start: Starter, new_client: NewClient, status: int) -> None:
    """GitLab's token server refuses the whole scope; the challenge of a HEAD asks for less."""
    registry = start(auth=Auth("bearer"))
    digest = push_image(new_client(registry), "app", "v1")
    if status == 401:
        registry.auth.users = {"": ""}
    registry.auth.refused_actions = {"push": status}
    client = new_client(registry) if status != 401 else new_client(registry, NoKeychain())
    found = client.head_manifest("app", "v1", to_push=True)
    assert found is not None
    assert found.digest == digest


DELETING = {
    "Quay wants push": ({"push"}, {"delete": 400}),
    "IBM wants delete": ({"delete"}, {}),
    "GitLab wants all": ({"*"}, {"delete": 403}),
    "push, and 401 for what is not known": ({"push"}, {"delete": 401}),
    "push, unsaid": ({"push"}, {}),
}


@pytest.mark.parametrize(("needed", "refused"), DELETING.values(), ids=DELETING)
def test_a_tag_is_deleted_with_the_scope_that_the_challenge_names(
    start: Starter, new_client: NewClient, needed: set[str], refused: dict[str, int]
) -> None:
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    push_image(client, "app", "v1")
    registry.auth.delete_needs = frozenset(needed)
    registry.auth.refused_actions = refused
    assert client.delete_manifest("app", "v1")
    assert registry.store.tags["app"] == {}


def test_a_deletion_that_the_registry_does_not_know_is_no_success(strict: FakeRegistry, new_client: NewClient) -> None:
    client = new_client(strict)
    push_image(client, "app", "v1")
    strict.fail("DELETE", "/manifests/", answer(404, body=b"no such page"), times=9)
    assert not client.delete_manifest("app", "v1")
    assert client.delete_manifest("app", "never")


LIES = {
    "200": answer(200, body=b'{"status": "ok"}', Content_Type="application/json"),
    "201": answer(201),
    "204": answer(204),
    "sent to log in": answer(302, Location="/login"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_deletion_that_deletes_nothing_is_no_success(strict: FakeRegistry, new_client: NewClient, lie: Fault) -> None:
    client = new_client(strict)
    push_image(client, "app", "v1")
    strict.fail("DELETE", "/manifests/", lie, times=9)
    strict.fail("*", "^/login", answer(200, body=b"please log in"), times=99)
    assert not client.delete_manifest("app", "v1")


@pytest.mark.parametrize("status", [200, 202])
def test_a_page_deletes_nothing(strict: FakeRegistry, new_client: NewClient, status: int) -> None:
    client = new_client(strict)
    push_image(client, "app", "v1")
    page = answer(status, body=b"<!doctype html><title>Log in</title>", Content_Type="text/html")
    strict.fail("DELETE", "/manifests/", page, times=9)
    with pytest.raises(RegistryError, match="the answer is a web page, and nothing was deleted"):
        client.delete_manifest("app", "v1")


NO_LISTS = {
    "page": PAGE,
    "page, 404": answer(404, body=b"<html>no such page</html>", Content_Type="text/html"),
    "other JSON": answer(200, body=b'{"error": "log in"}', Content_Type="application/json"),
    "text for tags": answer(200, body=b'{"name": "app", "tags": "v1"}', Content_Type="application/json"),
    "objects for tags": answer(200, body=b'{"name": "app", "tags": [{"name": "v1"}]}', Content_Type="application/json"),
}


@pytest.mark.parametrize("said", NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_of_tags_does_not_say_that_there_are_none(
    strict: FakeRegistry, new_client: NewClient, said: Fault
) -> None:
    strict.fail("GET", "/tags/list", said, times=9)
    with pytest.raises(RegistryError, match=r"the list of tags is not JSON|not a list of tags|whether there are any"):
        new_client(strict).list_tags("app")


@pytest.mark.parametrize("said", [b'{"name": "app", "tags": null}', b'{"name": "app"}', b'{"tags": []}'])
def test_a_repository_without_tags_has_none(strict: FakeRegistry, new_client: NewClient, said: bytes) -> None:
    strict.fail("GET", "/tags/list", answer(200, body=said))
    assert new_client(strict).list_tags("app") == []


def test_a_list_of_tags_that_breaks_off_is_none(start: Starter, new_client: NewClient) -> None:
    registry = start(Rules(page=2))
    client = new_client(registry)
    for tag in ("v1", "v2", "v3"):
        push_image(client, "app", tag)
    assert client.list_tags("app") == ["v1", "v2", "v3"]
    registry.fail("GET", "/tags/list", answer(404, "NAME_UNKNOWN"), skip=1)
    with pytest.raises(RegistryError, match="the list of tags breaks off at its page 2"):
        client.list_tags("app")


RANGES = ["one more", "piece", "stuck"]


@pytest.mark.parametrize("told", RANGES)
@pytest.mark.parametrize("streamed", [True, False], ids=["one PATCH", "pieces"])
@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken"])
def test_what_a_registry_says_of_ranges_does_not_decide(
    start: Starter, new_client: NewClient, told: str, *, streamed: bool, broken: bool
) -> None:
    """Nexus and artifact-keeper say one too many, ECR stays at the first piece: the closing PUT's digest decides."""
    registry = start(Rules(ranges_told=told, monolithic=False, streamed=streamed))
    if broken:
        registry.fail("PATCH", "/uploads/", reset_after(20_000), skip=0 if streamed else 2)
    client = new_client(registry)
    for blob in (BLOB, BLOB[::-1]):
        client.upload_blob("app", Stream(blob))
        assert registry.store.blobs["app"][digest_of(blob)] == blob


@pytest.mark.parametrize("status", [400, 403])
def test_a_blob_whose_storage_signs_for_get_only_is_asked_for_by_get(
    start: Starter, new_client: NewClient, status: int
) -> None:
    storage = start(tls=None)
    registry = start(Rules(blob_host=storage.origin, head_at_storage=True))
    storage.store = registry.store
    storage.fail("HEAD", "/data/", answer(status, body=b"<Error>SignatureDoesNotMatch</Error>"), times=99)
    client = new_client(registry)
    client.upload_blob("app", known(BLOB))
    assert client.head_blob("app", digest_of(BLOB)) == len(BLOB)
    assert client.head_blob("app", CONFIG.digest) is None


def test_a_page_is_no_blob(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("HEAD", "/blobs/", PAGE, times=9)
    assert new_client(strict).head_blob("app", CONFIG.digest) is None


STATUSES = [{201: 200}, {201: 202}, {201: 204}, {202: 200}, {202: 201}, {202: 204}, {204: 200}, {201: 202, 202: 201}]


@pytest.mark.parametrize("statuses", STATUSES, ids=str)
@pytest.mark.parametrize("monolithic", [True, False])
def test_other_statuses_of_success_are_taken(
    start: Starter, new_client: NewClient, statuses: dict[int, int], *, monolithic: bool
) -> None:
    registry = start(Rules(statuses=statuses, monolithic=monolithic))
    client = new_client(registry)
    digest = push_image(client, "app", "v1")
    client.upload_blob("app", Stream(BLOB))
    assert client.upload_blob("b", known(BLOB), mount_from=["app"]).mounted
    assert registry.store.blobs["b"][digest_of(BLOB)] == BLOB
    assert registry.store.tags["app"] == {"v1": digest}
    assert client.delete_manifest("app", "v1")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_tells_nothing_and_stored_nothing_is_none(
    strict: FakeRegistry, new_client: NewClient, status: int
) -> None:
    client = new_client(strict)
    push_image(client, "app")
    strict.fail("PUT", "/manifests/v2", answer(status), times=9)
    with pytest.raises(RegistryError, match=f"answered {status}, but did not store"):
        client.put_manifest("app", "v2", manifest(noise(1000, "")), OCI_MANIFEST)
    strict.fail("PUT", "/uploads/", answer(status), times=9)
    with pytest.raises(RegistryError, match=f"answered {status}, but does not have the blob"):
        client.upload_blob("app", known(BLOB))


def test_an_upload_that_is_answered_in_place_of_a_mount_is_none(start: Starter, new_client: NewClient) -> None:
    """201 where 202 is the rule looks like the answer to a mount."""
    registry = start(Rules(mounts=False, statuses={202: 201}))
    client = new_client(registry)
    client.upload_blob("one", known(BLOB))
    assert not client.upload_blob("two", known(BLOB), mount_from=["one"]).mounted
    assert registry.store.blobs["two"] == {digest_of(BLOB): BLOB}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 429, 500, 502, 503, 504])
def test_a_mount_that_is_answered_with_an_error_becomes_an_upload_at_once(
    strict: FakeRegistry, new_client: NewClient, status: int
) -> None:
    client = new_client(strict, limits=replace(QUICK, pace=100, retrying=1000))
    client.upload_blob("one", known(BLOB))
    strict.fail("POST", "mount=", answer(status, Retry_After="100"), times=99)
    began = time.monotonic()
    assert not client.upload_blob("two", known(BLOB), mount_from=["one"]).mounted
    assert time.monotonic() - began < 5
    assert len(strict.calls("POST", "two/blobs/uploads/")) == 2
    assert not client.mount_blob("three", digest_of(BLOB), ["one"])


@pytest.mark.parametrize("status", [400, 403])
def test_an_expired_token_that_is_answered_without_a_challenge_is_renewed_once(
    start: Starter, new_client: NewClient, status: int
) -> None:
    """ECR Public says 400."""
    registry = start(auth=Auth("bearer", expired=(status, "DENIED", "Your authorization token has expired.")))
    client = new_client(registry)
    push_image(client, "app", "v1")
    for call in (lambda: client.get_manifest("app", "v1"), lambda: client.upload_blob("app", known(BLOB))):
        registry.auth.tokens.clear()
        before = len([seen for seen in registry.seen if seen.path == "/token"])
        call()
        assert len([seen for seen in registry.seen if seen.path == "/token"]) - before == 1


def test_a_400_that_names_another_reason_asks_for_no_token(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    push_image(client, "app", "v1")
    registry.fail("PUT", "/manifests/", answer(400, "TAG_INVALID"), times=9)
    before = len(registry.seen)
    with pytest.raises(RegistryError, match="TAG_INVALID"):
        client.put_manifest("app", "v2", manifest(), OCI_MANIFEST)
    assert len(registry.seen) - before == 1


def test_a_patch_that_a_proxy_passes_on_first_may_take_as_long_as_the_end(
    strict: FakeRegistry, new_client: NewClient
) -> None:
    strict.fail("PATCH", "/uploads/", wait(1.0))
    client = new_client(strict, limits=replace(QUICK, answer=0.5, stall=0.5, commit=10))
    client.upload_blob("app", Stream(BLOB))
    assert len(strict.calls("PATCH")) == 1


def test_time_spent_sending_is_not_time_spent_retrying(strict: FakeRegistry, new_client: NewClient) -> None:
    """A blob that takes longer than all retries may: the first reset begins the count, the second is at the end."""

    class Slow(Stream):
        def read(self) -> Iterator[bytes]:
            for chunk in super().read():
                time.sleep(0.05)
                yield chunk

    strict.store.rules = Rules(keeps_partial=False)
    strict.fail("PATCH", "/uploads/", reset_after(0))
    strict.fail("PATCH", "/uploads/", reset_after(len(BLOB) - 1), times=2)
    limits = replace(QUICK, retrying=1.0)
    assert new_client(strict, limits=limits).upload_blob("app", Slow(BLOB)).size == len(BLOB)


@pytest.mark.parametrize("answered", [True, False], ids=["referrers API", "no referrers API"])
def test_what_refers_to_a_manifest_is_listed_under_a_tag_where_the_registry_has_no_list(
    start: Starter, new_client: NewClient, *, answered: bool
) -> None:
    """'Pushing Manifests with Subject', 'Referrers Tag Schema'."""
    registry = start(Rules(referrers=answered))
    client = new_client(registry)
    digest = push_image(client, "app", "v1")
    subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
    notes = [json.dumps({**json.loads(manifest()), "artifactType": f"text/{n}", "subject": subject}) for n in "ab"]
    for note in (*notes, notes[0]):
        client.put_manifest("app", digest_of(note.encode()), note.encode(), OCI_MANIFEST)
    tag = digest.replace(":", "-")
    assert (tag in registry.store.tags["app"]) is not answered
    if not answered:
        listed = client.get_manifest("app", tag)
        entries = json.loads(listed.content)["manifests"]
        assert listed.descriptor.media_type == OCI_INDEX
        assert [entry["digest"] for entry in entries] == [digest_of(note.encode()) for note in notes]
        assert [entry["artifactType"] for entry in entries] == ["text/a", "text/b"]
        assert entries[0]["annotations"] == {"note": ""}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_whatever_a_registry_without_a_list_of_referrers_answers_the_one_under_the_tag_counts(
    strict: FakeRegistry, new_client: NewClient, status: int
) -> None:
    client = new_client(strict)
    digest = push_image(client, "app", "v1")
    subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
    note = json.dumps({**json.loads(manifest()), "subject": subject}).encode()
    client.put_manifest("app", digest_of(note), note, OCI_MANIFEST)
    strict.fail("GET", "/referrers/", answer(status), times=99)
    assert client.list_referrers("app", digest) == [digest_of(note)]


def test_a_download_that_moves_on_is_not_given_up(strict: FakeRegistry, new_client: NewClient) -> None:
    """More breaks than one request may have, each after much has come."""
    content = noise(70_000_000)
    strict.store.blobs["app"] = {digest_of(content): content}
    strict.fail("GET", "/blobs/", truncate(9_000_000), times=7)
    assert b"".join(new_client(strict).get_blob("app", digest_of(content))) == content


ANSWERED = {"200": answer(200), "204": answer(204), "page": PAGE}


@pytest.mark.parametrize("said", ANSWERED.values(), ids=ANSWERED)
def test_a_tag_that_keeps_what_it_held_was_not_written(
    strict: FakeRegistry, new_client: NewClient, said: Fault
) -> None:
    client = new_client(strict)
    push_image(client, "app", "v1")
    before = strict.store.tags["app"]["v1"]
    strict.fail("PUT", "/manifests/", said, times=9)
    with pytest.raises(RegistryError, match="not store the manifest"):
        client.put_manifest("app", "v1", manifest(noise(1000, ""), note="another"), OCI_MANIFEST)
    assert strict.store.tags["app"] == {"v1": before}


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_page_takes_no_blob(strict: FakeRegistry, new_client: NewClient, method: str) -> None:
    strict.fail(method, "/uploads/", PAGE, times=9)
    started = time.monotonic()
    with pytest.raises(RegistryError, match=f"{method} http.*the answer is a web page, .*sign-in page"):
        new_client(strict, limits=replace(QUICK, settle=60.0, pace=1.0)).upload_blob("app", Stream(BLOB))
    assert time.monotonic() - started < 30


def test_an_answer_of_another_length_is_not_the_blob(strict: FakeRegistry, new_client: NewClient) -> None:
    ok = answer(200, body=b'{"status": "ok"}', Content_Type="application/json")
    strict.fail("HEAD", "/blobs/", ok, times=99)
    strict.fail("PUT", "/uploads/", ok, times=9)
    with pytest.raises(RegistryError, match="answered 200, but does not have the blob"):
        new_client(strict).upload_blob("app", known(BLOB))
