"""The examples work as they stand, in each of their languages, with stand-ins for the clouds they need.

Those that need AWS or containers have their tests in tests/engine.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.contexts import busybox
from tests.support.paths import REPO
from tests.support.project import Project, Runtime
from tests.support.registry import Registry
from tools.kit import golang, node
from tools.kit.base_image import push_base_image

EXAMPLES = REPO / "examples"
RUNTIMES: dict[str, Runtime] = {"yaml": "yaml", "python": "python", "typescript": "nodejs", "go": "go"}
QUICKSTARTS = [folder.name for folder in (EXAMPLES / "quickstart").iterdir() if folder.name in RUNTIMES]


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example's folder."""
    return Path(shutil.copytree(EXAMPLES / name, folder))


def base_image(registry: Registry) -> str:
    """Publish busybox as the base that the examples take from Docker Hub."""
    return push_base_image(f"{registry.address}/busybox:stable", busybox())


def install(folder: Path, language: str, sdk: Path) -> None:
    """Do what the example's README says first."""
    if language == "typescript":
        (folder / "node_modules").symlink_to(sdk / "node_modules")
        tsc = sdk / "node_modules" / ".bin" / "tsc"
        done = subprocess.run([tsc, "--project", folder], env=node.node().environ, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
    if language == "go":
        module = folder / "go.mod"
        module.write_text(re.sub(r"=> \S+", f"=> {REPO / 'sdk' / 'go'}", module.read_text()))
        for command in (["mod", "tidy"], ["vet", "./..."], ["build", "-o", ".program", "."]):
            subprocess.run([golang.go(), *command], cwd=folder, check=True, capture_output=True)


@pytest.mark.timeout(900)  # Compiling Pulumi's Go SDK for the first time takes minutes on two cores.
@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("language", QUICKSTARTS)
def test_the_quickstart_publishes_what_its_preview_says(
    language: str, tmp_path: Path, registry: Registry, repository_name: str, typescript_user: Path
) -> None:
    folder = copy_example("quickstart", tmp_path / "quickstart") / language
    install(folder, language, typescript_user)
    project = Project(folder, tmp_path / "private", RUNTIMES[language])
    project.set_config("repository", f"{registry.address}/{repository_name}")
    project.set_config("base", base_image(registry))
    uri = project.preview().outputs["imageUri"]
    assert project.up().outputs["imageUri"] == uri
    assert registry.tags(repository_name) == [uri.rpartition(":")[2]]
    (folder.parent / "site" / "pages" / "index.txt").write_text("another page\n")
    changed = project.preview()
    assert "pages/index.txt" in changed.text
    assert changed.outputs["imageUri"] != uri
    project.up()
    project.preview(expect_no_changes=True)
    project.destroy()


def test_every_example_has_a_test_and_says_what_it_needs() -> None:
    tests = "".join(path.read_text() for path in (REPO / "tests").rglob("test_*.py"))
    folders = [path for path in EXAMPLES.iterdir() if path.is_dir()]
    assert [folder.name for folder in folders if f'"{folder.name}' not in tests] == []
    assert [folder.name for folder in folders if not (folder / "README.md").exists()] == []
