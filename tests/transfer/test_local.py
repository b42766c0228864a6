"""Images out of a docker engine's store: one stream, read once; what the registry has is not sent."""

import gzip
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from image_assets.errors import ArchiveError
from image_assets.programs.command import CommandFailedError
from image_assets.transfer import BlobMemory, write_tag
from tests.fakes.engine import FakeLocalImage
from tests.fakes.images import (
    MadeImage,
    an_image,
    described,
    docker_save,
    docker_save_blobs,
    docker_save_files,
    encoded,
    oci_files,
    oci_image,
    sha256,
    tar_of,
)
from tests.fakes.registry import FakeRegistry, reset_after
from tests.support.registry import Registry
from tests.transfer.support import Publisher, digest, plain_layers, uploads

BASE = an_image("base", 3)
EMPTY = MadeImage(())
BIG = MadeImage((tar_of({"big": bytes(range(256)) * 36_000}), *BASE.layers))

#: A base of a gigabyte, as the engine tells it.
ENGINE_HAS = dict.fromkeys(BASE.diff_ids, 333_333_000)


def with_top(base: MadeImage, top: bytes) -> MadeImage:
    return MadeImage((*base.layers, top))


def containerd_save(image: MadeImage) -> tuple[bytes, str]:
    """Write what an engine with containerd's store writes: packed layers, and an ID that names the manifest."""
    manifest, blobs = oci_image(image)
    layers = ["blobs/" + sha256(blob).replace(":", "/") for blob in blobs[1:]]
    item = {"Config": "blobs/" + image.digest.replace(":", "/"), "RepoTags": ["a:1"], "Layers": layers}
    files = oci_files([described(manifest, "application/vnd.oci.image.manifest.v1+json")], [manifest, *blobs])
    return tar_of({**files, "manifest.json": encoded([item])}), sha256(manifest)


