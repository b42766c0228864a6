"""Archives that are made when an image is published: by a command, or by an engine that has the image."""

import os
from pathlib import Path
from typing import Final

from image_assets.errors import BuildError
from image_assets.inputs.options import ArchiveCommand
from image_assets.programs.command import Command, CommandMissingError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

_SAVED: Final = "image.tar"
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


def save_image(executable: str, identity: str, folder: Path, task: Task) -> Path:
    """Let the engine write one of its images to a folder; return the archive.

    Raises:
        BuildError: It cannot.
        CancelledByUserError: The user cancelled.
    """
    task.status("saving the image of the engine")
    archive = folder / _SAVED
    try:
        finished = LocalRunner().run(Command((executable, "save", "-o", str(archive), identity)), task.cancelled)
    except CommandMissingError as error:
        raise BuildError(f"the image cannot be saved: {error}") from error
    if finished.code:
        raise BuildError(f"`{executable} save` of the image ended with {finished.code}: {finished.text}")
    return archive
