"""When the commit that is checked out was made."""

import os
import threading
from pathlib import Path
from typing import Final

from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner

_TIMEOUT: Final = 30.0


def commit_time(directory: Path) -> str | None:
    """Return the seconds since 1970 of the commit of the git repository that a directory is in; None without one.

    It is the whole repository's, as in `git log -1 --format=%ct`: a clone that holds the last commit only has it too.
    """
    # Whose the repository is makes no difference: nothing in it is run.
    argv = ("git", "-c", "safe.directory=*", "-C", str(directory), "rev-list", "-1", "--timestamp", "HEAD")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = LocalRunner().run(Command(argv, environment=environ, timeout=_TIMEOUT), threading.Event())
    except (CommandMissingError, CommandTimeoutError):
        return None
    seconds = said.text.partition(" ")[0]
    return seconds if said.code == 0 and seconds.isdecimal() else None
