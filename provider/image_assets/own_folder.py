"""Temporary folders that may hold logins: gone at the end, and swept by the next plugin if this one is killed.

A lock on the folder says that its process lives: the system lets go of it when the process ends, however it ends.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from image_assets.programs import processes

_PREFIX: Final = "image-assets-run-"
_UNLOCKED: Final = ".image-assets-run-"
"""What the name begins with until the lock is held: nobody sweeps such a folder."""


@contextlib.contextmanager
def own_folder(parent: str | None = None) -> Iterator[Path]:
    """Make a folder that only this user can read, and remove it at the end.

    Args:
        parent: Where to make it, if the usual place for temporary files will not do.
    """
    made = Path(tempfile.mkdtemp(prefix=_UNLOCKED, dir=parent))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            # Some network file systems have no locks; what is there is removed by its own process only.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made = made.rename(made.with_name(_PREFIX + made.name.removeprefix(_UNLOCKED)))
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def sweep_folders(parent: str | None = None) -> list[Path]:
    """Remove the folders of processes that were killed, end what these had started, and return the folders."""
    root = Path(parent or tempfile.gettempdir())
    swept = [path for path in root.glob(f"{_PREFIX}*") if _is_abandoned(path)]
    for path in swept:
        _end_users(path)
        shutil.rmtree(path, ignore_errors=True)
    return swept


def _is_abandoned(path: Path) -> bool:
    """Say whether a folder is ours and its process is gone."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(lock).st_uid != os.getuid():
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _end_users(path: Path) -> None:
    """End the programs that were given the folder as their configuration, such as a build that goes on."""
    for pid in processes.with_variable_value(str(path)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def main() -> None:
    """Sweep in a process of its own; the argument is the folders' parent."""
    sweep_folders(*sys.argv[1:])
