"""The life of a `TarballImageAsset`: the same as an image that is built, without any docker."""

import os
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.fakes.images import MadeImage, an_image, docker_save, oci_index, oci_layout, packed, unpack_layout
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

PROGRAM = """
resources:
  app:
    type: image-assets:TarballImageAsset
    properties:
      tarballFile: image.tar
      repository: {repository}
      {more}
outputs:
  imageUri: ${{app.imageUri}}
  imageDigest: ${{app.imageDigest}}
  platforms: ${{app.platforms}}
"""


def program(registry: Registry, repository: str, more: str = "") -> str:
    return PROGRAM.format(repository=f"{registry.address}/{repository}", more=more)


def without_docker(project: Project) -> None:
    """Let a docker that is called fail, and leave a trace."""
    stub = project.private / "bin"
    write_files(stub, {"docker": f"#!/bin/sh\ntouch {stub}/called\nexit 99\n"})
    (stub / "docker").chmod(0o755)
    project.environ["PATH"] = f"{stub}{os.pathsep}{project.isolated_environ['PATH']}"


@pytest.fixture
def project(new_project: NewProject, registry: Registry, repository_name: str) -> Project:
    """A project with an archive, on a machine without docker."""
    made = new_project(program(registry, repository_name))
    without_docker(made)
    return made


def test_an_archive_is_published_without_docker(project: Project, registry: Registry, repository_name: str) -> None:
    """R10, R2, R4: docker save, saved again, packed, another image, destroy."""
    file = project.folder / "image.tar"
    image = an_image("a")
    file.write_bytes(docker_save(image))
    first = project.preview()
    uri = first.outputs["imageUri"]
    assert first.outputs["platforms"] == ["linux/amd64"]
    assert registry.requests(repository_name) == []
    made = project.up()
    assert made.outputs["imageUri"] == uri
    tag = uri.rpartition(":")[2]
    assert made.outputs["imageDigest"] == registry.digest(repository_name, tag)
    assert registry.config(repository_name, tag)["rootfs"]["diff_ids"]

    # The same image with other times in the file, or packed, is the same image.
    file.write_bytes(docker_save(image, mtime=1_700_000_000))
    project.preview(expect_no_changes=True)
    file.write_bytes(packed(docker_save(image), "gzip"))
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=True)

    # Another image is another tag, and the preview knows it.
    file.write_bytes(docker_save(an_image("b")))
    other = project.preview()
    assert other.outputs["imageUri"] != uri
    assert project.up().outputs["imageUri"] == other.outputs["imageUri"]
    project.destroy()
    assert len(registry.tags(repository_name)) == 2
    assert not (project.private / "bin" / "called").exists()


def test_an_index_is_kept_whole(project: Project, registry: Registry, repository_name: str) -> None:
    """R28."""
    images = {"linux/amd64": an_image("a"), "linux/arm64": an_image("b", architecture="arm64")}
    (project.folder / "image.tar").write_bytes(packed(oci_index(images), "gzip"))
    made = project.up()
    served = registry.manifest(repository_name, made.outputs["imageUri"].rpartition(":")[2])
    assert {entry["platform"]["architecture"] for entry in served["manifests"]} == {"amd64", "arm64"}
    assert sorted(made.outputs["platforms"]) == ["linux/amd64", "linux/arm64"]


def test_extra_tags_change_without_a_new_image(project: Project, registry: Registry, repository_name: str) -> None:
    """R5: a tag prefix, and tags written by manifest."""
    (project.folder / "image.tar").write_bytes(oci_layout(an_image("c")))
    project.write(program(registry, repository_name, "tagPrefix: v1-\n      extraTags: [latest]"))
    first = project.up()
    tag = first.outputs["imageUri"].rpartition(":")[2]
    assert tag.startswith("v1-")
    assert registry.tags(repository_name) == sorted(["latest", tag])
    before = len(registry.requests(repository_name))
    project.write(program(registry, repository_name, "tagPrefix: v1-\n      extraTags: [latest, stable]"))
    second = project.up()
    assert second.outputs == first.outputs
    assert registry.digest(repository_name, "stable") == first.outputs["imageDigest"]
    written = [r for r in registry.requests(repository_name)[before:] if r.method not in ("HEAD", "GET")]
    assert [r.path.rpartition("/")[2] for r in written] == ["stable"]


