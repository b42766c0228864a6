"""A build that an update started ends with it, wherever the builder is: no step runs on, no tag appears."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.builders import add_container_builder, add_fleet, add_tls_builder, wait_until
from tests.support.project import Project, write_docker_config
from tests.support.registry import Registry

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      builder: {{name: builder}}
"""
_SLOW = pytest.mark.slow
Add = Callable[[pytest.FixtureRequest, dict[str, str]], None]

BUILDERS: dict[str, Add] = {
    "remote": lambda request, environ: add_tls_builder(environ, "builder", request.getfixturevalue("remote_buildkit")),
    "fleet": lambda request, environ: add_fleet(environ, "builder", request.getfixturevalue("fleet_nodes")),
    "container": lambda request, environ: add_container_builder(
        environ, "builder", request.getfixturevalue("container_engine")
    ),
}


@pytest.fixture
def project(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    new_project: NewProject,
    busybox_context: NewContext,
    registry: Registry,
    repository_name: str,
    tmp_path: Path,
) -> Project:
    """A project whose image would take an hour to build."""
    made = new_project(PROGRAM.format(repository=f"{registry.address}/{repository_name}"))
    dockerfile = f'FROM scratch\nCOPY . /\nRUN ["/busybox", "sh", "-c", "{step(repository_name)}"]\n'
    busybox_context({}, dockerfile=dockerfile, folder=made.folder / "app")
    (tmp_path / "temporary").mkdir()
    made.environ["TMPDIR"] = str(tmp_path / "temporary")
    write_docker_config(made.private / "docker")
    BUILDERS[request.param](request, made.isolated_environ)
    return made


def step(repository_name: str) -> str:
    return f": {repository_name}; /busybox sleep 3601; :"


def runs(repository_name: str) -> bool:
    """Say whether the step runs on any node: all of them are on this machine."""
    listed = subprocess.run(("ps", "-eo", "args"), capture_output=True, text=True, check=True).stdout
    return any(line.startswith("/busybox") and repository_name in line for line in listed.splitlines())


def nothing_is_left(project: Project, registry: Registry, repository_name: str) -> None:
    wait_until(lambda: not runs(repository_name), "the step still runs", 15)
    folder = Path(project.environ["TMPDIR"])
    wait_until(lambda: not list(folder.glob("image-assets-run-*")), "logins are left", 15)
    assert registry.tags(repository_name) == []


@pytest.mark.parametrize(
    "project", ["remote", pytest.param("fleet", marks=_SLOW), pytest.param("container", marks=_SLOW)], indirect=True
)
def test_a_killed_engine_ends_the_step(project: Project, registry: Registry, repository_name: str) -> None:
    engine = project.start("up", "--yes", "--skip-preview")
    wait_until(lambda: runs(repository_name) or engine.poll() is not None, "no step", 60)
    assert engine.poll() is None, engine.communicate()
    engine.kill()
    engine.communicate()
    nothing_is_left(project, registry, repository_name)


@pytest.mark.parametrize(
    "project", [pytest.param("remote", marks=_SLOW), "fleet", pytest.param("container", marks=_SLOW)], indirect=True
)
def test_an_interrupt_ends_the_step(project: Project, registry: Registry, repository_name: str) -> None:
    project.interrupt_up(lambda: runs(repository_name))
    nothing_is_left(project, registry, repository_name)
