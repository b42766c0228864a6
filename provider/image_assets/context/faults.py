"""The errors of a context's entries."""

import contextlib
from collections.abc import Iterator

from image_assets.errors import InputError, Problem
from image_assets.ignore.ignorefile import BadPatternError

PROPERTY = "directory"


def shown(path: str) -> str:
    """Show a path in a message: printable whatever bytes the name holds."""
    return repr(path)[1:-1] if not path.isprintable() else path


def unreadable(path: str, fault: OSError) -> InputError:
    """Make the error of an entry that counts and cannot be read."""
    where = shown(path) or "the directory itself"
    return InputError.single(
        PROPERTY,
        f"cannot read {where}: {fault.strerror}; make it readable, or leave it out with the ignore file or `exclude`",
    )


def refused_pattern(fault: BadPatternError) -> InputError:
    """Make the error of a pattern that the builder would refuse, too."""
    origin = fault.line.origin
    return InputError.single(origin if origin.startswith("exclude[") else PROPERTY, str(fault))


def changing(path: str) -> InputError:
    """Make the error of a file that did not hold still."""
    return InputError.single(PROPERTY, f"{shown(path)} changed while it was read; run again when nothing writes there")


@contextlib.contextmanager
def blamed_on(context: str) -> Iterator[None]:
    """Let the problems of a named context name the input that it came from."""
    try:
        yield
    except InputError as error:
        if not context:
            raise
        raise InputError([Problem(f"buildContexts.{context}", problem.reason) for problem in error.problems]) from error
