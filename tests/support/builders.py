"""Programs that build, each as a user would have it: with a configuration and a home of its own."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes.certificates import Certificates
from tests.support.paths import TOOLS_BIN
from tools.kit.ports import free_port

PODS_BUILDX = "docker-buildx-of-pods"
"""A buildx that tells of a pod that dies."""
NODE_IMAGE = "image-assets.invalid/buildkit:1"
"""What stands for `moby/buildkit`, which no test can pull."""
FLEET = {"linux/amd64": "node-amd64", "linux/arm64": "node-arm64"}
"""The platforms that a fleet's nodes are declared for, and their names."""
PUSHING = ("remote", "container", "fleet", "kubernetes")
_STEERING = ("DOCKER_", "BUILDX_", "BUILDKIT_", "CONTAINERD_", "NERDCTL_", "REGISTRY_AUTH_FILE", "XDG_")


@dataclass(frozen=True)
class Flavour:
    """One way to build.

    Attributes:
        name: One of those in `tests.publishing.conftest`.
        executable: What the user would write.
        builder: The buildx builder, or None.
        environ: The provider's environment.
        config: Docker's configuration directory.
    """

    name: str
    executable: str
    builder: str | None
    environ: Mapping[str, str]
    config: Path

    @property
    def pushes(self) -> bool:
        """Whether it pushes by itself, and leaves nothing in a store."""
        return self.name in PUSHING

    def docker(self, *words: str) -> str:
        """Ask the program directly."""
        finished = subprocess.run(
            (self.executable, *words), env=self.environ, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def held(self) -> set[str]:
        """Return the names by which this process keeps images in the engine's store."""
        listed = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
        return {line for line in listed.splitlines() if f"image-assets.invalid/held:{os.getpid()}-" in line}


def clean_environ(home: Path) -> dict[str, str]:
    """Return this process's environment without anything that steers docker, and with another home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    (home / ".docker").mkdir(parents=True, exist_ok=True)
    return kept | {"HOME": str(home), "DOCKER_CONFIG": str(home / ".docker")}


def old_docker() -> str | None:
    """Return a docker CLI that has BuildKit's client in itself (before version 23)."""
    for folder in os.environ["PATH"].split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path and (found := re.search(r"version (\d+)\.", _version(path))) and int(found[1]) < 23:
            return path
    return None


def _version(path: str) -> str:
    return subprocess.run((path, "--version"), capture_output=True, text=True, check=False).stdout


def add_buildx(config: Path, name: str = "docker-buildx") -> bool:
    """Put a buildx plugin into a configuration directory; say whether there is one."""
    program = shutil.which(name, path=f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}")
    if program:
        (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
        (config / "cli-plugins" / "docker-buildx").symlink_to(program)
    return program is not None


def can_run_buildkitd() -> bool:
    """Say whether a BuildKit of our own can run here."""
    return os.geteuid() == 0 and (TOOLS_BIN / "buildkitd").exists() and shutil.which("runc") is not None


@dataclass(frozen=True)
class BuildKit:
    """A BuildKit of our own.

    Attributes:
        address: Where it listens.
        process: The daemon.
        certificates: What a client needs, if it speaks TLS.
    """

    address: str
    process: "subprocess.Popen[bytes]"
    certificates: Certificates | None = None

    def driver_options(self) -> tuple[str, ...]:
        """Return what `docker buildx create --driver remote` needs to know."""
        if self.certificates is None:
            return ()
        files = self.certificates
        given = f"cacert={files.authority},cert={files.client},key={files.client_key}"
        return ("--driver-opt", given)


@contextlib.contextmanager
def node(
    root: Path,
    *,
    certificates: Certificates | None = None,
    platform: str | None = None,
    name: str = "",
    hub: str | None = None,
) -> Iterator[BuildKit]:
    """Run a BuildKit.

    Args:
        root: Where it keeps everything.
        certificates: Makes it speak TLS and ask its clients for a certificate.
        platform: What it takes for its own platform.
        name: Stands as the search domain in its steps' `/etc/resolv.conf`, so that an image tells where it was built.
        hub: The registry that it asks for Docker Hub's images.
    """
    root.mkdir(parents=True, exist_ok=True)
    address = f"tcp://127.0.0.1:{free_port()}"
    dns = f'[dns]\n  searchDomains=["{name}"]\n' if name else ""
    mirror = f'[registry."docker.io"]\n  mirrors=["{hub}"]\n[registry."{hub}"]\n  http=true\n' if hub else ""
    (root / "buildkitd.toml").write_text(dns + mirror)
    words = ("--addr", address, "--root", str(root / "state"), "--config", str(root / "buildkitd.toml"))
    worker: tuple[str, ...] = ("--containerd-worker=false", "--oci-worker-net=host")
    if platform:
        worker += (f"--oci-worker-platform={platform}",)
    if certificates:
        server = str(certificates.server)
        worker += ("--tlscert", server, "--tlskey", server, "--tlscacert", str(certificates.authority))
    try:
        with daemon((str(TOOLS_BIN / "buildkitd"), *words, *worker), root / "log") as process:
            _await(address, process)
            yield BuildKit(address, process, certificates)
    finally:
        unmount_below(root)


def unmount_below(root: Path) -> None:
    """Undo the mounts that an engine leaves, as when it is killed: its folder could not be removed."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for path in sorted((one for one in mounted if one.startswith(f"{root}/")), reverse=True):
        subprocess.run(("umount", "--lazy", path), check=False)


@contextlib.contextmanager
def buildkitd(root: Path) -> Iterator[str]:
    """Run a BuildKit that listens at the yielded address."""
    with node(root) as running:
        yield running.address


@contextlib.contextmanager
def daemon(
    words: tuple[str, ...], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the end of the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True, env=environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _await(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, port = address.removeprefix("tcp://").split(":")

    def answers() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), 1).close()
            return True
        return False

    wait_until(lambda: answers() or process.poll() is not None, "buildkitd did not start")
    assert process.poll() is None, "buildkitd did not start"


def wait_until(done: Callable[[], bool], otherwise: str, seconds: float = 30) -> None:
    """Look again and again until something is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def add_builder(environ: Mapping[str, str], name: str, *more: str) -> None:
    """Make a buildx builder, or give one that is there another node."""
    subprocess.run(("docker", "buildx", "create", "--name", name, *more), env=environ, check=True, capture_output=True)


def add_remote_builder(environ: Mapping[str, str], name: str, address: str) -> None:
    """Make a buildx builder for a BuildKit that runs already."""
    add_builder(environ, name, "--driver", "remote", address)


def add_tls_builder(environ: Mapping[str, str], name: str, running: BuildKit) -> None:
    """Make a buildx builder for a BuildKit that asks for a certificate."""
    add_builder(environ, name, "--driver", "remote", *running.driver_options(), running.address)


def add_container_builder(environ: Mapping[str, str], name: str, address: str) -> None:
    """Make a buildx builder that is a container of an engine; all of one name are one container."""
    options = ("--driver-opt", f"image={NODE_IMAGE},network=host")
    add_builder(environ, name, "--driver", "docker-container", "--node", f"{name}0", *options, address)


def add_kubernetes_builder(environ: Mapping[str, str], name: str, pods: int = 1) -> None:
    """Make a buildx builder that is pods of the cluster which `KUBECONFIG` names; all of one name are the same."""
    options = ("--driver-opt", f"image={NODE_IMAGE},replicas={pods}")
    add_builder(environ, name, "--driver", "kubernetes", "--node", f"{name}0", *options)


def add_fleet(environ: Mapping[str, str], name: str, nodes: Mapping[str, BuildKit]) -> None:
    """Make one builder of several BuildKits, given by the platform that each is declared for."""
    for number, (platform, running) in enumerate(nodes.items()):
        more = ("--append",) if number else ()
        add_builder(environ, name, *more, "--driver", "remote", "--platform", platform, running.address)


def counting_docker(flavour: Flavour, folder: Path) -> tuple[Flavour, Path]:
    """Give a docker that writes down what it is called with."""
    script, calls = folder / "docker", folder / "calls"
    script.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexec {flavour.executable} "$@"\n')
    script.chmod(0o755)
    return replace(flavour, executable=str(script)), calls


def slow_docker(flavour: Flavour, folder: Path, word: str, seconds: int) -> Flavour:
    """Give a docker that takes its time for one command."""
    script = folder / "docker"
    script.write_text(
        f'#!/bin/sh\ncase " $* " in *" {word} "*) sleep {seconds};; esac\nexec {flavour.executable} "$@"\n'
    )
    script.chmod(0o755)
    return replace(flavour, executable=str(script))