@pytest.mark.parametrize("made", [BASE, BIG, MadeImage(())], ids=["small", "big", "empty"])
@pytest.mark.parametrize("layout", [docker_save, docker_save_blobs])
def test_an_image_arrives_whole_and_without_a_tag(
    publisher: Publisher, registry: Registry, repository_name: str, made: MadeImage, layout: object
) -> None:
    assert callable(layout)
    sent = publisher.send_local(FakeLocalImage(made, layout(made)), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(made.layers)
    assert registry.tags(repository_name) == []


def test_an_image_of_containerds_store_arrives_whole(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    saved, image_id = containerd_save(BIG)
    sent = publisher.send_local(FakeLocalImage(BIG, saved, image_id), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(BIG.layers)


@pytest.mark.parametrize("name", ["[slug].html", "{{x}}", "[", "{", "BZh91", "(\udcb5/\udcfd", "\x1f\udc8b"])
@pytest.mark.parametrize("size", [10, 3 << 20, 5 << 20], ids=["small", "medium", "large"])
def test_what_a_layer_begins_with_does_not_matter(
    publisher: Publisher, registry: Registry, repository_name: str, name: str, size: int
) -> None:
    """A layer begins with the name of its first file, which may look like JSON or like a packing's magic number."""
    made = MadeImage((tar_of_bytes(name, size), tar_of_bytes(name, size + 1)))
    sent = publisher.send_local(FakeLocalImage(made), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(made.layers)
    from_archive = publisher.send(docker_save(made), f"{repository_name}-archive")
    assert from_archive.manifest == sent.manifest


def tar_of_bytes(name: str, size: int) -> bytes:
    """Write a tar whose first bytes are the name's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        info = tarfile.TarInfo(name)
        info.size = size
        tar.addfile(info, io.BytesIO(random.Random(size).randbytes(size)))
    return out.getvalue()


def test_a_manifest_is_never_taken_for_a_config(publisher: Publisher, registry: Registry, repository_name: str) -> None:
    """The ID of containerd's store names the manifest, which a registry serves as a blob too, once it has it."""
    saved, image_id = containerd_save(BIG)
    first = publisher.send_local(FakeLocalImage(BIG, saved, image_id), repository_name)
    manifest, _ = oci_image(BIG)
    registry.put_manifest(repository_name, image_id, manifest, "application/vnd.oci.image.manifest.v1+json")
    again = publisher.send_local(FakeLocalImage(BIG, saved, image_id), repository_name)
    assert again.manifest == first.manifest
    config = registry.manifest(repository_name, digest(again))["config"]["digest"]
    assert config == BIG.digest


def test_a_manifest_of_no_layers_is_no_config_either(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    saved, image_id = containerd_save(EMPTY)
    manifest, _ = oci_image(EMPTY)
    publisher.send_local(FakeLocalImage(EMPTY, saved, image_id), repository_name)
    registry.put_manifest(repository_name, image_id, manifest, "application/vnd.oci.image.manifest.v1+json")
    again = publisher.send_local(FakeLocalImage(EMPTY, saved, image_id), repository_name)
    assert registry.manifest(repository_name, digest(again))["config"]["digest"] == EMPTY.digest


def test_a_config_that_the_images_id_does_not_lead_to_is_refused(publisher: Publisher, repository_name: str) -> None:
    """The same layers, another environment."""
    other = MadeImage(BIG.layers, env=("A=1",))
    saved, _ = containerd_save(other)
    with pytest.raises(ArchiveError, match="does not hold the image sha256:"):
        publisher.send_local(FakeLocalImage(BIG, saved, containerd_save(BIG)[1]), repository_name)


def test_large_files_that_are_no_layers_do_not_disturb(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    """An attestation, or another platform's layer, beside the image."""
    files = docker_save_files({"a:1": BIG})
    more = {"blobs/sha256/1": b"{" + b" " * 5_000_000 + b"}", "blobs/sha256/2": gzip.compress(b"x" * 6_000_000)}
    sent = publisher.send_local(FakeLocalImage(BIG, tar_of({**more, **files})), repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(BIG.layers)


def test_an_index_is_left_to_the_engine(publisher: Publisher, repository_name: str) -> None:
    image = FakeLocalImage(BIG, is_index=True)
    sent = publisher.send_local(image, repository_name)
    assert (sent.manifest, image.saves) == (None, 0)
    assert sent.push is not None


def test_what_the_engine_says_of_an_image_that_it_cannot_save_is_told(
    publisher: Publisher, repository_name: str
) -> None:
    class Refusing(FakeLocalImage):
        @contextmanager
        def save(self) -> Iterator[BinaryIO]:
            yield io.BufferedReader(io.BytesIO(b""))
            raise CommandFailedError("`docker save`: empty export - not implemented", 1, b"", b"")

    with pytest.raises(ArchiveError, match=r"which has no layers .*empty export - not implemented"):
        publisher.send_local(Refusing(EMPTY), repository_name)
    with pytest.raises(ArchiveError, match=r"does not hand out the image: .*empty export"):
        publisher.send_local(Refusing(BIG), repository_name)


def test_an_image_that_the_registry_has_is_not_even_saved(publisher: Publisher, repository_name: str) -> None:
    first = publisher.send_local(FakeLocalImage(BIG), repository_name)
    again = FakeLocalImage(BIG)
    assert publisher.send_local(again, repository_name) == first
    assert again.saves == 0


def test_an_archive_and_the_engine_give_the_same_manifest(publisher: Publisher, repository_name: str) -> None:
    """One publisher for both assets."""
    assert (
        publisher.send_local(FakeLocalImage(BIG), repository_name).manifest
        == publisher.send(docker_save(BIG), repository_name).manifest
    )


@pytest.mark.parametrize("top", [tar_of({"new": b"new"}), bytes(len(BASE.layers[0]))], ids=["new", "same length"])
def test_only_new_layers_are_sent(publisher: Publisher, registry: Registry, repository_name: str, top: bytes) -> None:
    publisher.send_local(FakeLocalImage(BIG), repository_name)
    before = len([path for path in uploads(registry, repository_name) if "digest=" in path])
    made = with_top(BIG, top)
    image = FakeLocalImage(made)
    sent = publisher.send_local(image, repository_name)
    after = len([path for path in uploads(registry, repository_name) if "digest=" in path])
    assert plain_layers(registry, repository_name, digest(sent)) == list(made.layers)
    assert (image.saves, after - before) == (1, 2)  # the layer and the config


def test_a_large_new_layer_as_long_as_a_known_one_takes_a_second_pass(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    publisher.send_local(FakeLocalImage(BIG), repository_name)
    image = FakeLocalImage(with_top(BIG, bytes(len(BIG.layers[0]))))
    sent = publisher.send_local(image, repository_name)
    assert plain_layers(registry, repository_name, digest(sent)) == list(image.made.layers)
    assert image.saves == 2


def test_layers_that_the_engine_knows_are_left_to_it(publisher: Publisher, repository_name: str) -> None:
    made = with_top(BASE, tar_of({"new": b"new"}))
    image = Large(made)
    sent = publisher.send_local(image, repository_name, engine_has=ENGINE_HAS)
    assert (sent.manifest, image.saves, image.pushed) == (None, 0, [])
    assert sent.push is not None


class Large(FakeLocalImage):
    """Says that it is large."""

    @property
    def size(self) -> int:
        return 1_000_000_000


def test_an_upload_that_breaks_off_is_made_good_by_another_pass(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        registry.fail("PATCH", "/uploads/", reset_after(1000), times=1)
        publisher = Publisher(registry.host, tmp_path)
        image = FakeLocalImage(MadeImage(BIG.layers[:1]))
        sent = publisher.send_local(image, "a/b")
        assert image.saves == 2
        assert publisher.client().head_manifest("a/b", digest(sent))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "truncated": lambda: docker_save(BIG)[: -len(BIG.layers[0]) // 2],
    "other image": lambda: docker_save(BASE),
    "no list": lambda: tar_of({k: v for k, v in docker_save_files({"a:1": BIG}).items() if k != "manifest.json"}),
    "another layer": lambda: tar_of(
        {k: (v[:-1] + b"\1" if k.endswith("layer.tar") else v) for k, v in docker_save_files({"a:1": BIG}).items()}
    ),
    "no tar": lambda: gzip.compress(b"x" * 4000),
    "name that leads out": lambda: tar_of({"../x": b"x"}),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_stream_that_is_not_the_image_is_refused(publisher: Publisher, repository_name: str, case: str) -> None:
    image = FakeLocalImage(BIG)
    image.saved = HOSTILE[case]()
    with pytest.raises(ArchiveError, match=r"^docker save: "):
        publisher.send_local(image, repository_name)
    assert image.saves == 1


def test_the_engine_pushes_when_the_tag_is_written(
    publisher: Publisher, registry: Registry, repository_name: str
) -> None:
    class Pushing(Large):
        def push(self, reference: str) -> None:
            super().push(reference)
            content = publisher.send(docker_save(self.made), repository_name).manifest
            assert content is not None
            registry.put_manifest(repository_name, "t", content.content, content.descriptor.media_type)

    image = Pushing(with_top(BASE, tar_of({"n": b"n"})))
    sent = publisher.send_local(image, repository_name, engine_has=ENGINE_HAS)
    assert registry.tags(repository_name) == []
    written = write_tag(publisher.client(), repository_name, "t", sent, publisher.task)
    assert written.digest == registry.digest(repository_name, "t")
    # From now on it is known without being told.
    more = Large(with_top(image.made, tar_of({"x": b"x"})))
    assert publisher.send_local(more, repository_name).push is not None
    assert BlobMemory(publisher.memory).repositories_with(f"engine@{publisher.address}", image.diff_ids[0]) == (
        repository_name,
    )
