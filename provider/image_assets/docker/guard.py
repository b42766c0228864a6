"""Ending the builds of a process that was killed: nobody else would know of them.

The builder's programs go on by themselves, and the next plugin to sweep may come much later or never.
"""

import contextlib
import functools

from image_assets.programs.command import CommandMissingError
from image_assets.programs.if_killed import IfKilled
from image_assets.programs.own_program import SWEEP_FLAG, own_program


@functools.cache
def guard(parent: str) -> None:
    """Have the folders with logins swept, and the programs that were given them ended, if this process is killed.

    Args:
        parent: Where the folders are made.
    """
    # Without a shell the next plugin sweeps.
    with contextlib.suppress(CommandMissingError):
        IfKilled(own_program("image_assets.own_folder", SWEEP_FLAG, parent))
