"""Failures: the real error is shown, nothing half done stays, and the next `up` succeeds."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
  consumer:
    type: image-assets:DockerImageAsset
    properties:
      directory: consumer
      repository: {repository}-consumer
      buildArgs: {{BASE: "${{app.imageUri}}"}}
outputs:
  imageUri: ${{app.imageUri}}
"""

DOCKERFILE = """
FROM scratch
COPY . /
{step}
"""


@pytest.fixture
def project(new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str) -> Project:
    made = new_project(PROGRAM.format(repository=f"{registry.address}/{repository_name}"))
    # Nothing that an earlier run has built may be in the builder's cache.
    busybox_context({"unique.txt": repository_name}, dockerfile=DOCKERFILE.format(step=""), folder=made.folder / "app")
    write_files(made.folder / "consumer", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    return made


def set_step(project: Project, step: str) -> None:
    (project.folder / "app" / "Dockerfile").write_text(DOCKERFILE.format(step=step))


def test_a_failing_step_shows_its_own_output(project: Project, registry: Registry, repository_name: str) -> None:
    """R24, R34, R39: step, output, line, command and log; no dependant starts; fixed, it goes through."""
    set_step(project, 'RUN ["/busybox", "sh", "-c", "echo BOOM; exit 3"]')
    failed = project.up(check=False)
    error = failed.messages("error")
    assert failed.code != 0
    assert "BOOM" in error
    assert "Dockerfile:4" in error
    assert re.search(r"docker.* build ", error)
    log = re.search(r"(/\S+\.log)", error)
    assert log
    assert "BOOM" in Path(log[1]).read_text()
    assert "Traceback" not in failed.text
    assert registry.tags(repository_name) == []
    assert registry.tags(f"{repository_name}-consumer") == []

    set_step(project, "")
    project.up()
    assert len(registry.tags(repository_name)) == 1


def test_content_that_changes_while_it_is_built_gets_no_tag(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """The tag never lies: a file is written while the build sleeps."""
    set_step(project, 'RUN ["/busybox", "sleep", "4"]')
    process = project.start("up", "--yes", "--skip-preview")
    wait_for(lambda: "/busybox sleep 4" in commands_running())
    (project.folder / "app" / "late.txt").write_text("late")
    output, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "late.txt" in output + errors
    assert registry.tags(repository_name) == []
    project.up()


def test_an_interrupt_leaves_nothing_behind(
    project: Project, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """R48: processes, temporary files and containers are the same as before, and it ends in 5 s."""
    project.environ["TMPDIR"] = str(tmp_path / "temporary")
    (tmp_path / "temporary").mkdir()
    set_step(project, 'RUN ["/busybox", "sleep", "31"]')
    ended = project.interrupt_up(lambda: "/busybox sleep 31" in commands_running())
    assert ended.seconds < 5
    assert [path for path in (tmp_path / "temporary").iterdir() if "image-assets" in path.name] == []
    wait_for(lambda: "/busybox sleep 31" not in commands_running())
    assert "pulumi-resource-image-assets" not in "".join(
        line for line in commands_running().splitlines() if str(project.folder) in line
    )
    assert registry.tags(repository_name) == []
    set_step(project, "")
    project.up()


def test_an_interrupt_stops_the_reading_of_a_context(project: Project) -> None:
    """R48: a file of 60 GB, all of it a hole, takes longer to read than Ctrl-C may take."""
    large = project.folder / "app" / "large"
    large.touch()
    os.truncate(large, 60 << 30)
    ended = project.interrupt_up(lambda: is_open(large))
    assert ended.seconds < 5
    assert "Traceback" not in ended.text
    wait_for(lambda: not is_open(large), 5)


def test_a_registry_that_is_gone_is_one_error_and_no_dependant_starts(project: Project, registry: Registry) -> None:
    """R39."""
    text = (project.folder / "Pulumi.yaml").read_text()
    project.write(text.partition("\n")[2].partition("\n")[2].replace(registry.address, "127.0.0.1:9", 1))
    failed = project.up(check=False)
    assert failed.code != 0
    assert "127.0.0.1:9" in failed.messages("error")
    assert "consumer" not in {step.name for step in failed.steps if step.type.endswith("PublishedImage")}


def commands_running() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def is_open(path: Path) -> bool:
    """Say whether any process reads a file."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                return True
    return False


def wait_for(done: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
