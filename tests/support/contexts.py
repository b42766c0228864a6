"""Contexts that build on a machine that can pull no image: `FROM scratch` and a static busybox."""

import os
import shutil
from pathlib import Path
from textwrap import dedent

_BUSYBOX = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static")
_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY . /src/
CMD ["/bin/busybox", "echo", "hello"]
"""


def busybox() -> Path:
    """Return the static busybox (Debian: busybox-static) of this machine."""
    found = next((Path(p) for p in _BUSYBOX if Path(p).exists()), None)
    assert found, "no static busybox: install busybox-static"
    return found


def make_context(folder: Path, files: dict[str, str] | None = None, *, dockerfile: str | None = None) -> Path:
    """Fill a folder with a Dockerfile, busybox, and the given files (path -> text), and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(busybox(), folder / "busybox")
    write_files(folder, {"Dockerfile": dedent(dockerfile or _DOCKERFILE), **(files or {})})
    return folder


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write files (path -> text) below a folder, with their directories."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def make_bulk(folder: Path, count: int, *, per_directory: int = 100, size: int = 1000) -> Path:
    """Make a context `FROM scratch` with that many distinct files, and return it."""
    write_files(folder, {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    for number in range(count):
        path = folder / f"d{number // per_directory:03}" / f"f{number:05}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size // 2).hex().encode())
    return folder
