"""The examples work as they stand. Those that need AWS or another provider have their tests in tests/engine."""

import shutil
from pathlib import Path

import pytest

from tests.support.contexts import busybox
from tests.support.paths import REPO
from tests.support.project import Project
from tests.support.registry import Registry

ALONE = ("quickstart",)
"""The examples that need nothing but a registry, whose address is the config value `repository`."""


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example, with busybox where its Dockerfile wants it."""
    copied = Path(shutil.copytree(REPO / "examples" / name, folder))
    for dockerfile in copied.rglob("Dockerfile"):
        if "COPY busybox" in dockerfile.read_text():
            shutil.copy2(busybox(), dockerfile.parent)
    return copied


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("example", ALONE)
def test_example_publishes_what_its_preview_says(
    example: str, tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    project = Project(copy_example(example, tmp_path / example), tmp_path / "private")
    project.set_config("repository", f"{registry.address}/{repository_name}")
    uri = project.preview().outputs["imageUri"]
    assert project.up().outputs["imageUri"] == uri
    assert registry.tags(repository_name) == [uri.rpartition(":")[2]]
    project.preview(expect_no_changes=True)
    project.destroy()


def test_every_example_has_a_test() -> None:
    tests = "".join(path.read_text() for path in (REPO / "tests").rglob("test_*.py"))
    folders = [path.name for path in (REPO / "examples").iterdir() if path.is_dir()]
    assert [name for name in folders if f'"{name}' not in tests] == []
