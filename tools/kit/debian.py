"""Programs that Debian has: installed when the user is root, named when not."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.kit import docker_engine
from tools.kit.commands import SetupError, find, say
from tools.kit.jobs import Job, do

_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class Package:
    """A Debian package and how to see that what it brings is there.

    Attributes:
        name: The package.
        present: Whether nothing needs to be installed.
        optional: Whether tests that need it skip when it is missing.
    """

    name: str
    present: Callable[[], bool]
    optional: bool = False


def _has(*programs: str) -> Callable[[], bool]:
    return lambda: any(map(find, programs))


def _has_engine() -> bool:
    """Say whether an engine runs, or is installed for root to start."""
    return docker_engine.answers() or (os.geteuid() == 0 and bool(_has("dockerd")() and _has("docker")()))


PYTHON_PACKAGES = (
    Package("ca-certificates", lambda: Path("/etc/ssl/certs").is_dir() and any(Path("/etc/ssl/certs").iterdir())),
    Package("python3-venv", lambda: importlib.util.find_spec("ensurepip") is not None),
)
DEMO_PACKAGES = (
    Package("docker.io", _has_engine),
    Package("docker-registry", _has("docker-registry", "registry")),
    Package("busybox-static", Path("/bin/busybox").exists),
)
TEST_PACKAGES = (
    Package("procps", _has("ps")),
    Package("skopeo", _has("skopeo")),
    Package("podman", _has("podman"), optional=True),
    Package("runc", _has("runc"), optional=True),
)

CLUSTER_PACKAGES = (
    Package("etcd-server", _has("etcd")),
    Package("containerd", _has("ctr")),
    Package("runc", _has("runc")),
)


def install(packages: Sequence[Package]) -> None:
    """Install those that are missing.

    Raises:
        SetupError: One is missing that is not optional, and the user may not install it.
    """
    missing = [p for p in packages if not p.present()]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _apt([p.name for p in missing])
    else:
        _name(missing)


def _apt(names: Sequence[str]) -> None:
    def install(job: Job) -> None:
        job.run(["apt-get", "update", "-qq"], environ=_QUIET)
        job.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], environ=_QUIET)

    do(Job(f"installing {', '.join(names)} with apt-get", "debian", install))


def _name(missing: Sequence[Package]) -> None:
    for package in missing:
        say(f"missing: {package.name} (Debian's name)" + ("; its tests will be skipped" if package.optional else ""))
    needed = [p.name for p in missing if not p.optional]
    if needed:
        raise SetupError(f"install {', '.join(needed)}, or run this as root on Debian")
