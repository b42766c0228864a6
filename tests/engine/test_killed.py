"""What is left of a plugin whose engine was killed, or that was killed itself: nothing (R48)."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.registry import FakeRegistry, silence
from tests.support import terminal
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
      registryAuth: {{username: somebody, password: something}}
"""
PATIENCE = 10
"""Seconds after which nothing may be left."""


@pytest.fixture
def project(
    new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str, tmp_path: Path
) -> Project:
    """A project whose image takes half a minute to build."""
    made = new_project(ASSET.format(repository=f"{registry.address}/{repository_name}"))
    step = f'RUN ["/busybox", "sh", "-c", ": {repository_name}; /busybox sleep 31; :"]'
    busybox_context({}, dockerfile=f"FROM scratch\nCOPY . /\n{step}\n", folder=made.folder / "app")
    (tmp_path / "temporary").mkdir()
    made.environ["TMPDIR"] = str(tmp_path / "temporary")
    return made


def processes(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield number and command line of what runs for the project in that folder, its builds included."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            belongs = (path / "cwd").readlink() == folder or str(folder) in command
            # A language host is Pulumi's own, and looks for its engine every few minutes.
            if belongs and "pulumi-language-" not in command:
                yield int(path.name), command


def steps(repository_name: str) -> list[str]:
    """Return the build's steps that run."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [
        line for line in listed.splitlines() if repository_name in line and "sleep 31" in line and "busybox" in line
    ]


def held() -> set[str]:
    words = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "image-assets.invalid/held"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def logins(project: Project) -> list[Path]:
    """Return the folders in which logins are handed to docker."""
    return list(Path(project.environ["TMPDIR"]).glob("image-assets-run-*"))


def wait_for(done: Callable[[], bool], what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def started(project: Project, repository_name: str, verb: str = "up") -> "subprocess.Popen[str]":
    """Start an update or a preview, and return it once its build runs."""
    engine = project.start(verb, *(("--yes", "--skip-preview") if verb == "up" else ()))
    wait_for(lambda: bool(steps(repository_name)) or engine.poll() is not None, lambda: "no build", 60)
    assert engine.poll() is None, engine.communicate()
    return engine


def nothing_is_left(project: Project, registry: Registry, repository_name: str, before: set[str]) -> None:
    """See that all is gone in time, and that no tag appears."""

    def left() -> list[object]:
        return [*processes(project.folder), *steps(repository_name), *logins(project), *(held() - before)]

    wait_for(lambda: not left(), left)
    assert registry.tags(repository_name) == []


def test_a_killed_engine_leaves_nothing(project: Project, registry: Registry, repository_name: str) -> None:
    before = held()
    engine = started(project, repository_name)
    assert logins(project)
    engine.kill()
    engine.communicate()
    nothing_is_left(project, registry, repository_name, before)


def test_a_killed_plugin_leaves_nothing(project: Project, registry: Registry, repository_name: str) -> None:
    """Nobody has ended the engine, and no other plugin comes."""
    before = held()
    engine = started(project, repository_name)
    for pid, command in processes(project.folder):
        if "pulumi-resource-image-assets" in command:
            os.kill(pid, signal.SIGKILL)
    nothing_is_left(project, registry, repository_name, before)
    output, errors = engine.communicate(timeout=30)
    assert engine.returncode != 0
    assert "Traceback" not in output + errors


def test_a_closed_terminal_leaves_nothing(project: Project, registry: Registry, repository_name: str) -> None:
    before = held()
    with terminal.running(project, ["up", "--yes", "--skip-preview"]) as screen:
        for _ in screen.watch(60):
            if steps(repository_name):
                break
        screen.close()
        nothing_is_left(project, registry, repository_name, before)


@pytest.mark.parametrize(
    ("verb", "numbers"),
    [
        ("up", [signal.SIGINT, signal.SIGINT]),
        pytest.param("up", [signal.SIGTERM], marks=pytest.mark.slow),
        ("preview", [signal.SIGINT]),
    ],
    ids=["twice", "terminated", "preview"],
)
def test_an_engine_that_is_told_to_end_leaves_nothing(
    project: Project, registry: Registry, repository_name: str, verb: str, numbers: list[signal.Signals]
) -> None:
    """Ctrl-C pressed again out of impatience, a supervisor's SIGTERM, and Ctrl-C in a preview that builds."""
    before = held()
    if verb == "preview":
        file = project.folder / "Pulumi.yaml"
        file.write_text(file.read_text() + "      buildOnPreview: true\n")
    engine = started(project, repository_name, verb)
    for number in numbers:
        engine.send_signal(number)
    output, errors = engine.communicate(timeout=30)
    assert engine.returncode != 0
    assert not re.search("Traceback|grpc:|exited prematurely", output + errors)
    nothing_is_left(project, registry, repository_name, before)


def test_an_interrupted_upload_leaves_no_tag(
    new_project: NewProject, busybox_context: NewContext, repository_name: str
) -> None:
    """The registry takes the upload, and then not another byte."""
    with FakeRegistry() as registry:
        registry.fail("*", "/blobs/uploads/.+", silence(), times=99)
        project = new_project(ASSET.format(repository=f"{registry.host}/{repository_name}"))
        busybox_context({"u.txt": repository_name}, folder=project.folder / "app")
        ended = project.interrupt_up(lambda: any(one.method in {"PATCH", "PUT"} for one in registry.seen))
        assert ended.seconds < 8
        assert not re.search("Traceback|grpc:|exited prematurely", ended.text)
        assert registry.store.tags.get(repository_name, {}) == {}
        wait_for(lambda: not list(processes(project.folder)), lambda: list(processes(project.folder)))


def test_the_next_plugin_sweeps_what_a_killed_one_left(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """A login file, a build that goes on, and the name of an image that was built."""
    engine = started(project, repository_name)
    plugins = [pid for pid, command in processes(project.folder) if "pulumi-resource-image-assets" in command]
    name = f"image-assets.invalid/held:{plugins[0]}-{os.urandom(8).hex()}"
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=b"FROM scratch\nLABEL a=b\n", check=True)
    for pid in (*plugins, engine.pid):
        os.kill(pid, signal.SIGKILL)
    engine.communicate()
    assert logins(project)
    (project.folder / "app" / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    project.pulumi("cancel", "--yes", check=False)
    project.up()
    # Either of two has swept, or is at it: that plugin, or what waited for the end of the killed one.
    wait_for(lambda: not logins(project), lambda: logins(project))
    wait_for(lambda: name not in held(), held)
    wait_for(lambda: not steps(repository_name), lambda: steps(repository_name))
    assert len(registry.tags(repository_name)) == 1
