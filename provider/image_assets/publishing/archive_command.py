"""Running the command that makes an archive."""

import os
from pathlib import Path
from typing import Final

from image_assets.errors import BuildError
from image_assets.inputs.options import ArchiveCommand
from image_assets.programs.command import Command, CommandMissingError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

_SHOWN_LINES: Final = 30
_VARIABLE: Final = "IMAGE_ASSETS_RUN"
# The text may be secret, and every user of the machine can read a program's arguments.
_SCRIPT: Final = f'run="${_VARIABLE}"; unset {_VARIABLE}; eval "$run"'


def make_archive(command: ArchiveCommand, task: Task) -> Path:
    """Run a located command in the program's directory; return the archive.

    Raises:
        BuildError: It failed, or made no archive.
        CancelledByUserError: The user cancelled; the command and what it started are gone.
    """
    task.status("running the command that makes the archive")
    environment = {**os.environ, _VARIABLE: command.run}
    program = Command(("sh", "-c", _SCRIPT), environment=environment, directory=command.directory)
    try:
        finished = LocalRunner().run(program, task.cancelled, task.live)
    except CommandMissingError as error:
        raise BuildError(f"`command.run` needs a shell: {error}") from error
    if finished.code:
        said = "\n".join(finished.text.splitlines()[-_SHOWN_LINES:]) or "it wrote nothing"
        raise BuildError(
            f"the command that makes the archive ended with {finished.code}:\n{said}\n"
            f"to repeat it, run in {command.directory}: {command.run}"
        )
    output = Path(command.output)
    if not output.exists():
        raise BuildError(
            f"the command that makes the archive has ended, and there is nothing at {output}: let `command.output` "
            f"name the archive that it writes, relative to {command.directory}"
        )
    return output
