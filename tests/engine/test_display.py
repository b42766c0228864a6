"""What stands in the terminal and in a log: rows that live, diffs that are short."""

import re
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support.contexts import make_bulk, write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

ASSET = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
"""


@pytest.fixture
def project(new_project: NewProject, registry: Registry, repository_name: str) -> Project:
    return new_project(ASSET.format(repository=f"{registry.address}/{repository_name}"))


def lines_of(text: str, type_ending: str) -> list[str]:
    """Return the lines that a `--diff` prints for the resource of that type."""
    found = re.search(rf"^( *)[-+~ ] \S+:{type_ending}: \(\w+\)\n((?:\1 .*\n)*)", text, re.MULTILINE)
    assert found, text
    return found[0].splitlines()


def test_a_diff_prints_the_files_of_a_large_asset_only_where_they_differ(project: Project) -> None:
    """R40: 10,000 files are named when they change, not when the asset comes or goes."""
    make_bulk(project.folder / "app", 10_000, size=20)
    assert len(lines_of(project.preview().stdout, "DockerImageAsset")) <= 25
    project.up()
    (project.folder / "app" / "d001" / "f00100.txt").write_text("new")
    write_files(project.folder / "app", {"extra.txt": "new"})
    edited = project.preview()
    shown = lines_of(edited.stdout, "PublishedImage")
    assert [line for line in shown if re.search(r'~ d001/f00100\.txt: "\w+" => "\w+"', line)]
    assert [line for line in shown if re.search(r'\+ extra\.txt *: "\w+"', line)]
    assert len(shown) <= 25
    told = [one for one in edited.diagnostics if "changed files" in one.message]
    assert [(one.urn, one.message) for one in told] == [
        (edited.step("PublishedImage").urn, "changed files: ~ d001/f00100.txt, + extra.txt\n")
    ]
    gone = project.pulumi("destroy", "--diff", "--preview-only")
    assert len(lines_of(gone.stdout, "PublishedImage")) <= 25


def test_a_small_asset_that_grows_large_names_what_came(project: Project, tmp_path: Path) -> None:
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n", "a.txt": "one"})
    project.up()
    (project.folder / "app" / "a.txt").write_text("two")
    write_files(project.folder / "app", {f"more{number:02}.txt": "" for number in range(12)})
    shown = project.preview().stdout
    assert re.search(r'~ a\.txt *: "\w+" => "\w+"', shown)
    assert shown.count("+ more") == 12
