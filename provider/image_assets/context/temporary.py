"""Where temporary files may lie: never in what the builder reads."""

import os
from collections.abc import Iterable
from pathlib import Path

from image_assets.errors import InputError

_OTHER_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a directory of its own is made inside


def folder_outside(directories: Iterable[Path]) -> str:
    """Return a directory for temporary files that is in none of these: the usual one if possible.

    Raises:
        InputError: There is none.
    """
    import tempfile  # noqa: PLC0415 - only a build needs it, every start would pay for it

    roots = [os.path.realpath(directory) for directory in directories]
    beside = (os.path.dirname(root) for root in roots)  # noqa: PTH120 - text
    for folder in (tempfile.gettempdir(), *_OTHER_PLACES, *beside):
        real = os.path.realpath(folder)
        if os.access(real, os.W_OK | os.X_OK) and not any(_is_in(real, root) for root in roots):
            return real
    places = " and ".join(roots)
    raise InputError.single("directory", f"all places for temporary files are inside {places}; set TMPDIR to another")


def _is_in(folder: str, root: str) -> bool:
    return f"{folder}/".startswith(f"{root.rstrip('/')}/")
