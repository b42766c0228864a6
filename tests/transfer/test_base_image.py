"""A base image that the registry serves is not sent again, whoever published it (R17)."""

import gzip

import pytest

from image_assets.oci import BytesSource
from image_assets.transfer import BlobMemory, PulledImage, base_layers
from tests.fakes.engine import FakeLocalImage
from tests.fakes.images import (
    OCI_LAYER,
    OCI_MANIFEST,
    MadeImage,
    an_image,
    docker_save,
    oci_image,
    oci_index,
    oci_layout,
    sha256,
    tar_of,
)
from tests.support.registry import Registry
from tests.transfer.support import Publisher, digest, plain_layers, uploads

BASE = an_image("base", 2)
BUILT = MadeImage((*BASE.layers, tar_of({"top": b"top"})))
PLATFORMS = {"linux/arm64": an_image("y", architecture="arm64"), "linux/amd64": BASE}


def published(publisher: Publisher, content: bytes, repository: str) -> None:
    """Publish the base as somebody else would: this machine remembers nothing of it."""
    publisher.tag(content, repository, "base")
    publisher.memory.unlink()


def pulled(registry: Registry, repository: str) -> PulledImage:
    """Return what an engine says that has pulled the base."""
    return PulledImage(BASE.digest, tuple(BASE.diff_ids), (str(registry.digest(repository, "base")),))


NOT_PULLED = {
    "not here": None,
    "from elsewhere": PulledImage(BASE.digest, tuple(BASE.diff_ids), ()),
    "of another manifest": PulledImage(BASE.digest, tuple(BASE.diff_ids), (sha256(b"another"),)),
    "another image": PulledImage(sha256(b"another"), tuple(BASE.diff_ids), ()),
}


@pytest.mark.parametrize("known", NOT_PULLED.values(), ids=NOT_PULLED)
def test_an_image_that_only_says_that_it_is_the_base_puts_no_blob_in_the_place_of_a_layer(
    publisher: Publisher, registry: Registry, repository_name: str, known: PulledImage | None
) -> None:
    """Whoever may push somewhere can write a config with any diff IDs over any blobs."""
    base, other = f"{repository_name}-base", f"{repository_name}-app"
    bogus = MadeImage((tar_of({"bogus": b"1"}), tar_of({"bogus": b"2"})))
    lying, blobs = oci_image(BASE, [(gzip.compress(layer), OCI_LAYER) for layer in bogus.layers])
    client = publisher.client()
    for blob in blobs:
        client.upload_blob(base, BytesSource(blob))
    client.put_manifest(base, "base", lying, OCI_MANIFEST)
    memory = BlobMemory(publisher.memory)
    hints = base_layers(client, base, "base", BUILT.diff_ids, memory, known)
    memory.save()
    assert list(hints) == BASE.diff_ids
    sent = publisher.send_local(FakeLocalImage(BUILT), other)
    assert plain_layers(registry, other, digest(sent)) == list(BUILT.layers)


@pytest.mark.parametrize("content", [oci_layout(BASE), oci_index(PLATFORMS), docker_save(BASE)])
def test_the_layers_of_the_base_are_mounted(
    publisher: Publisher, registry: Registry, repository_name: str, content: bytes
) -> None:
    base, other = f"{repository_name}-base", f"{repository_name}-app"
    published(publisher, content, base)
    known = BlobMemory(publisher.memory)
    found = base_layers(publisher.client(), base, "base", BUILT.diff_ids, known, pulled(registry, base))
    known.save()
    assert list(found) == BASE.diff_ids
    sent = publisher.send_local(FakeLocalImage(BUILT), other)
    assert plain_layers(registry, other, digest(sent)) == list(BUILT.layers)
    theirs = registry.manifest(other, digest(sent))["layers"][:2]
    assert {layer["digest"] for layer in theirs} <= {
        path.split("mount=")[1].split("&")[0].replace("%3A", ":")
        for path in uploads(registry, other)
        if "mount=" in path
    }


def test_a_base_that_the_image_is_not_built_on_teaches_nothing(publisher: Publisher, repository_name: str) -> None:
    published(publisher, oci_layout(an_image("else")), repository_name)
    known = BlobMemory(publisher.memory)
    assert base_layers(publisher.client(), repository_name, "base", BUILT.diff_ids, known) == {}


@pytest.mark.parametrize("reference", ["missing", sha256(oci_image(BASE)[0])])
def test_a_base_that_is_not_there_is_no_error(publisher: Publisher, repository_name: str, reference: str) -> None:
    assert (
        base_layers(publisher.client(), repository_name, reference, BUILT.diff_ids, BlobMemory(publisher.memory)) == {}
    )
