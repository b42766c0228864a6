"""The directory of an image layout gives what the tar of it gives."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.archive import LayoutImage, open_archive
from image_assets.errors import ArchiveError, InputError
from tests.fakes.images import (
    an_image,
    blob_path,
    described,
    docker_save,
    docker_save_blobs,
    docker_save_files,
    encoded,
    oci_files,
    oci_image,
    oci_index,
    oci_layout,
    sha256,
    unpack_layout,
)

IMAGE = an_image("directory")
PLATFORMS = {"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}
SHAPES = {
    "layout": oci_layout(IMAGE),
    "index": oci_index(PLATFORMS),
    "docker save": docker_save(IMAGE),
    "docker save 25": docker_save_blobs(IMAGE),
    "docker save with links": docker_save({"a:1": IMAGE, "b:1": IMAGE}),
}
MANIFEST, BLOBS = oci_image(IMAGE)
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_directory_is_the_same_as_its_tar(tmp_path: Path, shape: str) -> None:
    tar = tmp_path / "image.tar"
    tar.write_bytes(SHAPES[shape])
    directory = unpack_layout(SHAPES[shape], tmp_path / "image")
    with open_archive(tar, None) as packed, open_archive(directory) as archive:
        assert archive.identity == packed.identity
        assert archive.outline == packed.outline
        assert archive.platforms == packed.platforms
        assert archive.names == packed.names
        assert contents(archive) == contents(packed)


def contents(archive: object) -> list[bytes]:
    image = archive.image  # type: ignore[attr-defined]  # any archive
    parts = image.blobs if isinstance(image, LayoutImage) else image.layers
    read = [b"".join(archive.read(part.member)) for part in parts]  # type: ignore[attr-defined]  # same
    streamed = [b"".join(chunks) for _, chunks in archive.stream([part.member for part in parts])]  # type: ignore[attr-defined]  # same
    assert sorted(streamed) == sorted(read)
    return read


def layout(tmp_path: Path) -> Path:
    return unpack_layout(SHAPES["layout"], tmp_path / "image")


def test_links_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    """Bazel links blobs to where it made them, and the directory itself stands under `bazel-bin`."""
    root = layout(tmp_path)
    for path in [path for path in root.rglob("*") if path.is_file()]:
        elsewhere = tmp_path / "cache" / path.relative_to(root)
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    link = tmp_path / "bazel-bin"
    link.symlink_to(root)
    with open_archive(link) as archive:
        assert archive.identity == sha256(MANIFEST)
        assert contents(archive) == BLOBS


def other_blob(root: Path) -> None:
    (root / blob_path(sha256(BLOBS[0]))).write_bytes(BLOBS[0][:-1] + b"\0")


def link_out(root: Path) -> None:
    path = root / blob_path(sha256(BLOBS[0]))
    path.unlink()
    path.symlink_to("/etc/passwd")


def fifo(root: Path) -> None:
    path = root / blob_path(sha256(MANIFEST))
    path.unlink()
    os.mkfifo(path)


def device(root: Path) -> None:
    (root / "index.json").unlink()
    (root / "index.json").symlink_to("/dev/zero")


def circle(root: Path) -> None:
    path = root / blob_path(sha256(MANIFEST))
    path.unlink()
    path.symlink_to(path.name)


def without_blob(root: Path) -> None:
    (root / blob_path(sha256(BLOBS[1]))).unlink()


def directory_for_blob(root: Path) -> None:
    path = root / blob_path(sha256(BLOBS[1]))
    path.unlink()
    path.mkdir()


def version(root: Path) -> None:
    (root / "oci-layout").write_text('{"imageLayoutVersion":"3.0.0"}')


def huge(root: Path) -> None:
    os.truncate(root / "index.json", 1 << 40)


def leading_out(root: Path) -> None:
    listed: list[object] = [{"Config": "../../etc/passwd", "Layers": [], "RepoTags": None}]
    (root / "manifest.json").write_bytes(encoded(listed))


def long_name(root: Path) -> None:
    (root / "manifest.json").write_bytes(encoded([{"Config": "a" * 100_000, "Layers": []}]))


def odd_name(root: Path) -> None:
    (root / "manifest.json").write_text('[{"Config": "\\ud800\\u0000", "Layers": []}]')


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "other content": (other_blob, "has the digest"),
    "link to a file of the system": (link_out, "its descriptor says"),
    "FIFO": (fifo, "not a regular file"),
    "device": (device, "not a regular file"),
    "circle": (circle, "cannot be read: Too many levels"),
    "missing blob": (without_blob, "is missing"),
    "directory for a blob": (directory_for_blob, "is missing"),
    "unknown version": (version, "the image layout version is '3.0.0'"),
    "a terabyte of JSON": (huge, "JSON document of"),
    "name that leads out": (leading_out, "leads out of the archive"),
    "long name": (long_name, "does not hold"),
    "odd name": (odd_name, "does not hold"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_directory_is_refused_and_named(tmp_path: Path, case: str) -> None:
    damage, reason = BAD[case]
    root = layout(tmp_path)
    damage(root)
    with pytest.raises(ArchiveError) as caught, open_archive(root):
        pass
    text = str(caught.value)
    assert text.startswith(f"{root}: ")
    assert reason in text
    assert len(text) < 1000


def test_a_directory_that_is_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is no image archive"), open_archive(tmp_path):
        pass


def test_a_blob_that_becomes_shorter_is_noticed(tmp_path: Path) -> None:
    root = layout(tmp_path)
    with open_archive(root) as archive:
        os.truncate(root / blob_path(sha256(BLOBS[1])), 3)
        with pytest.raises(ArchiveError, match="became shorter while it was read"):
            contents(archive)


def test_the_image_is_chosen_by_name(tmp_path: Path) -> None:
    made = {name: oci_image(an_image(name)) for name in ("one", "two")}
    listed = [described(manifest, OCI_MANIFEST, name) for name, (manifest, _) in made.items()]
    files = oci_files(listed, [blob for manifest, blobs in made.values() for blob in (manifest, *blobs)])
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with open_archive(tmp_path, "two") as archive:
        assert archive.identity == sha256(made["two"][0])
    with pytest.raises(InputError, match="holds several images"), open_archive(tmp_path):
        pass


def test_the_files_of_docker_save_need_no_tar(tmp_path: Path) -> None:
    files = docker_save_files({"a:1": IMAGE})
    assert json.loads(files["manifest.json"])[0]["RepoTags"] == ["a:1"]
    root = unpack_layout(docker_save(IMAGE), tmp_path / "saved")
    with open_archive(root) as archive:
        assert archive.identity == IMAGE.digest
