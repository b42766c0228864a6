"""A real BuildKit, and what it received: builds `FROM scratch` with `COPY . /`, exported as a tar and read back."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.paths import search_path

_PATIENCE = 30
_TIMEOUT = 120
COPY_ALL = "FROM scratch\nCOPY . /\n"

Entry = tuple[str, ...]
"""`("file", digest, "x" or "-")`, `("directory",)`, `("link", text)`, or another kind's name alone."""


class BuildFailedError(Exception):
    """The builder refused; the text is its log."""


@dataclass(frozen=True)
class BuildKit:
    """A builder: buildx and one of its builders.

    Attributes:
        buildx: The command.
        environ: What it runs under.
    """

    buildx: tuple[str, ...]
    environ: Mapping[str, str]

    def receive(self, directory: Path, dockerfile: Path, options: Sequence[str] = ()) -> dict[str, Entry]:
        """Return what a build comes to, by path; directories end in `/`. With `COPY_ALL` it is what was sent."""
        return entries_of(self._tar("-f", str(dockerfile), *options, str(directory)))

    def receive_each(self, contexts: Mapping[str, Path], empty: Path) -> dict[str, dict[str, Entry]]:
        """Return what reached the builder of several directories, all named contexts of one build."""
        lines = "".join(f"COPY --from={name} . /{name}/\n" for name in contexts)
        (empty / "Dockerfile").write_text("FROM scratch\n" + lines)
        named = [f"--build-context={name}={path}" for name, path in contexts.items()]
        together = entries_of(self._tar(*named, str(empty)))
        return {name: _below(together, f"{name}/") for name in contexts}

    def _tar(self, *arguments: str) -> bytes:
        command = [*self.buildx, "build", "--provenance=false", "--output=type=tar,dest=-", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, env=self.environ, timeout=_TIMEOUT)
        if done.returncode:
            raise BuildFailedError(done.stderr.decode(errors="replace"))
        return done.stdout


def entries_of(tar: bytes) -> dict[str, Entry]:
    """Read a tar's entries."""
    found: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(tar), errors="surrogateescape") as archive:
        for member in archive:
            name = member.name.strip("/")
            if name not in ("", "."):
                found[name + "/" * member.isdir()] = _entry(archive, member)
    return found


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.isreg() or member.islnk():
        content = archive.extractfile(member)
        assert content is not None
        return "file", hashlib.sha256(content.read()).hexdigest(), "x" if member.mode & 0o100 else "-"
    if member.issym():
        return "link", member.linkname
    return ("directory",) if member.isdir() else ("fifo",) if member.isfifo() else ("device",)


def _below(entries: Mapping[str, Entry], prefix: str) -> dict[str, Entry]:
    inside = (path for path in entries if path.startswith(prefix) and path != prefix)
    return {path.removeprefix(prefix): entries[path] for path in inside}


@contextmanager
def running(folder: Path) -> Iterator[BuildKit]:
    """Start a BuildKit of our own in a folder; skip the test where that is not possible."""
    environ = {**os.environ, "PATH": search_path(), "BUILDX_CONFIG": str(folder / "buildx"), "DOCKER_BUILDKIT": "1"}
    buildx = shutil.which("docker-buildx", path=environ["PATH"])
    daemon = shutil.which("buildkitd", path=environ["PATH"])
    if not buildx or not daemon or os.geteuid() != 0:
        pytest.skip("needs docker-buildx, buildkitd and root")
    socket = folder / "buildkit.sock"
    (folder / "buildkit.toml").touch()
    command = [daemon, f"--addr=unix://{socket}", f"--root={folder / 'root'}", f"--config={folder / 'buildkit.toml'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--containerd-worker=false", "--oci-worker-net=host"], stdout=log, stderr=log, env=environ
        )
    try:
        _wait_for(socket)
        create = [buildx, "create", "--name=own", "--driver=remote", f"unix://{socket}"]
        subprocess.run(create, check=True, capture_output=True, env=environ)
        yield BuildKit((buildx, "--builder=own"), environ)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.05)
