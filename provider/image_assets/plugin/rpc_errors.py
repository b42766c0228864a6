"""How failures travel: as a proper gRPC status, never as a traceback, and without any secret.

The engine takes UNKNOWN and INTERNAL for "the resource's state is unknown" and marks the whole update as perhaps
corrupt (pkg/resource/plugin/provider_plugin.go), so neither is ever sent.

It prints the value at the property path of a problem, in clear: for the empty path of a Construct the whole input
object, for a Check the value of the property of that very name; a path that leads nowhere prints nothing. So a path
is told only if it leads to a single value that is no secret; else the property's name stands in the text.
"""

import errno
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grpc

from image_assets.errors import AssetError, CancelledByUserError, InputError, Problem
from image_assets.inputs.property_path import at
from image_assets.protocol.messages import errors_pb2, status_pb2
from image_assets.secrets import Secrets
from image_assets.values import is_list, is_map

STATUS_OF: Mapping[type[Exception], grpc.StatusCode] = {
    InputError: grpc.StatusCode.INVALID_ARGUMENT,
    CancelledByUserError: grpc.StatusCode.ABORTED,
}


#: What the machine lacks, by the system's number, and what helps.
OF_THE_MACHINE: Mapping[int | None, str] = {
    errno.ENOSPC: "make room on that disk, or name a directory on another one in TMPDIR or `cacheDirectory`",
    errno.EDQUOT: "make room within the quota, or name a directory elsewhere in TMPDIR or `cacheDirectory`",
    errno.EROFS: "name a directory that can be written in TMPDIR or `cacheDirectory`",
    errno.EACCES: "let this user read and write there",
    errno.EPERM: "let this user do that there",
    errno.EMFILE: "allow more open files (`ulimit -n`), or make less at once (`pulumi --parallel`)",
    errno.ENFILE: "allow more open files on this machine",
    errno.ENOMEM: "free memory, or make less at once (`pulumi --parallel`)",
    errno.EAGAIN: "allow more processes and threads (`ulimit -u`), or make less at once (`pulumi --parallel`)",
    errno.EIO: "see to the disk",
    errno.ESTALE: "mount that directory anew, and run it again",
}


def describe_machine(error: OSError) -> str:
    """Say what the system refused, where, and what helps."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}; {OF_THE_MACHINE[error.errno]}"


def status_of(error: BaseException, secrets: Secrets) -> tuple[grpc.StatusCode, str]:
    """Return the code and the text that tell the engine of a failure."""
    if isinstance(error, AssetError):
        return STATUS_OF.get(type(error), grpc.StatusCode.FAILED_PRECONDITION), secrets.mask(str(error))
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        return grpc.StatusCode.FAILED_PRECONDITION, secrets.mask(describe_machine(error))
    trace = "".join(traceback.format_exception(error))
    logging.getLogger(__name__).error("a fault of the provider: %s", secrets.mask(trace))
    told = secrets.mask(describe_fault(error))
    return grpc.StatusCode.FAILED_PRECONDITION, f"a fault of the image-assets provider: {told}"


def property_details(problems: Sequence[Problem], text: str) -> tuple[tuple[str, bytes]]:
    """Return the trailer that tells the engine which properties of a component or method are wrong (errors.proto).

    Its text is what the engine shows: gRPC lets the trailer's win over the call's own.
    """
    errors = [
        errors_pb2.InputPropertiesError.PropertyError(property_path=problem.path, reason=problem.reason)
        for problem in problems
    ]
    status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=text)
    status.details.add().Pack(errors_pb2.InputPropertiesError(errors=errors))
    return (("grpc-status-details-bin", status.SerializeToString()),)


def describe_fault(error: BaseException) -> str:
    """Name an unexpected exception and where it came from, in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {error}{where}"


def with_value(problem: Problem, values: Mapping[str, Any]) -> Problem:
    """Return a problem of a Check as the engine should get it: with a path only where it finds a value to print.

    It looks for a property of that very name, and prints `value {<nil>}` for one that is missing or lies deeper.
    """
    return problem if values.get(problem.path) is not None else Problem("", str(problem))


def told(error: InputError, values: Mapping[str, Any], secrets: Secrets) -> Iterator[Problem]:
    """Yield the problems of some inputs as the engine may be told of them."""
    for problem in error.problems:
        value = at(problem.path, values)
        is_safe = problem.is_shown and not is_map(value) and not is_list(value) and not secrets.holds(value)
        shown = problem if problem.path and is_safe else Problem("", str(problem))
        yield Problem(shown.path, secrets.mask(shown.reason))
