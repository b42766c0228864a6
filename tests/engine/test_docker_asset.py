"""The life of a `DockerImageAsset`, on the real engine, a real builder and a real registry."""

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.contexts import write_files
from tests.support.events import UNKNOWN
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      {more}
  consumer:
    type: image-assets:DockerImageAsset
    properties:
      directory: consumer
      repository: {repository}
      buildArgs: {{BASE: "${{app.imageUri}}"}}
outputs:
  imageUri: ${{app.imageUri}}
  assetHash: ${{app.assetHash}}
  imageDigest: ${{app.imageDigest}}
  imageDigestUri: ${{app.imageDigestUri}}
  platforms: ${{app.platforms}}
  consumerUri: ${{consumer.imageUri}}
"""

DOCKERFILE = """
FROM scratch
ARG V=0
COPY . /
LABEL v=$V
CMD ["/busybox", "echo", "hello"]
"""


@pytest.fixture
def project(
    new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str, tmp_path: Path
) -> Project:
    """A project with an image, and a second one that refers to it."""
    made = new_project(program(registry, repository_name))
    busybox_context({"a.py": "one", "b.py": "one"}, dockerfile=DOCKERFILE, folder=made.folder / "app")
    write_files(made.folder / "consumer", {"Dockerfile": "FROM scratch\nARG BASE\nLABEL base=$BASE\nCOPY . /\n"})
    return made


def program(registry: Registry, repository: str, more: str = 'buildArgs: {V: "1"}') -> str:
    return PROGRAM.format(repository=f"{registry.address}/{repository}", more=more)


def rewrite(project: Project, text: str) -> None:
    project.write(text)


def test_from_first_preview_to_destroy(project: Project, registry: Registry, repository_name: str) -> None:
    """R2, R4, R13, R16, R40, R42, R1: one image's whole life."""
    # The first preview knows the URI, and the registry hears nothing.
    first = project.preview()
    uri = first.outputs["imageUri"]
    assert uri == f"{registry.address}/{repository_name}:{first.outputs['assetHash'][:32]}"
    assert first.outputs["imageDigest"] == UNKNOWN
    assert first.outputs["platforms"] == ["linux/amd64"]
    assert registry.requests(repository_name) == []

    # What was foretold comes true, and the registry serves a plain image manifest (R22).
    made = project.up()
    assert made.outputs["imageUri"] == uri
    tag = uri.rpartition(":")[2]
    assert made.outputs["imageDigest"] == registry.digest(repository_name, tag)
    assert made.outputs["imageDigestUri"] == f"{uri.rpartition(':')[0]}@{made.outputs['imageDigest']}"
    assert "image.index" not in registry.manifest(repository_name, tag)["mediaType"]
    labels = registry.config(repository_name, tag)["config"]["Labels"]
    assert labels == {"v": "1", "io.pulumi.project": "proj", "io.pulumi.stack": "dev", "io.pulumi.resource": "app"}
    assert made.messages("warning") == ""

    # Nothing changed, nothing differs: at once, after touching everything, and after a refresh.
    project.up(expect_no_changes=True)
    for file in project.folder.rglob("*"):
        file.touch()
    project.preview(expect_no_changes=True)
    project.refresh(expect_no_changes=True)
    project.preview(expect_no_changes=True)

    # The preview names the file and the argument, shows the new URI, and the consumer differs in it too.
    (project.folder / "app" / "a.py").write_text("two")
    rewrite(project, program(registry, repository_name, 'buildArgs: {V: "2"}'))
    edited = project.preview()
    step = edited.step("PublishedImage", "app")
    assert set(step.detailed_diff) == {'files["a.py"]', "buildArgs.V", "fingerprint"}
    assert "changed files: ~ a.py; inputs: buildArgs.V" in edited.messages("info")
    assert edited.outputs["imageUri"] not in (uri, UNKNOWN)
    assert "buildArgs.BASE" in edited.step("PublishedImage", "consumer").detailed_diff
    assert project.up().outputs["imageUri"] == edited.outputs["imageUri"]
    assert {tag, edited.outputs["imageUri"].rpartition(":")[2]} <= set(registry.tags(repository_name))

    # Destroy leaves the registry alone.
    tags = registry.tags(repository_name)
    project.destroy()
    assert registry.tags(repository_name) == tags
    assert not [request for request in registry.requests(repository_name) if request.method == "DELETE"]


