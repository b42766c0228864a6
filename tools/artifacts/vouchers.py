"""What vouches for a release: the list of all that is in it, and a checksum of each file."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tools.kit.commands import REPO, VENV, run_quietly


def bill_of_materials(scratch: Path, out: Path) -> Path:
    """Write what the plugin is made of, as CycloneDX.

    The list is of an environment that holds the plugin and what it needs, and no tool of its developers.

    Raises:
        SetupError: The environment cannot be made.
    """
    bill, environment = out / "image-assets.cdx.json", scratch / "environment"
    run_quietly([VENV / "bin" / "python", "-m", "venv", environment])
    python = environment / "bin" / "python"
    # The lock names more than the plugin needs; as constraints it decides the versions of what is needed.
    constraints = scratch / "constraints.txt"
    constraints.write_text(_without_hashes((REPO / "requirements.lock").read_text()))
    run_quietly([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", constraints, REPO])
    run_quietly([python, "-m", "pip", "uninstall", "-q", "-y", "pip", "setuptools"])
    run_quietly([VENV / "bin" / "cyclonedx-py", "environment", "--output-reproducible", "-o", bill, python])
    return bill


def checksums(files: Iterable[Path], out: Path) -> Path:
    """Write SHA256SUMS, which `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out)}\n" for path in sorted(files)]
    sums = out / "SHA256SUMS"
    sums.write_text("".join(lines))
    return sums


def _without_hashes(lock: str) -> str:
    lines = (line.rstrip(" \\") for line in lock.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith((" ", "#")))
