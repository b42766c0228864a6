"""A base image made from this machine's static busybox, for registries that nobody can be reached from."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tools.kit.commands import SetupError


def push_base_image(name: str, busybox: Path, environ: Mapping[str, str] | None = None) -> str:
    """Make the image with docker's `import`, which needs no builder, push it, and return its name.

    Raises:
        SetupError: docker failed.
    """
    for command, given in ((["import", "-", name], _root(busybox)), (["push", name], b"")):
        done = subprocess.run(["docker", *command], input=given, env=environ, capture_output=True, check=False)
        if done.returncode:
            raise SetupError(f"`docker {' '.join(command)}` failed: {done.stderr.decode(errors='replace').strip()}")
    return name


def _root(busybox: Path) -> bytes:
    """Return the tar of a root directory with nothing but a shell."""
    content = busybox.read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in ("bin/busybox", "bin/sh"):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
