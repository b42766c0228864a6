"""What `make release` makes, as a stranger installs it."""

import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from image_assets import HOME
from tests.support.contexts import make_bulk, write_files
from tests.support.examples import base_image, copy_example
from tests.support.paths import REPO, TOOLS_BIN, VENV_BIN
from tests.support.project import Project
from tests.support.registry import Registry
from tools.artifacts import packages, plugin, vouchers

VERSION = json.loads((REPO / "schema.json").read_text())["version"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed plugin of this machine's platform."""
    folder = tmp_path_factory.mktemp("release")
    return plugin.pack(plugin.freeze(folder), VERSION, folder)


@pytest.fixture(scope="module")
def without_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with all that a user has, but no Python."""
    folder = tmp_path_factory.mktemp("path")
    for name in ("pulumi", "pulumi-language-yaml"):
        program = shutil.which(name, path=f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}")
        assert program
        (folder / name).symlink_to(program)
    for name in ("docker", "sh", "env", "git"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def installed(archive: Path, without_python: Path, project: Project) -> Project:
    """Install the plugin as its users do."""
    project.environ["PATH"] = str(without_python)
    project.pulumi("plugin", "install", "resource", "image-assets", VERSION, "--file", str(archive))
    return project


@pytest.mark.timeout(900)  # PyInstaller alone takes a minute on two cores.
@pytest.mark.usefixtures("docker_engine")
def test_the_packed_plugin_passes_the_quickstart_without_python(
    archive: Path, without_python: Path, tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    folder = copy_example("quickstart", tmp_path / "quickstart") / "yaml"
    project = installed(archive, without_python, Project(folder, tmp_path / "private"))
    project.set_config("repository", f"{registry.address}/{repository_name}")
    project.set_config("base", base_image(registry))
    uri = project.preview().outputs["imageUri"]
    assert project.up().outputs["imageUri"] == uri
    assert registry.tags(repository_name) == [uri.rpartition(":")[2]]
    project.preview(expect_no_changes=True)
    project.destroy()


@pytest.mark.timeout(900)
def test_its_fingerprints_are_those_of_the_environment(archive: Path, tmp_path: Path) -> None:
    """Large contexts are read by more processes, which are started from the packed program itself."""
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "plugin", filter="data")
    context = make_bulk(tmp_path / "context", 6000)
    write_files(context, {"ä/ö.txt": "names are not ASCII", ".dockerignore": "d001\n"})
    told = [
        subprocess.run(
            [program, "fingerprint", context, "--json"],
            capture_output=True,
            text=True,
            check=True,
            env={"LC_ALL": "C", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        ).stdout
        for program in (tmp_path / "plugin" / "image-assets", VENV_BIN / "image-assets")
    ]
    hashes = {json.loads(text)["assetHash"] for text in told}
    assert len(hashes) == 1


def test_the_archive_is_named_and_laid_out_as_pulumi_wants_it(archive: Path) -> None:
    assert archive.name.startswith(f"pulumi-resource-image-assets-v{VERSION}-")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
        assert {"pulumi-resource-image-assets", "image-assets", "LICENSE"} <= set(names)
        assert {(member.mtime, member.uid, member.uname) for member in packed} == {(0, 0, "")}
        assert not [name for name in names if "pulumi_aws" in name or name.endswith("/pulumi/__init__.py")]


@pytest.mark.timeout(600)
def test_the_wheels_say_what_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    made = {wheel.name.partition("-")[0]: wheel for wheel in packages.wheels(tmp_path, out)}
    assert made.keys() == {"image_assets", "pulumi_image_assets"}
    for wheel in made.values():
        with zipfile.ZipFile(wheel) as packed:
            (metadata,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
            described = Parser().parsestr(packed.read(metadata).decode())
            assert described["Version"] == VERSION
            urls = [url.partition(", ")[2] for url in described.get_all("Project-URL") or ()]
            assert urls
            assert all(url.startswith(f"https://{HOME}") for url in urls)
            assert described.get_all("Classifier")
            assert any("LICENSE" in name for name in packed.namelist())


def test_the_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    write_files(tmp_path, {"b.whl": "b", "a.tgz": "a"})
    vouchers.checksums([tmp_path / "b.whl", tmp_path / "a.tgz"], tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_actions_are_pinned_by_digest() -> None:
    for workflow in (REPO / ".github" / "workflows").glob("*.yml"):
        uses = [line.split("uses:")[1].split()[0] for line in workflow.read_text().splitlines() if "uses:" in line]
        assert uses
        assert all(len(action.partition("@")[2]) == 40 for action in uses)


def test_nothing_points_to_a_place_that_is_not_the_projects() -> None:
    """One constant says where releases live; by default that is nobody's."""
    schema = (REPO / "schema.json").read_text()
    described = json.loads(schema)
    for key in ("homepage", "repository", "logoUrl", "pluginDownloadURL"):
        assert described[key].startswith(f"https://{HOME}"), key
    assert "github.com/image-assets" not in schema
