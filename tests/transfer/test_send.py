"""Sending archives to a real registry: what is there is not sent, what is sent is right, no tag is written (R10)."""

import gzip
import json
import os
import random
from collections.abc import Callable

import pytest

from image_assets.archive import open_archive
from image_assets.errors import ArchiveError
from image_assets.transfer import BlobMemory, send
from tests.fakes.images import (
    MadeImage,
    an_image,
    described,
    docker_save,
    docker_save_blobs,
    docker_save_files,
    oci_files,
    oci_image,
    oci_index,
    oci_index_files,
    oci_layout,
    packed,
    sha256,
    tar_of,
)
from tests.support.registry import Registry
from tests.transfer.support import Publisher, digest, plain_layers, uploads

IMAGE = an_image("send", 3)
PLATFORMS = {"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}
SHAPES: dict[str, Callable[[MadeImage], bytes]] = {
    "old": docker_save,
    "blobs": docker_save_blobs,
    "gzip layers": lambda image: docker_save(image, pack="gzip"),
    "zstd layers": lambda image: docker_save(image, pack="zstd"),
    "xz layers": lambda image: docker_save(image, pack="xz"),
}


@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd", "xz"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_layer_arrives_whole_and_without_a_tag(
    publisher: Publisher, registry: Registry, repository_name: str, shape: str, pack: str
) -> None:
    sent = publisher.send(packed(SHAPES[shape](IMAGE), pack), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(IMAGE.layers)
    assert json.loads(IMAGE.config) == registry.config(repository_name, digest(sent))
    assert registry.tags(repository_name) == []
    assert sent.platforms == ("linux/amd64",)


def test_a_single_image_is_a_plain_manifest(publisher: Publisher, registry: Registry, repository_name: str) -> None:
    """R22: no index, no attestation."""
    sent = publisher.send(docker_save(IMAGE), repository_name)
    manifest = registry.manifest(repository_name, digest(sent))
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


def test_the_same_archive_always_gives_the_same_manifest(publisher: Publisher, repository_name: str) -> None:
    digests = set()
    for pack, mtime in (("plain", 1), ("gzip", 2), ("zstd", 3)):
        publisher.memory.unlink(missing_ok=True)
        digests.add(digest(publisher.send(packed(docker_save(IMAGE, mtime), pack), repository_name)))
    assert len(digests) == 1


def test_a_layout_is_published_byte_for_byte(publisher: Publisher, repository_name: str) -> None:
    sent = publisher.send(oci_layout(IMAGE), repository_name)
    assert digest(sent) == sha256(oci_image(IMAGE)[0])


@pytest.mark.parametrize("pack", ["plain", "zstd"])
def test_an_index_is_kept_whole(publisher: Publisher, registry: Registry, repository_name: str, pack: str) -> None:
    """R28: all entries, and the referrers."""
    sent = publisher.send(packed(oci_index(PLATFORMS), pack), repository_name)
    index = registry.manifest(repository_name, digest(sent))
    assert [child["platform"]["architecture"] for child in index["manifests"]] == ["amd64", "arm64"]
    for child in index["manifests"]:
        assert len(plain_layers(registry, repository_name, child["digest"])) == 2
    assert sent.platforms == ("linux/amd64", "linux/arm64")
    files = oci_index_files(PLATFORMS)
    listed = json.loads(files["index.json"])["manifests"]
    assert registry.digest(repository_name, listed[1]["digest"]) == listed[1]["digest"]


@pytest.mark.parametrize(
    "content", [docker_save(IMAGE), gzip.compress(docker_save(IMAGE)), oci_layout(IMAGE)], ids=["tar", "gzip", "oci"]
)
def test_nothing_is_sent_twice(publisher: Publisher, registry: Registry, repository_name: str, content: bytes) -> None:
    first = publisher.send(content, repository_name)
    before = uploads(registry, repository_name)
    assert publisher.send(content, repository_name) == first
    assert uploads(registry, repository_name) == before


def test_another_repository_of_the_same_registry_mounts_the_layers(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    """R44: a second destination takes no bytes."""
    first = publisher.send(docker_save(IMAGE), repository_name)
    other = f"{repository_name}-other"
    assert publisher.send(docker_save(IMAGE), other) == first
    mounts = [path for path in uploads(registry, other) if "mount=" in path]
    assert len(mounts) == len(IMAGE.layers)
    assert plain_layers(registry, other, digest(first)) == list(IMAGE.layers)


def test_a_mount_that_the_registry_refuses_is_an_upload(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    first = publisher.send(docker_save(IMAGE), repository_name)
    known = BlobMemory(publisher.memory)
    layers = registry.manifest(repository_name, digest(first))["layers"]
    for layer in layers:
        for place in range(4):
            known.note_repository(registry.address, layer["digest"], f"gone/{place}")
    known.save()
    other = f"{repository_name}-other"
    assert publisher.send(docker_save(IMAGE), other) == first
    assert plain_layers(registry, other, digest(first)) == list(IMAGE.layers)


def test_a_layer_that_vanished_from_the_registry_is_sent_again(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    first = publisher.send(docker_save(IMAGE), repository_name)
    gone = registry.manifest(repository_name, digest(first))["layers"][1]["digest"]
    assert registry.ask("DELETE", f"/v2/{repository_name}/blobs/{gone}").status == 202
    assert publisher.send(docker_save(IMAGE), repository_name) == first
    assert plain_layers(registry, repository_name, digest(first)) == list(IMAGE.layers)


def test_layers_that_repeat_are_sent_once(publisher: Publisher, registry: Registry, repository_name: str) -> None:
    image = MadeImage((IMAGE.layers[0], IMAGE.layers[1], IMAGE.layers[0]))
    sent = publisher.send(tar_of(docker_save_files({"a:1": image})), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(image.layers)
    closes = [path for path in uploads(registry, repository_name) if "digest=" in path]
    assert len(closes) == 3  # two layers, one config


def test_an_image_without_layers_is_published(publisher: Publisher, registry: Registry, repository_name: str) -> None:
    sent = publisher.send(docker_save(MadeImage(())), repository_name)
    assert registry.manifest(repository_name, digest(sent))["layers"] == []


def wrong_layer(pack: str) -> bytes:
    files = docker_save_files({"a:1": IMAGE})
    layer = next(name for name in files if name.endswith("layer.tar"))
    return tar_of({**files, layer: packed(files[layer][:-1] + b"\1", pack)})


def wrong_blob() -> bytes:
    manifest, blobs = oci_image(IMAGE)
    files = oci_files([described(manifest, "application/vnd.oci.image.manifest.v1+json")], [manifest, *blobs])
    name = "blobs/" + sha256(blobs[1]).replace(":", "/")
    return tar_of({**files, name: files[name][:-1] + b"\1"})


@pytest.mark.parametrize(
    "content",
    [wrong_layer("plain"), wrong_layer("gzip"), gzip.compress(wrong_layer("plain")), wrong_blob()],
    ids=["layer", "gzip layer", "gzip archive", "oci blob"],
)
def test_content_with_another_digest_is_refused_and_never_stored(
    publisher: Publisher, registry: Registry, repository_name: str, content: bytes
) -> None:
    with pytest.raises(ArchiveError, match=r"image\.tar: member .* has the digest"):
        publisher.send(content, repository_name)
    manifests = [one for one in registry.requests(repository_name) if "/manifests/" in one.path and one.method == "PUT"]
    assert manifests == []
    assert registry.tags(repository_name) == []


def test_a_wrong_memory_costs_time_but_never_content(publisher: Publisher, repository_name: str) -> None:
    first = publisher.send(docker_save(IMAGE), repository_name)
    text = publisher.memory.read_text()
    publisher.memory.write_text(text.replace('"layers"', '"layers" '))
    assert publisher.send(docker_save(IMAGE), repository_name) == first


def test_progress_tells_bytes_done_and_all_bytes(publisher: Publisher, repository_name: str) -> None:
    big = MadeImage((tar_of({"big": bytes(range(256)) * 20_000}),))
    publisher.send(docker_save(big), repository_name)
    assert publisher.lines[0] == "pushing 0/6 MB"
    assert len(publisher.lines) <= 3


@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_an_archive_that_is_cut_while_it_is_sent_is_refused(
    publisher: Publisher, registry: Registry, repository_name: str, pack: str
) -> None:
    big = MadeImage((tar_of({"noise": random.Random(5).randbytes(6_000_000)}),))
    path = publisher.write(packed(docker_save(big), pack))
    with open_archive(path) as archive:
        os.truncate(path, 3_000_000)
        with pytest.raises(ArchiveError, match="truncated"):
            send(archive, publisher.client(), repository_name, publisher.task, BlobMemory(publisher.memory))
    assert [
        one for one in registry.requests(repository_name) if one.method == "PUT" and "/manifests/" in one.path
    ] == []


@pytest.mark.parametrize("pack", ["plain", "xz", "bzip2"])
def test_what_no_runtime_unpacks_is_packed_anew(
    publisher: Publisher, registry: Registry, repository_name: str, pack: str
) -> None:
    """A layer in xz is the same layer, and the same blob, as the plain one."""
    image = an_image("anew")
    sent = publisher.send(docker_save(image, pack=pack), repository_name)
    assert sent.manifest == publisher.send(docker_save(image), f"{repository_name}-plain").manifest
    manifest = registry.manifest(repository_name, digest(sent))
    assert {layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]} == {"gzip"}
