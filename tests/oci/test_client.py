"""The verbs of the OCI distribution spec (v1.1) against the real registry and a strict one; sections are the spec's."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_assets.errors import RegistryError
from image_assets.oci import BytesSource, RegistryClient, digest_of
from image_assets.oci.media_types import OCI_INDEX, OCI_MANIFEST
from tests.oci.samples import CONFIG, Stream, known, manifest, noise, push_image

LAYER = noise(700_000)


def test_a_manifest_comes_back_byte_for_byte(client: RegistryClient, repository_name: str) -> None:
    """'Pulling manifests': GET by tag and by digest."""
    digest = push_image(client, repository_name, "v1")
    by_tag = client.get_manifest(repository_name, "v1")
    assert digest_of(by_tag.content) == digest == by_tag.descriptor.digest
    assert client.get_manifest(repository_name, digest) == by_tag
    assert by_tag.descriptor.media_type == OCI_MANIFEST


def test_head_describes_a_manifest_as_get_does(client: RegistryClient, repository_name: str) -> None:
    """'Checking if content exists in the registry': HEAD of a manifest."""
    push_image(client, repository_name, "v1")
    assert client.head_manifest(repository_name, "v1") == client.get_manifest(repository_name, "v1").descriptor


@pytest.mark.parametrize("reference", ["absent", digest_of(b"absent")])
def test_what_is_not_there_is_none_for_head_and_an_error_for_get(
    client: RegistryClient, repository_name: str, reference: str
) -> None:
    """'Pulling manifests': a manifest that is not found is answered with 404."""
    push_image(client, repository_name, "v1")
    assert client.head_manifest(repository_name, reference) is None
    with pytest.raises(RegistryError, match=r"GET http.*MANIFEST_UNKNOWN") as caught:
        client.get_manifest(repository_name, reference)
    assert (caught.value.status, caught.value.temporary) == (404, False)


def test_a_repository_that_does_not_exist_holds_nothing(client: RegistryClient, repository_name: str) -> None:
    """'Error Codes': NAME_UNKNOWN comes with 404."""
    assert client.head_manifest(repository_name, "v1") is None
    assert client.head_blob(repository_name, CONFIG.digest) is None
    assert client.list_tags(repository_name) == []


@pytest.mark.parametrize("content", [b"", b"x", b"xy", LAYER], ids=["empty", "one byte", "two bytes", "700 kB"])
@pytest.mark.parametrize("knowing", [True, False], ids=["digest known", "digest unknown"])
def test_a_blob_arrives(client: RegistryClient, repository_name: str, content: bytes, *, knowing: bool) -> None:
    """'Pushing blobs': "POST then PUT", and PATCH where the digest is known only at the end."""
    source = known(content) if knowing else Stream(content)
    uploaded = client.upload_blob(repository_name, source)
    assert (uploaded.digest, uploaded.size, uploaded.mounted) == (digest_of(content), len(content), False)
    assert client.head_blob(repository_name, uploaded.digest) == len(content)
    assert b"".join(client.get_blob(repository_name, uploaded.digest)) == content


def test_progress_ends_at_the_size(client: RegistryClient, repository_name: str) -> None:
    steps: list[int] = []
    client.upload_blob(repository_name, known(LAYER), progress=steps.append)
    assert sum(steps) == len(LAYER)


def test_a_blob_with_the_wrong_digest_is_refused_with_the_registrys_words(
    client: RegistryClient, repository_name: str
) -> None:
    """'Error Codes': DIGEST_INVALID."""
    wrong = Stream(LAYER, digest=digest_of(b"another"), size=len(LAYER))
    with pytest.raises(
        RegistryError, match=r"PUT .*provided digest did not match uploaded content.*\(DIGEST_INVALID\)"
    ):
        client.upload_blob(repository_name, wrong)
    assert client.head_blob(repository_name, digest_of(b"another")) is None


def test_a_blob_is_read_no_further_than_it_is_said_to_be_long(client: RegistryClient, repository_name: str) -> None:
    uploaded = client.upload_blob(repository_name, known(LAYER))
    assert b"".join(client.get_blob(repository_name, uploaded.digest, len(LAYER))) == LAYER
    with pytest.raises(RegistryError, match=f"there are more than its {len(LAYER) - 1} bytes"):
        list(client.get_blob(repository_name, uploaded.digest, len(LAYER) - 1))


def test_a_blob_is_there_after_a_mount_whether_the_registry_mounts_or_not(
    client: RegistryClient, repository_name: str
) -> None:
    """'Mounting a blob from another repository': 201, or 202 and an upload in that session."""
    first, second = f"{repository_name}/a", f"{repository_name}/b"
    client.upload_blob(first, known(LAYER))
    uploaded = client.upload_blob(second, known(LAYER), mount_from=[f"{repository_name}/none", first])
    assert uploaded.mounted == (uploaded.sent == 0)
    assert client.head_blob(second, digest_of(LAYER)) == len(LAYER)


def test_a_mount_alone_sends_nothing(client: RegistryClient, repository_name: str) -> None:
    """'Mounting a blob from another repository'; a registry that does not mount has nothing afterwards."""
    client.upload_blob(f"{repository_name}/a", known(LAYER))
    mounted = client.mount_blob(f"{repository_name}/b", digest_of(LAYER), [f"{repository_name}/a"])
    assert client.head_blob(f"{repository_name}/b", digest_of(LAYER)) == (len(LAYER) if mounted else None)
    assert not client.mount_blob(f"{repository_name}/b", digest_of(b"nowhere"), [f"{repository_name}/a"])


def test_a_manifest_without_its_blobs_is_refused(client: RegistryClient, repository_name: str) -> None:
    """'Pushing Manifests': blobs come first; 'Error Codes': MANIFEST_BLOB_UNKNOWN."""
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN") as caught:
        client.put_manifest(repository_name, "v1", manifest(b"never sent"), OCI_MANIFEST)
    assert not caught.value.temporary
    assert client.head_manifest(repository_name, "v1") is None


def test_an_index_is_stored_beside_its_manifests(client: RegistryClient, repository_name: str) -> None:
    """'Pushing Manifests': an index after the manifests that it names."""
    child = client.get_manifest(repository_name, push_image(client, repository_name, "amd64")).descriptor
    row = {"mediaType": child.media_type, "digest": child.digest, "size": child.size}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [row]}).encode()
    stored = client.put_manifest(repository_name, "all", index, OCI_INDEX)
    assert client.head_manifest(repository_name, "all") == stored
    assert (stored.media_type, stored.digest) == (OCI_INDEX, digest_of(index))


def test_tags_are_listed_over_several_pages(client: RegistryClient, repository_name: str) -> None:
    """'Listing Tags': RFC 5988 `Link` to the next page."""
    tags = [f"t{number:02}" for number in range(25)]
    push_image(client, repository_name, *tags)
    assert sorted(client.list_tags(repository_name)) == tags


def test_a_manifest_is_deleted_by_its_digest(client: RegistryClient, repository_name: str) -> None:
    """'Deleting Manifests'."""
    digest = push_image(client, repository_name, "v1", "v2")
    assert client.delete_manifest(repository_name, digest) is True
    assert client.head_manifest(repository_name, "v1") is None
    assert client.delete_manifest(repository_name, digest) is True


def test_deleting_a_tag_says_whether_the_registry_can(client: RegistryClient, repository_name: str) -> None:
    """'Deleting tags': "Registries MAY implement tag deletion"; the other tag of the manifest stays either way."""
    push_image(client, repository_name, "v1", "v2")
    can = client.delete_manifest(repository_name, "v1")
    assert (client.head_manifest(repository_name, "v1") is None) is can
    assert client.head_manifest(repository_name, "v2") is not None


def test_many_threads_share_one_client(client: RegistryClient, repository_name: str) -> None:
    blobs = [noise(50_000, str(number)) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda blob: client.upload_blob(repository_name, Stream(blob)), blobs))
    assert [uploaded.digest for uploaded in done] == list(map(digest_of, blobs))


def test_a_blob_that_two_threads_have_is_sent_once(client: RegistryClient, repository_name: str) -> None:
    gate = threading.Barrier(4)
    source = known(LAYER)

    def upload(_number: int) -> str:
        gate.wait()
        return client.upload_blob(repository_name, source).digest

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(upload, range(4))) == {digest_of(LAYER)}
    assert source.readings < 4


def test_small_blobs_in_memory_are_sources(client: RegistryClient, repository_name: str) -> None:
    assert client.upload_blob(repository_name, BytesSource(b"{}")).digest == digest_of(b"{}")
