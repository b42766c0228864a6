"""Engines of the tests' own: docker's for builders in containers, and containerd for nerdctl."""

import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.support.builders import NODE_IMAGE, clean_environ, daemon, node, unmount_below, wait_until
from tests.support.contexts import busybox
from tests.support.paths import TOOLS_BIN

NODE_COMMAND = "buildkitd"
NODE_PATH = "/usr/bin:/bin"
WITHOUT_CAPABILITY = 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g'
"""A privileged container wants every capability: leave out the one that this machine has not got."""
_RUNTIME = """\
#!/bin/sh
# Changes what a container is to get, before it is made.
for word; do
    test "$previous" = --bundle && sed -i '{change}' "$word/config.json"
    test "$previous" = --process && sed -i '{change}' "$word"
    previous=$word
done
exec runc "$@"
"""
_ENGINES = count()
ENGINE_OF_TODAY = TOOLS_BIN / "dockerd-of-today"
"""Docker's engine 29, whose store of images is containerd's."""
_SYS_RESOURCE = 24
"""The capability's number (capabilities(7))."""


def can_run_engines() -> bool:
    """Say whether docker's engine can be started here a second time."""
    programs = ("dockerd", "containerd", "runc")
    return os.geteuid() == 0 and all(map(shutil.which, programs)) and (TOOLS_BIN / "buildctl").exists()


def can_run_nerdctl() -> bool:
    """Say whether nerdctl and all that it calls are there."""
    return can_run_engines() and (TOOLS_BIN / "nerdctl").exists()


def can_run_engine_of_today() -> bool:
    """Say whether the built engine can be started here."""
    return os.geteuid() == 0 and all(map(shutil.which, ("containerd", "runc"))) and ENGINE_OF_TODAY.exists()


@contextlib.contextmanager
def docker_with_nodes(root: Path) -> Iterator[str]:
    """Run an engine that has the image of a BuildKit node, and give its address."""
    with docker_of_our_own(root) as address:
        words = ["docker", "-H", address, "import", "-c", f"ENV PATH={NODE_PATH}"]
        words += ["-c", f'ENTRYPOINT ["{NODE_COMMAND}"]', "-", NODE_IMAGE]
        environ = clean_environ(root / "home")
        subprocess.run(words, input=node_files(), env=environ, check=True, capture_output=True)
        yield address


@contextlib.contextmanager
def docker_of_our_own(root: Path, program: str | Path = "dockerd") -> Iterator[str]:
    """Run an engine, and give its address: nothing else shares it."""
    address, name = f"unix://{root}/docker.sock", f"test{os.getpid()}-{next(_ENGINES)}"
    words = [str(program), "--host", address, "--data-root", f"{root}/data", "--exec-root", f"{root}/exec"]
    words += ["--pidfile", f"{root}/pid", "--bridge", name, "--iptables=false", "--ip6tables=false"]
    if not has_all_capabilities():
        words += ["--add-runtime", f"less={runtime(root, WITHOUT_CAPABILITY)}", "--default-runtime", "less"]
    with bridge(name), unmounted(root), daemon(tuple(words), root / "log") as process:

        def answers() -> bool:
            return (
                subprocess.run(("docker", "-H", address, "version"), capture_output=True, check=False).returncode == 0
            )

        wait_until(lambda: answers() or process.poll() is not None, "dockerd did not start")
        yield address


@contextlib.contextmanager
def bridge(name: str) -> Iterator[None]:
    """Give the engine a bridge of its own: one that shall have none removes that of the machine's engine."""
    ip = (busybox(), "ip")
    subprocess.run((*ip, "link", "add", "name", name, "type", "bridge"), check=True)
    # A network that no other process of tests, and no other engine of this one, has.
    number = hashlib.sha256(name.encode()).digest()
    subprocess.run((*ip, "addr", "add", f"10.{224 + number[0] % 16}.{number[1]}.1/24", "dev", name), check=True)
    subprocess.run((*ip, "link", "set", name, "up"), check=True)
    try:
        yield
    finally:
        subprocess.run((*ip, "link", "del", name), check=False)


@contextlib.contextmanager
def unmounted(root: Path) -> Iterator[None]:
    """Undo in the end what an engine mounted below its folder."""
    try:
        yield
    finally:
        unmount_below(root)


def runtime(root: Path, change: str) -> Path:
    """Write a container runtime that first edits, by a script for sed, what describes a container."""
    program = root / "runtime"
    program.write_text(_RUNTIME.format(change=change))
    program.chmod(0o755)
    return program


def has_all_capabilities() -> bool:
    """Say whether a privileged container could be given all that it wants here."""
    found = re.search(r"^CapBnd:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return found is None or bool(int(found[1], 16) >> _SYS_RESOURCE & 1)


def node_files() -> bytes:
    """Return a root directory of the programs that a node needs, with the libraries that runc needs, as a tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
        runc = Path(shutil.which("runc") or "")
        programs = {"buildkitd": TOOLS_BIN / "buildkitd", "buildctl": TOOLS_BIN / "buildctl", "runc": runc}
        for name, path in programs.items():
            tar.add(path.resolve(), f"usr/bin/{name}")
        for name in ("busybox", "sh", "cat"):
            tar.add(busybox(), f"bin/{name}")
        for library in _libraries(runc):
            tar.add(library.resolve(), str(library).lstrip("/"))
    return content.getvalue()


def _libraries(program: Path) -> list[Path]:
    told = subprocess.run(("ldd", program), capture_output=True, text=True, check=False).stdout
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", told)]


@contextlib.contextmanager
def containerd(root: Path) -> Iterator[dict[str, str]]:
    """Run what nerdctl talks to, and give the variables that tell it where."""
    socket = root / "containerd.sock"
    config = root / "containerd.toml"
    config.write_text(
        f'version = 2\nroot = "{root}/root"\nstate = "{root}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\n  address = "{socket}"\n[ttrpc]\n  address = "{socket}.ttrpc"\n'
    )
    words = ("containerd", "--config", str(config))
    with unmounted(root), daemon(words, root / "log"), node(root / "buildkit") as builder:
        wait_until(socket.exists, "containerd did not start")
        yield {
            "CONTAINERD_ADDRESS": str(socket),
            "CONTAINERD_NAMESPACE": "tests",
            "BUILDKIT_HOST": builder.address,
            "NERDCTL_TOML": str(root / "nerdctl.toml"),
            "PATH": f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}",
        }
