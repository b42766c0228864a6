"""The plugin as one archive that needs no Python: frozen with PyInstaller, packed as Pulumi wants it."""

import gzip
import platform
import shutil
import tarfile
from pathlib import Path

from tools.kit.commands import REPO, VENV, run_quietly

_SPEC = REPO / "tools" / "artifacts" / "plugin.spec"
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "windows"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def target() -> str:
    """Return what this machine is called in the names of plugins (Go's GOOS and GOARCH), as `linux-amd64`."""
    return f"{_SYSTEMS[platform.system()]}-{_MACHINES[platform.machine()]}"


def freeze(scratch: Path) -> Path:
    """Make a folder with the programs and all that they need.

    Args:
        scratch: An empty folder for what PyInstaller leaves behind.

    Raises:
        SetupError: PyInstaller failed.
    """
    folders: list[str | Path] = ["--distpath", scratch / "dist", "--workpath", scratch / "work"]
    run_quietly([VENV / "bin" / "pyinstaller", "--noconfirm", *folders, _SPEC])
    folder = scratch / "dist" / "plugin"
    shutil.copy2(REPO / "LICENSE", folder)
    return folder


def pack(folder: Path, version: str, out: Path) -> Path:
    """Pack a frozen folder under the name that Pulumi looks for (pkg/workspace, `PluginSpec`)."""
    archive = out / f"pulumi-resource-image-assets-v{version}-{target()}.tar.gz"
    # Nothing in it says when or by whom it was made, so that the same inputs give the same archive.
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=_anonymous)
    return archive


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