def test_a_tag_deleted_by_hand_is_noticed_and_published_again(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """R42."""
    uri = project.up().outputs["imageUri"]
    registry.delete_tag(repository_name, uri.rpartition(":")[2])
    project.refresh()
    assert not [found for found in project.state() if found["urn"].endswith("PublishedImage::app")]
    assert project.up().outputs["imageUri"] == uri
    assert registry.digest(repository_name, uri.rpartition(":")[2])

    # With `checkPublished: always` a plain up notices too, and nothing downstream differs.
    project.set_config("image-assets:checkPublished", "always")
    project.up(expect_no_changes=True)
    registry.delete_tag(repository_name, uri.rpartition(":")[2])
    again = project.up()
    assert {step.name for step in again.changes} == {"app"}
    assert registry.digest(repository_name, uri.rpartition(":")[2])


def test_another_repository_replaces_and_deletes_nothing(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """R1."""
    project.up()
    tags = registry.tags(repository_name)
    rewrite(project, program(registry, f"{repository_name}-2"))
    moved = project.preview()
    assert "replace" in {step.op for step in moved.steps if step.name == "app"}
    project.up()
    assert registry.tags(repository_name) == tags
    assert registry.tags(f"{repository_name}-2")


def test_an_existing_tag_is_neither_built_nor_pushed(
    project: Project, new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    """R13, R33, R37: another stack in another folder, without docker."""
    uri = project.up().outputs["imageUri"]
    other = new_project(program(registry, repository_name), name="other")
    shutil.copytree(project.folder / "app", other.folder / "app")
    shutil.copytree(project.folder / "consumer", other.folder / "consumer")
    stub = other.private / "bin"
    write_files(stub, {"docker": "#!/bin/sh\nexit 99\n"})
    (stub / "docker").chmod(0o755)
    other.environ["PATH"] = f"{stub}:{other.isolated_environ['PATH']}"
    before = len(registry.requests(repository_name))
    assert other.up().outputs["imageUri"] == uri
    asked = registry.requests(repository_name)[before:]
    assert {request.method for request in asked} == {"HEAD"}
    assert len(asked) <= 4


def test_a_file_that_changed_with_the_same_size_and_times_is_in_the_image_of_the_new_tag(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """R2: a build output with a fixed time."""
    for text in ("one", "two", "six"):
        (project.folder / "app" / "a.py").write_text(text)
        os.utime(project.folder / "app" / "a.py", (1_000_000_000, 1_000_000_000))
        tag = project.up().outputs["imageUri"].rpartition(":")[2]
        layer = registry.manifest(repository_name, tag)["layers"][-1]["digest"]
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(registry.blob(repository_name, layer)))) as files:
            content = files.extractfile("a.py")
            assert content
            assert content.read() == text.encode()


def test_an_unknown_input_makes_only_what_depends_on_it_unknown(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """R4: `BASE` of the consumer is the digest of an image that is not published yet."""
    text = program(registry, repository_name).replace('${app.imageUri}"}', '${app.imageDigestUri}"}')
    rewrite(project, text)
    first = project.preview()
    assert first.outputs["consumerUri"] == UNKNOWN
    assert first.outputs["imageUri"] != UNKNOWN
    assert project.up().outputs["consumerUri"] != UNKNOWN


def test_a_published_image_can_be_imported(project: Project, registry: Registry, repository_name: str) -> None:
    uri = project.up().outputs["imageUri"]
    project.destroy()
    project.import_resource("image-assets:index:PublishedImage", "taken", uri)
    outputs = project.stored("PublishedImage", "taken")["outputs"]
    assert outputs["imageUri"] == uri
    assert outputs["imageDigest"] == registry.digest(repository_name, uri.rpartition(":")[2])
