"""The Python environment: exactly what requirements.lock says, and this checkout in editable form."""

import hashlib
import shutil
import sys
from pathlib import Path

from tools.kit.commands import REPO, VENV, run, say

_LOCK = REPO / "requirements.lock"
_STAMP = VENV / "installed"
_EDITABLE = (REPO, REPO / "sdk" / "python")


def install() -> None:
    """Make the environment, or bring it up to date with the lock; quick when nothing changed."""
    projects = [folder for folder in _EDITABLE if (folder / "pyproject.toml").exists()]
    wanted = _recipe(projects)
    if _STAMP.exists() and _STAMP.read_text() == wanted:
        return
    say("installing Python packages into .venv")
    if not _works():
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", VENV])
    _pip("--require-hashes", "-r", str(_LOCK))
    # --no-build-isolation: the build backends are in the lock too.
    _pip("--no-deps", "--no-build-isolation", *(part for folder in projects for part in ("-e", str(folder))))
    _compile()
    _STAMP.write_text(wanted)


def _compile() -> None:
    """Compile what is editable: pip does that for all else, and each start of the plugin would do it anew."""
    run([VENV / "bin" / "python", "-m", "compileall", "-q", REPO / "provider", REPO / "sdk" / "python"])


def _pip(*arguments: str) -> None:
    run([VENV / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments])


def _works() -> bool:
    """Say whether there is an environment whose Python still exists."""
    return (VENV / "bin" / "python").exists() and (VENV / "bin" / "pip").exists()


def _recipe(projects: list[Path]) -> str:
    """Return a text that changes when something must be installed again."""
    files = [_LOCK, *(folder / "pyproject.toml" for folder in projects)]
    digest = hashlib.sha256(str(VENV).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
