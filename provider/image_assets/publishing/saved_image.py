"""Saving an image of the engine as an archive."""

from pathlib import Path
from typing import Final

from image_assets.errors import BuildError
from image_assets.programs.command import Command, CommandMissingError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

_NAME: Final = "image.tar"


def save_image(executable: str, identity: str, folder: Path, task: Task) -> Path:
    """Let the engine write one of its images to a folder; return the archive.

    Raises:
        BuildError: It cannot.
        CancelledByUserError: The user cancelled.
    """
    task.status("saving the image of the engine")
    archive = folder / _NAME
    try:
        finished = LocalRunner().run(Command((executable, "save", "-o", str(archive), identity)), task.cancelled)
    except CommandMissingError as error:
        raise BuildError(f"the image cannot be saved: {error}") from error
    if finished.code:
        raise BuildError(f"`{executable} save` of the image ended with {finished.code}: {finished.text}")
    return archive
