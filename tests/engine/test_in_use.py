"""With `retainOnDelete: false` a resource deletes what it wrote, and nothing that is in use (R6)."""

import json
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

INDEX = "application/vnd.oci.image.index.v1+json"


def asset(name: str, repository: str, directory: str = "app", **more: object) -> str:
    given = {"directory": directory, "repository": repository, "retainOnDelete": False, **more}
    return f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {json.dumps(given)}}}\n"


@pytest.fixture
def repository(registry: Registry, repository_name: str) -> str:
    return f"{registry.address}/{repository_name}"


@pytest.fixture
def project(new_project: NewProject, repository: str) -> Project:
    """A project with one asset."""
    made = new_project("resources:\n" + asset("a", repository))
    write_files(made.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n", "a.txt": "a"})
    return made


def write(project: Project, *assets: str) -> None:
    project.write("resources:\n" + "".join(assets) if assets else "outputs: {}\n")


def test_replace_keeps_the_tags_that_the_new_resource_has(
    project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write(project, asset("a", repository, extraTags=["latest"]))
    project.up()
    tags = registry.tags(repository_name)
    assert len(tags) == 2
    project.up("--replace", project.stored("PublishedImage")["urn"])
    assert registry.tags(repository_name) == tags
    project.refresh(expect_no_changes=True)
    project.up(expect_no_changes=True)


def test_another_name_keeps_the_tags(
    project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write(project, asset("a", repository, extraTags=["latest"]))
    project.up()
    tags = registry.tags(repository_name)
    write(project, asset("b", repository.replace("localhost", "127.0.0.1"), extraTags=["latest"]))
    project.set_config("image-assets:insecureRegistries[0]", registry.address.replace("localhost", "127.0.0.1"))
    project.up()
    assert registry.tags(repository_name) == tags
    write(project)
    project.up()
    # The one that wrote them is gone, and nobody else may delete them.
    assert registry.tags(repository_name) == tags


@pytest.mark.parametrize("kept", ["a", "b"])
def test_one_of_two_equal_assets_may_go(
    kept: str, project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write(project, asset("a", repository), asset("b", repository))
    project.up()
    tags = registry.tags(repository_name)
    write(project, asset(kept, repository))
    project.up()
    assert registry.tags(repository_name) == tags
    project.refresh(expect_no_changes=True)


def test_both_of_two_equal_assets_take_the_tag_with_them(
    project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write(project, asset("a", repository), asset("b", repository))
    project.up()
    project.destroy("--refresh")
    assert registry.tags(repository_name) == []


def test_a_destroy_that_runs_the_program_removes_the_tag(
    project: Project, registry: Registry, repository_name: str
) -> None:
    project.up()
    project.destroy("--run-program")
    assert registry.tags(repository_name) == []


def test_an_asset_that_is_no_target_keeps_its_tag(
    project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write(project, asset("a", repository), asset("b", repository))
    project.up()
    tags = registry.tags(repository_name)
    (urn,) = [image["urn"] for image in project.state() if image.get("outputs", {}).get("__writtenTags")]
    name = urn.rpartition("::")[2]
    (stays,) = {"a", "b"} - {name}
    write(project, asset(stays, repository))
    component = urn.replace("$image-assets:index:PublishedImage", "")
    project.up("--target", urn, "--target", component)
    assert [one["urn"].rpartition("::")[2] for one in project.state() if "PublishedImage" in one["type"]] == [stays]
    assert registry.tags(repository_name) == tags


def test_what_a_failed_update_leaves_in_the_state_stays(
    project: Project, registry: Registry, repository: str, repository_name: str
) -> None:
    write_files(project.folder / "other", {"Dockerfile": "FROM scratch\nCOPY . /\n", "a.txt": "a"})
    write(project, asset("b", repository), asset("a", repository, "other"))
    project.up()
    tags = registry.tags(repository_name)
    write_files(project.folder / "other", {"Dockerfile": "FROM scratch\nCOPY nothing /\n"})
    write(project, asset("a", repository, "other"))
    project.up("--continue-on-error", check=False)
    write_files(project.folder / "other", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    assert registry.tags(repository_name) == tags
    project.refresh(expect_no_changes=True)


def test_somebody_elses_image_under_the_tag_stays_after_a_refresh_too(
    project: Project, registry: Registry, repository_name: str
) -> None:
    project.up()
    (tag,) = registry.tags(repository_name)
    manifest = registry.manifest(repository_name, tag)
    theirs = json.dumps({**manifest, "annotations": {"by": "them"}}).encode()
    digest = registry.put_manifest(repository_name, tag, theirs, manifest["mediaType"])
    assert "has overwritten the tag" in project.refresh().messages("warning")
    assert project.stored("PublishedImage")["outputs"]["imageDigest"] == digest
    project.destroy()
    assert registry.digest(repository_name, tag) == digest


def test_a_child_of_an_index_that_another_tag_names_stays(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """This registry deletes no single tags."""
    project.up()
    (tag,) = registry.tags(repository_name)
    digest = registry.digest(repository_name, tag)
    manifest = registry.manifest(repository_name, tag)
    size = int(registry.ask("HEAD", f"/v2/{repository_name}/manifests/{tag}").headers["Content-Length"])
    child = {"mediaType": manifest["mediaType"], "digest": digest, "size": size}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}
    registry.put_manifest(repository_name, "all", json.dumps(index).encode(), INDEX)
    assert "the tag all needs it" in project.destroy().messages("warning")
    assert registry.digest(repository_name, digest or "") == digest


def test_what_nobody_uses_goes(project: Project, registry: Registry, repository: str, repository_name: str) -> None:
    project.up()
    write(project)
    project.up()
    assert registry.tags(repository_name) == []


def test_a_state_of_the_first_release_deletes_what_it_wrote(
    project: Project, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """R29: it remembers tags without digests."""
    project.up()
    exported = json.loads(project.pulumi("stack", "export").stdout)
    for resource in exported["deployment"]["resources"]:
        if resource["type"] == "image-assets:index:PublishedImage":
            outputs = resource["outputs"]
            outputs["__writtenTags"] = list(outputs["__writtenTags"])
            outputs.pop("__buildKey")
    (tmp_path / "state.json").write_text(json.dumps(exported))
    project.pulumi("stack", "import", "--file", str(tmp_path / "state.json"))
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=True)
    project.destroy()
    assert registry.tags(repository_name) == []
