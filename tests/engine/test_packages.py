"""`pulumi package`: the schema that the plugin serves, and what is written for a program that adds it by its path."""

import json

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.paths import REPO, VENV_BIN

PLUGIN = str(VENV_BIN / "pulumi-resource-image-assets")
PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties: {directory: app, repository: registry.example.com/app}
outputs:
  imageUri: ${app.imageUri}
"""


def without_empty_lists(value: object) -> object:
    """Take out what means nothing: the command line leaves it out."""
    if isinstance(value, dict):
        return {name: without_empty_lists(one) for name, one in value.items() if one != []}
    return value


@pytest.mark.parametrize(
    ("source", "named"),
    [
        pytest.param(PLUGIN, "image-assets@", id="program"),
        pytest.param(str(REPO), str(REPO), id="folder", marks=pytest.mark.slow),
    ],
)
def test_a_program_adds_the_plugin_by_its_path(new_project: NewProject, source: str, named: str) -> None:
    """The folder's plugin is started by the language host, which is a stand-in here: it installs nothing."""
    project = new_project(PROGRAM)
    write_files(project.folder, {"app/Dockerfile": "FROM scratch\n"})
    served = json.loads(project.pulumi("package", "get-schema", source).stdout)
    assert without_empty_lists(served) == without_empty_lists(json.loads((REPO / "schema.json").read_text()))
    project.pulumi("package", "add", source)
    assert f"image-assets: {named}" in (project.folder / "Pulumi.yaml").read_text()
    assert list((project.folder / "sdks" / "image-assets").glob("image-assets-*.yaml"))
    assert project.preview().outputs["imageUri"].startswith("registry.example.com/app:")
