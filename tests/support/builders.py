"""Programs that build, each as a user would have it: with a configuration and a home of its own."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.paths import TOOLS_BIN

_STEERING = ("DOCKER_", "BUILDX_", "BUILDKIT_", "REGISTRY_AUTH_FILE", "XDG_")


@dataclass(frozen=True)
class Flavour:
    """One way to build.

    Attributes:
        name: `embedded`, `buildx`, `remote` or `podman`.
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


def add_buildx(config: Path) -> bool:
    """Put the buildx plugin into a configuration directory; say whether there is one."""
    program = shutil.which("docker-buildx", path=f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}")
    if program:
        (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
        (config / "cli-plugins" / "docker-buildx").symlink_to(program)
    return program is not None


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def can_run_buildkitd() -> bool:
    """Say whether a BuildKit of our own can run here."""
    return os.geteuid() == 0 and (TOOLS_BIN / "buildkitd").exists() and shutil.which("runc") is not None


@contextlib.contextmanager
def buildkitd(root: Path) -> Iterator[str]:
    """Run a BuildKit that listens at the yielded address."""
    address = f"tcp://127.0.0.1:{free_port()}"
    (root / "buildkitd.toml").write_text("")
    words = ("--addr", address, "--root", str(root / "state"), "--config", str(root / "buildkitd.toml"))
    worker = ("--containerd-worker=false", "--oci-worker-net=host")
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            (TOOLS_BIN / "buildkitd", *words, *worker), stdout=log, stderr=log, start_new_session=True
        )
    try:
        _await(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _await(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, port = address.removeprefix("tcp://").split(":")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("buildkitd did not start")


def slow_docker(flavour: Flavour, folder: Path, word: str, seconds: int) -> Flavour:
    """Give a docker that takes its time for one command."""
    script = folder / "docker"
    script.write_text(
        f'#!/bin/sh\ncase " $* " in *" {word} "*) sleep {seconds};; esac\nexec {flavour.executable} "$@"\n'
    )
    script.chmod(0o755)
    return replace(flavour, executable=str(script))


def add_remote_builder(environ: Mapping[str, str], name: str, address: str) -> None:
    """Make a buildx builder for a BuildKit that runs already."""
    words = ("docker", "buildx", "create", "--name", name, "--driver", "remote", address)
    subprocess.run(words, env=dict(environ), check=True, capture_output=True)
