"""How a program starts that PyInstaller has packed."""

import os
import sys
from collections.abc import Callable

from image_assets.context.workers import WORKER_FLAG
from image_assets.programs.own_program import SWEEP_FLAG


def main(program: Callable[[], None]) -> None:
    """Run a program, or what it has started from the same file: a worker, a sweep."""
    restore_library_path()
    if sys.argv[1:2] == [WORKER_FLAG]:
        from image_assets.context import worker  # noqa: PLC0415 - the other programs do without it

        worker.main()
    elif sys.argv[1:2] == [SWEEP_FLAG]:
        from image_assets import own_folder  # noqa: PLC0415 - same

        del sys.argv[1]
        own_folder.main()
    else:
        program()


def restore_library_path() -> None:
    """Give docker and other programs the user's own library path back (PyInstaller: "Launching external programs")."""
    own = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if own is not None:
        os.environ["LD_LIBRARY_PATH"] = own
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)
