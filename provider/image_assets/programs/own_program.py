"""How a part of this program is run as a program by itself."""

import sys
from pathlib import Path
from typing import Final

import image_assets

SWEEP_FLAG: Final = "--sweep"
"""The first argument with which a packed program sweeps temporary folders (`own_folder`)."""


def own_program(module: str, flag: str, *arguments: str) -> tuple[str, ...]:
    """Return how this interpreter runs a module's `main` with what it can import here, whatever the environment.

    Args:
        module: The module.
        flag: The first argument with which a packed program, which has no interpreter to start, runs it.
        arguments: What `sys.argv` holds from its second item on.
    """
    if getattr(sys, "frozen", False):
        return (sys.executable, flag, *arguments)
    path = [str(Path(image_assets.__file__).parents[1]), *filter(None, sys.path)]
    count = len(arguments) + 1
    program = f"import sys; sys.path[:] = sys.argv[{count}:]; del sys.argv[{count}:]; from {module} import main; main()"
    options = ("-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", *(("-B",) if sys.dont_write_bytecode else ()))
    return (sys.executable, *options, "-c", program, *arguments, *path)
