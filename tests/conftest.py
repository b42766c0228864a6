"""The real engine, a real registry and a real docker engine, each started once a test process."""

import contextlib
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from tests.fakes.certificates import make_certificates
from tests.fakes.ecr_front import EcrFront
from tests.support import kubernetes
from tests.support.builders import FLEET, BuildKit, can_run_buildkitd, node
from tests.support.contexts import make_context
from tests.support.engines import (
    ENGINE_OF_TODAY,
    can_run_engine_of_today,
    can_run_engines,
    can_run_nerdctl,
    containerd,
    docker_of_our_own,
    docker_with_nodes,
)
from tests.support.project import Project, Runtime
from tests.support.registry import HTPASSWD, PASSWORD, USER, Registry
from tools.kit import docker_engine as engine
from tools.kit import registry as local_registry

# On a loaded machine any example may take long; what hangs is ended by pytest's timeout.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


class NewProject(Protocol):
    """Makes a project whose program is given."""

    def __call__(self, program: str, runtime: Runtime = "yaml", *, name: str = "proj", stack: str = "dev") -> Project:
        """Write the program into a new folder with a backend of its own."""


class NewContext(Protocol):
    """Makes a context that builds without any base image."""

    def __call__(
        self, files: dict[str, str] | None = None, *, dockerfile: str | None = None, folder: Path | None = None
    ) -> Path:
        """Fill a folder with a Dockerfile, busybox and the given files."""


def pytest_configure() -> None:
    """Heed Ctrl-C though started in the background: what ignores it hands that on to all programs that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process have all of TypeScript: packing its SDK takes long."""
    for item in items:
        if "typescript" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("typescript"))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[None]:
    """A docker engine that answers; started for the tests if none does and the user is root."""
    with engine.running():
        yield


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that lets everybody in; of this test process alone."""
    with local_registry.running(tmp_path_factory.mktemp("registry")) as local:
        yield Registry(local)


@pytest.fixture(scope="session")
def registry_with_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a user and a password for everything."""
    with local_registry.running(tmp_path_factory.mktemp("registry_with_auth"), HTPASSWD) as local:
        yield Registry(local, USER, PASSWORD)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcrFront]:
    """An AWS whose ECR serves images; of this test process alone."""
    from tests.fakes import aws as fake  # noqa: PLC0415 - moto takes a second, and few tests need it

    with fake.running(tmp_path_factory.mktemp("aws")) as front:
        yield front


@pytest.fixture(autouse=True)
def calm_aws(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test, failed or not, leave its disturbances to the next one that uses the same AWS."""
    yield
    if "aws" in request.fixturenames:
        request.getfixturevalue("aws").calm()


@pytest.fixture(scope="session")
def remote_buildkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildKit]:
    """A BuildKit that speaks TLS, and to whom it knows only."""
    if not can_run_buildkitd():
        pytest.skip("a BuildKit of our own needs root, runc and the built buildkitd")
    folder = tmp_path_factory.mktemp("buildkitd")
    with node(folder, certificates=make_certificates(folder, "127.0.0.1")) as running:
        yield running


@pytest.fixture(scope="session")
def fleet_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, BuildKit]]:
    """A BuildKit for each platform; each takes its platform for its own, as none has emulators."""
    if not can_run_buildkitd():
        pytest.skip("BuildKits of our own need root, runc and the built buildkitd")
    with contextlib.ExitStack() as exits:
        yield {
            platform: exits.enter_context(node(tmp_path_factory.mktemp(name), platform=platform, name=name))
            for platform, name in FLEET.items()
        }


@pytest.fixture(scope="session")
def container_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not can_run_engines():
        pytest.skip("an engine of our own needs root, dockerd, containerd, runc and the built buildkitd and buildctl")
    with docker_with_nodes(tmp_path_factory.mktemp("docker")) as address:
        yield address


@pytest.fixture(scope="session")
def store_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a docker engine of today, which keeps images in containerd's store."""
    if not can_run_engine_of_today():
        pytest.skip("an engine of our own needs root, containerd, runc and the built dockerd")
    with docker_of_our_own(tmp_path_factory.mktemp("store"), ENGINE_OF_TODAY) as address:
        yield address


@pytest.fixture(scope="session")
def nerdctl_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if not can_run_nerdctl():
        pytest.skip("nerdctl needs root, containerd, runc and the built nerdctl, buildctl and buildkitd")
    with containerd(tmp_path_factory.mktemp("containerd")) as variables:
        yield variables


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Kubernetes of one node, given by the file that clients need."""
    if lacking := kubernetes.missing():
        pytest.skip(f"a cluster needs {', '.join(lacking)}: run `make test-kubernetes`")
    with kubernetes.cluster(tmp_path_factory.mktemp("k8s")) as kubeconfig:
        yield kubeconfig


@pytest.fixture
def repository_name() -> str:
    """A repository path that no other test uses."""
    return f"test/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def new_project(tmp_path: Path) -> NewProject:
    """A maker of projects; `tmp_path/NAME` is the program's folder. Two of one name share folder and backend."""

    def make(program: str, runtime: Runtime = "yaml", *, name: str = "proj", stack: str = "dev") -> Project:
        project = Project(tmp_path / name, tmp_path / f".{name}", runtime, name, stack)
        project.write(program)
        return project

    return make


@pytest.fixture
def busybox_context(tmp_path: Path) -> NewContext:
    """A maker of contexts `FROM scratch` with busybox; without a folder, `tmp_path/context`."""

    def make(files: dict[str, str] | None = None, *, dockerfile: str | None = None, folder: Path | None = None) -> Path:
        return make_context(folder or tmp_path / "context", files, dockerfile=dockerfile)

    return make


@pytest.fixture(scope="session")
def typescript_user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder whose `node_modules` holds the SDK as it is packed, and the stand-in for pulumi-aws."""
    from tools.artifacts import packages  # noqa: PLC0415 - few tests need it
    from tools.kit import node  # noqa: PLC0415 - same

    folder = tmp_path_factory.mktemp("typescript")
    modules = folder / "node_modules"
    tarball = packages.npm(folder / "scratch", folder)
    _link_modules(node.MODULES, modules)
    sdk = modules / "@image-assets" / "pulumi"
    sdk.mkdir(parents=True)
    subprocess.run(["tar", "xf", tarball, "-C", sdk, "--strip-components=1"], check=True)
    options = ["--strict", "--declaration", "--module", "commonjs", "--target", "es2022", "--skipLibCheck"]
    fake = shutil.copytree(Path(__file__).parent / "fakes" / "aws_sdk", modules / "@pulumi" / "aws")
    subprocess.run([modules / ".bin" / "tsc", *options, fake / "index.ts"], env=node.node().environ, check=True)
    return folder


def _link_modules(installed: Path, modules: Path) -> None:
    """Fill a `node_modules` with links, so that more can be put beside them."""
    modules.mkdir()
    for entry in installed.iterdir():
        if entry.name.startswith("@"):
            _link_modules(entry, modules / entry.name)
        else:
            (modules / entry.name).symlink_to(entry)
