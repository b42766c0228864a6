"""`getImage`, asked by programs, of real registries."""

from pathlib import Path

import pytest

from tests.cli.test_commands import run
from tests.conftest import NewProject
from tests.fakes.images import MadeImage, an_image, docker_save, oci_index
from tests.support.registry import PASSWORD, USER, Registry

LABELLED = MadeImage(
    an_image().layers, extra={"created": "2026-01-02T03:04:05Z", "config": {"Labels": {"team": "blue"}}}
)
PYTHON = """
import pulumi
import pulumi_image_assets as assets

asset = assets.TarballImageAsset("app", tarball_file="app.tar", repository="{repository}")
found = assets.get_image_output(reference=asset.image_uri.apply(lambda uri: uri))
pulumi.export("uri", asset.image_uri)
pulumi.export("digest", asset.image_digest)
pulumi.export("found", found)
pulumi.export("plain", assets.get_image(reference="{reference}").labels)
"""
YAML = """
variables:
  found:
    fn::invoke:
      function: image-assets:getImage
      arguments: {arguments}
outputs: {{found: "${{found}}"}}
"""


@pytest.fixture
def reference(tmp_path: Path, registry: Registry, repository_name: str) -> str:
    """An image with labels, under a tag."""
    (tmp_path / "labelled.tar").write_bytes(docker_save(LABELLED))
    name = f"{registry.address}/{repository_name}:labelled"
    run("publish", tmp_path / "labelled.tar", name)
    return name


def test_an_image_is_described(
    new_project: NewProject, registry: Registry, repository_name: str, reference: str
) -> None:
    repository = f"{registry.address}/{repository_name}"
    project = new_project(PYTHON.format(repository=repository, reference=reference), "python")
    project.folder.joinpath("app.tar").write_bytes(docker_save(LABELLED))
    project.up("--skip-preview")
    outputs = project.stack_outputs()
    assert outputs["found"] == {
        "imageUri": outputs["uri"],
        "imageDigest": outputs["digest"],
        "imageDigestUri": f"{repository}@{outputs['digest']}",
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "platforms": ["linux/amd64"],
        "labels": {"team": "blue"},
        "created": "2026-01-02T03:04:05Z",
    }
    assert outputs["plain"] == {"team": "blue"}


def test_one_platform_of_several_is_chosen(
    new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    arm = MadeImage(an_image("y").layers, "arm64", extra={"config": {"Labels": {"for": "arm"}}})
    (tmp_path / "index.tar").write_bytes(oci_index({"linux/amd64": an_image("x"), "linux/arm64": arm}))
    name = f"{registry.address}/{repository_name}:both"
    run("publish", tmp_path / "index.tar", name)
    project = new_project(YAML.format(arguments=f"{{reference: '{name}', platform: linux/aarch64}}"))
    found = project.up().outputs["found"]
    assert (found["platforms"], found["labels"]) == (["linux/amd64", "linux/arm64"], {"for": "arm"})
    project = new_project(YAML.format(arguments=f"{{reference: '{name}', platform: linux/s390x}}"), name="other")
    assert "it has: linux/amd64, linux/arm64" in project.up(check=False).text


def test_a_login_can_be_given_and_is_not_shown(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str, tmp_path: Path
) -> None:
    (tmp_path / "app.tar").write_bytes(docker_save(LABELLED))
    repository = f"{registry_with_auth.address}/{repository_name}"
    login = f"registryAuth: {{username: {USER}, password: {{'fn::secret': {PASSWORD}}}}}"
    publisher = new_project(
        "resources: {app: {type: 'image-assets:TarballImageAsset', properties: "
        f"{{tarballFile: ../app.tar, repository: '{repository}', extraTags: [v1], {login}}}}}}}\n"
    )
    publisher.up()
    project = new_project(YAML.format(arguments=f"{{reference: '{repository}:v1', {login}}}"), name="reader")
    assert project.up().outputs["found"] is not None
    refused = new_project(YAML.format(arguments=f"{{reference: '{repository}:v1'}}"), name="stranger").up(check=False)
    assert "401" in refused.text
    assert PASSWORD not in refused.text


WRONG = {
    "reference: UPPER": "capital letters",
    "platform: linux/amd64": "is missing",
    "reference: 'localhost:5000/a', platfrom: linux/amd64": "platform",
    "reference: 'localhost:5000/a', platform: amd64": "linux/amd64",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments_are_refused(new_project: NewProject, arguments: str) -> None:
    project = new_project(YAML.format(arguments=f"{{{arguments}}}"))
    refused = project.preview(check=False)
    assert refused.code
    assert WRONG[arguments] in refused.text
    assert "grpc:" not in refused.text


def test_an_image_that_is_not_there_is_an_error(new_project: NewProject, registry: Registry) -> None:
    name = f"{registry.address}/nobody/has:this"
    refused = new_project(YAML.format(arguments=f"{{reference: '{name}'}}")).preview(check=False)
    assert f"there is no image {name}" in refused.text
