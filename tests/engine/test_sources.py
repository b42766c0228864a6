"""Where images come from besides a directory with a Dockerfile, on the real engine, builder and registry."""

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.events import UNKNOWN
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

INLINE = """
resources:
  open:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      dockerfileInline: |
        FROM scratch
        COPY {copied} /
  sealed:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      dockerfileInline: {{"fn::secret": "FROM scratch\\nCOPY a /\\nLABEL password=hunter2222\\n"}}
  later:
    type: image-assets:DockerImageAsset
    properties: {{directory: app, repository: "{repository}", dockerfileInline: "FROM ${{open.imageDigestUri}}"}}
outputs: {{imageUri: "${{open.imageUri}}", later: "${{later.imageUri}}"}}
"""


def test_a_dockerfile_in_the_program(new_project: NewProject, registry: Registry, repository_name: str) -> None:
    repository = f"{registry.address}/{repository_name}"
    project = new_project(INLINE.format(repository=repository, copied="a"))
    write_files(project.folder / "app", {"a": "1", "b": "2", ".dockerignore": "c", "c": "3"})
    first = project.preview()
    uri = first.outputs["imageUri"]
    assert first.outputs["later"] == UNKNOWN
    made = project.up()
    assert made.outputs["imageUri"] == uri
    project.preview(expect_no_changes=True)
    write_files(project.folder / "app", {"c": "4"})
    project.preview(expect_no_changes=True)
    assert "hunter2222" not in str(project.state(show_secrets=False)) + made.text
    project.write(INLINE.format(repository=repository, copied="b"))
    again = project.preview()
    assert again.outputs["imageUri"] != uri
    assert project.up().outputs["imageUri"] == again.outputs["imageUri"]
