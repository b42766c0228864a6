"""Archives of every shape are opened by their content, and named by the image's identity (issue: archives; R10)."""

import gzip
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.archive import LayoutImage, SavedImage, open_archive
from image_assets.errors import InputError
from tests.fakes.images import (
    MadeImage,
    an_image,
    docker_save,
    docker_save_blobs,
    docker_save_files,
    oci_image,
    oci_index,
    oci_index_files,
    oci_layout,
    packed,
    sha256,
    tar_of,
)

IMAGE = an_image()
PLATFORMS = {"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}
SHAPES: dict[str, Callable[..., bytes]] = {"old": docker_save, "blobs": docker_save_blobs, "layout": oci_layout}


def written(directory: Path, content: bytes, name: str = "image.bin") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def identity(path: Path, image: str | None = None) -> str:
    with open_archive(path, image) as archive:
        return archive.identity


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd", "xz", "bzip2"])
def test_the_identity_is_the_same_however_and_whenever_the_archive_was_written(
    tmp_path: Path, shape: str, pack: str
) -> None:
    first = identity(written(tmp_path, SHAPES[shape](IMAGE, mtime=1)))
    again = identity(written(tmp_path, packed(SHAPES[shape](IMAGE, mtime=999_999), pack)))
    assert again == first


def test_docker_save_images_are_named_by_their_config(tmp_path: Path) -> None:
    assert identity(written(tmp_path, docker_save(IMAGE))) == IMAGE.digest
    assert identity(written(tmp_path, docker_save_blobs(IMAGE))) == IMAGE.digest


def test_layers_packed_inside_the_archive_do_not_change_the_identity(tmp_path: Path) -> None:
    assert identity(written(tmp_path, docker_save(IMAGE, pack="gzip"))) == IMAGE.digest


def test_layout_images_are_named_by_their_manifest(tmp_path: Path) -> None:
    assert identity(written(tmp_path, oci_layout(IMAGE))) == sha256(oci_image(IMAGE)[0])


@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_part_reads_back_as_it_was_written(tmp_path: Path, shape: str, pack: str) -> None:
    with open_archive(written(tmp_path, packed(SHAPES[shape](IMAGE), pack))) as archive:
        image = archive.image
        if isinstance(image, SavedImage):
            assert [b"".join(archive.read(layer.member)) for layer in image.layers] == list(IMAGE.layers)
            streamed = {
                member: b"".join(chunks) for member, chunks in archive.stream([one.member for one in image.layers])
            }
            assert [streamed[layer.member] for layer in image.layers] == list(IMAGE.layers)
        else:
            assert [sha256(b"".join(archive.read(blob.member))) for blob in image.blobs] == [
                blob.descriptor.digest for blob in image.blobs
            ]


def test_the_platform_comes_from_the_config(tmp_path: Path) -> None:
    arm = an_image(architecture="arm64")
    for content in (docker_save(arm), oci_layout(arm)):
        with open_archive(written(tmp_path, content)) as archive:
            assert archive.platforms == ("linux/arm64",)


def test_an_index_keeps_all_its_images_and_their_referrers(tmp_path: Path) -> None:
    """R28: a multi-arch OCI tarball keeps all entries."""
    with open_archive(written(tmp_path, oci_index(PLATFORMS))) as archive:
        assert archive.platforms == ("linux/amd64", "linux/arm64")
        assert isinstance(archive.image, LayoutImage)
        assert len(archive.image.children) == 2
        assert len(archive.image.referrers) == 1
        assert archive.identity == archive.image.top.descriptor.digest
        assert len(archive.outline) >= 3


def test_one_image_inside_an_index_is_selected_by_its_digest(tmp_path: Path) -> None:
    digest = sha256(oci_image(PLATFORMS["linux/arm64"])[0])
    with open_archive(written(tmp_path, oci_index(PLATFORMS)), digest) as archive:
        assert (archive.identity, archive.platforms) == (digest, ("linux/arm64",))


def test_an_index_that_is_there_whole_comes_before_the_single_image_of_manifest_json(tmp_path: Path) -> None:
    both = {**oci_index_files(PLATFORMS), **docker_save_files({"app:1": PLATFORMS["linux/amd64"]})}
    with open_archive(written(tmp_path, tar_of(both))) as archive:
        assert archive.platforms == ("linux/amd64", "linux/arm64")


def test_an_index_with_platforms_that_were_not_pulled_leaves_the_single_image(tmp_path: Path) -> None:
    both = {**oci_index_files(PLATFORMS), **docker_save_files({"app:1": PLATFORMS["linux/amd64"]})}
    missing = "blobs/" + sha256(oci_image(PLATFORMS["linux/arm64"])[0]).replace(":", "/")
    partial = tar_of({name: content for name, content in both.items() if name != missing})
    assert identity(written(tmp_path, partial)) == PLATFORMS["linux/amd64"].digest


def test_links_between_shared_layers_are_followed(tmp_path: Path) -> None:
    first = an_image("base")
    second = type(first)((*first.layers, *an_image("top", 1).layers))
    path = written(tmp_path, docker_save({"a:1": first, "b:1": second}))
    with open_archive(path, "b:1") as archive:
        assert isinstance(archive.image, SavedImage)
        assert [b"".join(archive.read(layer.member)) for layer in archive.image.layers] == list(second.layers)


@pytest.mark.parametrize("name", ["a:1", "docker.io/library/a:1", "DIGEST", "SHORT", "HEX"])
def test_an_image_is_selected_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    images = {"a:1": an_image("a"), "b": an_image("b")}
    digest = images["a:1"].digest
    text = {"DIGEST": digest, "SHORT": digest[7:19], "HEX": digest[7:]}.get(name, name)
    assert identity(written(tmp_path, docker_save(images)), text) == digest


def test_latest_is_the_tag_of_a_name_without_one(tmp_path: Path) -> None:
    images = {"a:1": an_image("a"), "b:latest": an_image("b")}
    assert identity(written(tmp_path, docker_save(images)), "b") == images["b:latest"].digest


@pytest.mark.parametrize("image", [None, "c:1", "sha256:" + "0" * 64])
def test_an_ambiguous_or_unknown_name_lists_what_there_is(tmp_path: Path, image: str | None) -> None:
    path = written(tmp_path, docker_save({"a:1": an_image("a"), "b:1": an_image("b")}))
    with pytest.raises(InputError, match=r"'a:1', 'b:1'") as caught:
        identity(path, image)
    assert [problem.path for problem in caught.value.problems] == ["image"]


def test_one_image_under_two_names_is_not_ambiguous(tmp_path: Path) -> None:
    assert identity(written(tmp_path, docker_save({"a:1": IMAGE, "b:1": IMAGE}))) == IMAGE.digest


def test_an_unnamed_image_is_taken_without_being_named(tmp_path: Path) -> None:
    assert identity(written(tmp_path, docker_save({"": IMAGE}))) == IMAGE.digest


def test_a_layout_is_selected_by_the_tag_that_its_annotation_holds(tmp_path: Path) -> None:
    assert identity(written(tmp_path, oci_layout(IMAGE, "v1")), "v1") == sha256(oci_image(IMAGE)[0])


def test_member_names_may_start_with_a_dot(tmp_path: Path) -> None:
    dotted = {f"./{name}": content for name, content in docker_save_files({"a:1": IMAGE}).items()}
    assert identity(written(tmp_path, tar_of(dotted))) == IMAGE.digest


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: None], ids=["FIFO", "missing"])
def test_what_is_no_file_is_an_input_error(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "x")
    with pytest.raises(InputError, match="tarballFile"):
        identity(tmp_path / "x")


def aged(path: Path) -> Path:
    """Wait until a change could not hide behind the clock's tick."""
    time.sleep(2.1)
    return path


def test_a_packed_archive_is_unpacked_once_as_long_as_it_is_the_same_file(tmp_path: Path) -> None:
    big = MadeImage((tar_of({"noise": random.Random(1).randbytes(30_000_000)}),))
    path = aged(written(tmp_path, gzip.compress(docker_save(big), 1)))
    first = seconds_of(path)
    assert seconds_of(path) < first / 3


def seconds_of(path: Path) -> float:
    started = time.monotonic()
    identity(path)
    return time.monotonic() - started


def test_a_packed_archive_that_changed_is_read_again(tmp_path: Path) -> None:
    path = aged(written(tmp_path, gzip.compress(docker_save(an_image("one")), 1)))
    assert identity(path) == an_image("one").digest
    status = path.stat()
    content = gzip.compress(docker_save(an_image("two")), 1)
    path.write_bytes(content + bytes(0))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert identity(path) == an_image("two").digest
