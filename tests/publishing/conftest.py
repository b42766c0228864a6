"""The programs that build, as fixtures: a test that takes `flavour` runs with each of them."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from image_assets.docker import BuildSpec
from image_assets.publishing.build import Built, build
from image_assets.reference import Repository
from image_assets.task import Task
from tests.support.builders import (
    PODS_BUILDX,
    Flavour,
    add_buildx,
    add_container_builder,
    add_fleet,
    add_kubernetes_builder,
    add_tls_builder,
    clean_environ,
    old_docker,
)
from tests.support.contexts import make_context

BASE = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n"
ALL = ("embedded", "buildx", "remote", "podman")


@dataclass
class Heard:
    """What a task was told."""

    status: list[str] = field(default_factory=list)
    info: list[str] = field(default_factory=list)
    warn: list[str] = field(default_factory=list)
    debug: list[str] = field(default_factory=list)

    @property
    def task(self) -> Task:
        return Task(self.status.append, self.info.append, self.warn.append, self.debug.append)

    @property
    def everything(self) -> str:
        return "\n".join([*self.status, *self.info, *self.warn, *self.debug])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process makes its temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


NewFlavour = Callable[[str], Flavour]


@pytest.fixture
def new_flavour(tmp_path: Path, request: pytest.FixtureRequest) -> NewFlavour:
    """A maker of one way to build; skips where the machine has not got it."""

    def make(name: str) -> Flavour:
        environ = clean_environ(tmp_path / "home")
        config = tmp_path / "home" / ".docker"
        return _MAKERS[name](request, environ, config)

    return make


def _embedded(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    request.getfixturevalue("docker_engine")
    executable = old_docker()
    if executable is None:
        pytest.skip("no docker CLI before version 23")
    return Flavour("embedded", executable, None, environ, config)


def _buildx(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    request.getfixturevalue("docker_engine")
    if not add_buildx(config):
        pytest.skip("no buildx")
    return Flavour("buildx", "docker", None, environ, config)


def _store(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    environ["DOCKER_HOST"] = request.getfixturevalue("store_engine")
    if not add_buildx(config):
        pytest.skip("no buildx")
    return Flavour("store", "docker", None, environ, config)


def _remote(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    running = request.getfixturevalue("remote_buildkit")
    if not add_buildx(config):
        pytest.skip("no buildx")
    add_tls_builder(environ, "far", running)
    return Flavour("remote", "docker", "far", environ, config)


def _container(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    address = request.getfixturevalue("container_engine")
    if not add_buildx(config):
        pytest.skip("no buildx")
    add_container_builder(environ, "box", address)
    return Flavour("container", "docker", "box", environ, config)


def _kubernetes(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    environ["KUBECONFIG"] = str(request.getfixturevalue("cluster"))
    if not add_buildx(config, PODS_BUILDX):
        pytest.skip("no buildx")
    add_kubernetes_builder(environ, "pods")
    return Flavour("kubernetes", "docker", "pods", environ, config)


def _fleet(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    nodes = request.getfixturevalue("fleet_nodes")
    if not add_buildx(config):
        pytest.skip("no buildx")
    add_fleet(environ, "fleet", nodes)
    return Flavour("fleet", "docker", "fleet", environ, config)


def _nerdctl(request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    variables = request.getfixturevalue("nerdctl_environ")
    return Flavour("nerdctl", "nerdctl", None, environ | variables, config)


def _podman(_request: pytest.FixtureRequest, environ: dict[str, str], config: Path) -> Flavour:
    if shutil.which("podman") is None:
        pytest.skip("no podman")
    return Flavour("podman", "podman", None, environ, config)


_MAKERS: Mapping[str, Callable[[pytest.FixtureRequest, dict[str, str], Path], Flavour]] = {
    "embedded": _embedded,
    "buildx": _buildx,
    "store": _store,
    "remote": _remote,
    "container": _container,
    "fleet": _fleet,
    "kubernetes": _kubernetes,
    "podman": _podman,
    "nerdctl": _nerdctl,
}


@pytest.fixture(params=ALL)
def flavour(request: pytest.FixtureRequest, new_flavour: NewFlavour) -> Flavour:
    return new_flavour(request.param)


@pytest.fixture(params=["local", "remote"])
def either(request: pytest.FixtureRequest, new_flavour: NewFlavour) -> Flavour:
    """One program that leaves the image in a store, and one that pushes it, where no more can differ."""
    local = "embedded" if old_docker() else "buildx"
    return new_flavour(local if request.param == "local" else request.param)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context whose Dockerfile copies busybox, and nothing more."""
    return make_context(tmp_path / "context", dockerfile=BASE)


def spec_for(flavour: Flavour, context: Path, **more: object) -> BuildSpec:
    """Describe the build of a context."""
    given = {"dockerfile": context / "Dockerfile", "executable": flavour.executable, "builder": flavour.builder}
    return BuildSpec(context=context, **(given | more))  # type: ignore[arg-type]  # the test names the fields


@pytest.fixture
def destination(registry: "object", repository_name: str) -> Repository:
    """A repository that nobody else uses, in a registry that lets everybody in."""
    return Repository.parse(f"{registry.address}/{repository_name}")  # type: ignore[attr-defined]


def built(flavour: Flavour, spec: BuildSpec, destination: Repository, task: Task) -> Built:
    """Build in the flavour's environment."""
    return build(spec, destination, task, flavour.environ)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all that builds with podman: its store is the user's, and two builds disturb each other."""
    for item in items:
        if "podman" in item.nodeid and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("podman"))