def test_only_an_own_tag_is_ever_deleted(project: Project, registry: Registry, repository_name: str) -> None:
    """R1: `retainOnDelete: false` takes what this resource wrote, unless somebody shares it."""
    image = oci_layout(an_image("d"))
    (project.folder / "image.tar").write_bytes(image)
    project.write(program(registry, repository_name, "retainOnDelete: false"))
    tag = project.up().outputs["imageUri"].rpartition(":")[2]
    content = registry.ask("GET", f"/v2/{repository_name}/manifests/{tag}")
    registry.put_manifest(repository_name, "shared", content.body, content.headers["Content-Type"])
    kept = project.destroy()
    assert "is kept" in kept.messages("warning")
    assert tag in registry.tags(repository_name)

    # Found, not written: never deleted. Written, and nobody shares it: deleted.
    project.up()
    project.destroy()
    assert tag in registry.tags(repository_name)
    registry.delete_tag(repository_name, tag)
    project.up()
    project.destroy()
    assert registry.tags(repository_name) == []


def test_a_hostile_archive_is_one_error_and_no_tag(project: Project, registry: Registry, repository_name: str) -> None:
    good = docker_save(an_image("e"))
    (project.folder / "image.tar").write_bytes(good[: len(good) // 2])
    failed = project.up(check=False)
    assert failed.code != 0
    assert "image.tar" in failed.messages("error")
    assert "Traceback" not in failed.text
    assert registry.tags(repository_name) == []
    # Mended, the same command succeeds.
    (project.folder / "image.tar").write_bytes(good)
    project.up()


def test_the_archives_place_does_not_count(
    project: Project, new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """R37."""
    (project.folder / "image.tar").write_bytes(docker_save(an_image("f")))
    uri = project.up().outputs["imageUri"]
    moved = tmp_path / "elsewhere.tar"
    (project.folder / "image.tar").rename(moved)
    project.write(program(registry, repository_name).replace("image.tar", str(moved)))
    assert project.preview(expect_no_changes=True).outputs["imageUri"] == uri


@pytest.mark.parametrize("platform", [{"os": "", "architecture": ""}, {"os": None, "architecture": None}])
def test_an_image_of_no_platform_is_published(
    project: Project, registry: Registry, repository_name: str, platform: dict[str, str | None]
) -> None:
    """N63: artifacts, buildpacks and `crane append` say none."""
    image = MadeImage((), extra=platform)
    (project.folder / "image.tar").write_bytes(docker_save(image))
    assert project.preview().outputs["platforms"] == []
    made = project.up()
    assert made.outputs["platforms"] == []
    assert registry.manifest(repository_name, made.outputs["imageUri"].rpartition(":")[2])["layers"] == []
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=True)


def test_a_directory_of_a_layout_is_published_like_its_tar(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """N45: as rules_oci, ko, kaniko and buildx leave it."""
    file = project.folder / "image.tar"
    content = oci_index({"linux/amd64": an_image("g"), "linux/arm64": an_image("h", architecture="arm64")})
    unpack_layout(content, file)
    made = project.up()
    file.rename(project.folder / "directory")
    file.write_bytes(content)
    assert project.up(expect_no_changes=True).outputs == made.outputs
    project.write(program(registry, f"{repository_name}-tar"))
    other = project.up().outputs
    assert (other["imageDigest"], other["platforms"]) == (made.outputs["imageDigest"], made.outputs["platforms"])
    file.unlink()
    file.mkdir()
    failed = project.preview(check=False)
    assert "is a directory without index.json" in failed.messages("error")
