"""What counts of a command that makes an archive: its text, and the files that it reads."""

import posixpath
import re
from collections.abc import Iterator
from os.path import relpath
from pathlib import Path

from image_assets.context.spec import ContextSpec
from image_assets.errors import Problem
from image_assets.inputs.options import ArchiveCommand

_WILD = re.compile(r"[*?\[\\]")
_SPECIAL = re.compile(r"([*?\[\]\\])")


def read_by(command: ArchiveCommand) -> ContextSpec:
    """Return the files that a located command reads, as a context that leaves out all others.

    Its root is the program's directory, or the one above to which the paths lead.
    """
    directory = Path(command.directory)
    above = max(_steps_up(pattern) for pattern in command.inputs)
    root = directory.parents[above - 1] if above else directory
    here = directory.relative_to(root).as_posix()
    picked = (_joined(here, pattern) for pattern in command.inputs)
    output = Path(relpath(command.output, root)).as_posix()
    return ContextSpec(root, exclude=("*", *picked, _SPECIAL.sub(r"\\\1", output)))


def _steps_up(pattern: str) -> int:
    """Return how many directories a pattern leads up."""
    parts = posixpath.normpath(pattern.removeprefix("!")).split("/")
    return next((number for number, part in enumerate(parts) if part != ".."), len(parts))


def _joined(here: str, pattern: str) -> str:
    """Return the pattern of an ignore file that takes in again what an input names, or leaves out what it excepts."""
    path = posixpath.normpath(posixpath.join(here, pattern.removeprefix("!")))
    path = "*" if path == "." else path
    return path if pattern.startswith("!") else "!" + path


def missing_inputs(inputs: list[object], directory: Path) -> Iterator[Problem]:
    """Yield the paths at which there is nothing; a pattern may match nothing."""
    for index, path in enumerate(inputs):
        if isinstance(path, str) and path and not path.startswith(("!", "/")) and not _WILD.search(path):
            place = directory / path
            if not place.exists():
                yield Problem(
                    f"command.inputs[{index}]",
                    f"there is no file or directory at {place}; paths are relative to {directory}",
                )
