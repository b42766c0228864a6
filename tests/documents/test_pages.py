"""The commands of the README and the pages in docs do what they say."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.contexts import write_files
from tests.support.documents import Shell, at_home, blocks
from tests.support.examples import VERSION
from tests.support.paths import VENV_BIN
from tests.support.project import Project
from tests.support.registry import Registry

ARCHIVE = f"pulumi-resource-image-assets-v{VERSION}-linux-amd64.tar.gz"
PLUGIN = {ARCHIVE: str(VENV_BIN / "pulumi-resource-image-assets")}


def asset_program(folder: Path, registry: Registry) -> Project:
    """Write the README's program, with what it builds."""
    project = Project(folder / "program", folder / "private", "python")
    program = next(block.text for block in blocks("README.md") if block.language == "python")
    project.write(program.replace("registry.example.com", registry.address))
    write_files(project.folder, {"api/Dockerfile": "FROM scratch\nCOPY . /\n", "api/pages/index.txt": "first\n"})
    return project


@pytest.mark.usefixtures("docker_engine")
def test_the_commands_of_the_readme_and_cleaning_up_behind_them(tmp_path: Path, registry: Registry) -> None:
    project = asset_program(tmp_path, registry)
    uri = project.up().outputs["imageUri"]
    write_files(project.folder, {"api/pages/index.txt": "second\n"})
    preview, _ = at_home(project, PLUGIN).play("README.md")
    assert "pages/index.txt" in preview
    assert f'"{uri}" => "{registry.address}/team/api:' in " ".join(preview.split())
    installed = project.pulumi("plugin", "ls", "--json").stdout
    assert [plugin["version"] for plugin in json.loads(installed) if plugin["name"] == "image-assets"] == [VERSION]

    # What that program has left is what `gc` is for.
    in_use = project.up().outputs["imageUri"]
    states = f"file://{project.private / 'backend'}"
    meaning = {"registry.example.com": registry.address, "s3://our-states": states, "30d": "0", "--keep-last 10": ""}
    (said,) = at_home(project, meaning).play("docs/retention.md")
    lines = [line.split() for line in said.splitlines() if "sha256:" in line]
    assert {tag: word for word, _, tag, *_ in lines} == {
        tag_of(uri): "delete",
        tag_of(in_use): "keep",
    }, said


def tag_of(uri: str) -> str:
    """Return an address's tag."""
    return uri.rpartition(":")[2]


def test_settings_are_taken_as_the_page_has_them(tmp_path: Path, registry: Registry) -> None:
    project = asset_program(tmp_path, registry)
    project.pulumi("stack", "ls")
    at_home(project, PLUGIN).play("docs/installation-configuration.md")
    shown = project.preview("--show-config")
    assert "[secret]" in shown.stdout
    assert shown.outputs["imageUri"].startswith(registry.address)


def test_a_fleet_is_put_together_as_the_page_says(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / "private")
    shell = at_home(project, {})
    shell.play("docs/builders.md")
    nodes = shell.run("docker buildx ls")
    assert ("tcp://amd64.example:1234" in nodes, "tcp://arm64.example:1234" in nodes) == (True, True)


def test_two_machines_are_compared_by_their_rows(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / "private")
    write_files(tmp_path, {"app/Dockerfile": "FROM scratch\nCOPY . /\n", "app/a.txt": "a\n"})
    shutil.copytree(tmp_path / "app", tmp_path / "elsewhere" / "app")
    elsewhere = Shell(tmp_path / "elsewhere", project.isolated_environ)
    (tmp_path / "there.txt").write_text(elsewhere.run("image-assets fingerprint app --rows"))
    at_home(project, {"DIR": "app"}).play("docs/fingerprint.md")
    write_files(tmp_path, {"app/a.txt": "b\n"})
    with pytest.raises(AssertionError, match=r"a\.txt"):
        at_home(project, {"DIR": "app"}).play("docs/fingerprint.md")
