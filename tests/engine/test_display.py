"""What stands in the terminal and in a log: rows that live, diffs that are short."""

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.support import terminal
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

SECONDS = 6
# The name of the step is longer than any row, and than what is shown of a name anywhere.
SLOW = """
FROM scratch
COPY . /
RUN ["/busybox", "sh", "-c", ": {padding}; for i in $(/busybox seq {seconds}); do echo compiling module $i of \
{seconds}; /busybox sleep 1; done"]
RUN ["/busybox", "dd", "if=/dev/urandom", "of=/large", "bs=1M", "count=160"]
""".format(padding="x" * 300, seconds=SECONDS)


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
    for sign, path in (("-", "d001/f00100.txt"), ("+", "d001/f00100.txt"), ("+", "extra.txt")):
        assert [line for line in shown if re.search(rf"^ *{re.escape(sign)} *\w+ {re.escape(path)}$", line)], (
            sign,
            path,
        )
    assert len(shown) <= 25
    assert {'files["d001/f00100.txt"]', 'files["extra.txt"]'} <= set(edited.step("PublishedImage").detailed_diff)
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
    assert re.search(r"- *\w+ a\.txt\n(.*\n)?.*\+ *\w+ a\.txt\n", shown)
    assert len(re.findall(r"^ *\+ *\w+ more\d\d\.txt$", shown, re.MULTILINE)) == 12


def rows(lines: list[str], name: str) -> str:
    """Return what the screen's rows of that resource say."""
    return " ".join(line for line in lines if re.search(rf"image-assets:index:\w+ +{name} ", line))


def test_a_row_shows_step_and_newest_line_of_a_build(
    project: Project, busybox_context: NewContext, repository_name: str
) -> None:
    """R24: at 100 columns, at first and when the image changes; then the bytes on their way.

    The line does not fit beside type, name and status, but its beginning and its end do.
    """
    for content in ("one", "two"):
        busybox_context({"u.txt": repository_name + content}, dockerfile=SLOW, folder=project.folder / "app")
        with terminal.running(project, ["up", "--yes", "--skip-preview"], columns=100) as screen:
            seen: dict[str, float] = {}
            for lines in screen.watch(90):
                for text in re.findall(
                    rf"2/3: compiling … \d of {SECONDS}|saving \d+/\d+|pushing \d+/\d+", rows(lines, "app")
                ):
                    seen.setdefault(text, time.monotonic())
        modules = [at for text, at in seen.items() if "compiling" in text]
        assert len(modules) >= SECONDS - 1, seen
        assert max(later - earlier for earlier, later in pairwise(modules)) < 2.5
        assert any(text.startswith(("saving", "pushing")) for text in seen)


def test_a_log_has_a_line_for_each_step(project: Project, busybox_context: NewContext, repository_name: str) -> None:
    busybox_context({"u.txt": repository_name}, dockerfile=SLOW, folder=project.folder / "app")
    printed = project.up().stdout
    told = re.findall(r"PublishedImage app creating \(\d+s\) (\S+)", printed)
    assert told[:4] == ["1/3:", "2/3:", "3/3:", "exporting"]
    assert "compiling module" not in printed
    assert len(told) <= 8


def test_each_of_twenty_assets_has_its_own_row(
    new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str
) -> None:
    """R24, R33: none hides another, and each says what it does."""
    names = [f"app{number:02}" for number in range(20)]
    assets = [ASSET.partition("resources:")[2].replace("app", name) for name in names]
    text = "\nresources:" + "".join(assets).format(repository=f"{registry.address}/{repository_name}")
    project = new_project(text)
    # Long enough to be seen on the fastest machine.
    step = 'FROM scratch\nCOPY . /\nRUN ["/busybox", "sleep", "2"]\n'
    for name in names:
        busybox_context({"u.txt": name + repository_name}, dockerfile=step, folder=project.folder / name)
    with terminal.running(project, ["up", "--yes", "--skip-preview"], columns=100, lines=60) as screen:
        told = {
            name for lines in screen.watch(90) for name in names if re.search(r"ing \(\d+s\)\.* +\w", rows(lines, name))
        }
    assert told == set(names)
    assert len(project.state()) >= 40
