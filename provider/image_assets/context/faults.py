"""The errors of a context's entries."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from image_assets.errors import InputError, Problem
from image_assets.ignore.ignorefile import BadPatternError

PROPERTY = "directory"
# ELOOP: a file gave way to a link; ENXIO: to a socket; ENOTDIR: a directory above it to something else.
_NOT_THERE_ANY_MORE = frozenset((errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENOTDIR))
_LEAVE_OUT = "leave it out with the ignore file or `exclude`"
_UNLIMIT = "raise the limit of open files (`ulimit -n`)"
_HINTS = {
    errno.EACCES: f"make it readable, or {_LEAVE_OUT}",
    errno.EPERM: f"make it readable, or {_LEAVE_OUT}",
    errno.EMFILE: _UNLIMIT,
    errno.ENFILE: _UNLIMIT,
}


def shown(path: str) -> str:
    """Show a path in a message: printable whatever bytes the name holds."""
    return repr(path)[1:-1] if "\\" in path or not path.isprintable() else path


def unreadable(path: str, fault: OSError) -> InputError:
    """Make the error of an entry that counts and cannot be read."""
    if fault.errno in _NOT_THERE_ANY_MORE:
        return changing(path)
    where = shown(path) or "the directory itself"
    hint = _HINTS.get(fault.errno or 0, _LEAVE_OUT)
    return InputError.single(PROPERTY, f"cannot read {where}: {fault.strerror}; {hint}")


def refused_pattern(fault: BadPatternError) -> InputError:
    """Make the error of a pattern that the builder would refuse, too."""
    origin = fault.line.origin
    if origin.startswith("exclude["):
        return InputError.single(origin, str(fault).removeprefix(f"{origin}: "))
    return InputError.single(PROPERTY, str(fault))


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


@contextlib.contextmanager
def unusable(root: Path) -> Iterator[None]:
    """Turn a fault of the file system while a context is staged into an error that names the context."""
    try:
        yield
    except OSError as fault:
        raise InputError.single(PROPERTY, f"cannot prepare the build context {root}: {fault}") from fault
