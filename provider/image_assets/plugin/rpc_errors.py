"""How failures travel: as a proper gRPC status, never as a traceback.

The engine takes UNKNOWN and INTERNAL for "the resource's state is unknown" and marks the whole update as perhaps
corrupt (pkg/resource/plugin/provider_plugin.go), so neither is ever sent.
"""

import logging
from collections.abc import Mapping

import grpc

from image_assets.errors import AssetError, CancelledByUserError, InputError

STATUS_OF: Mapping[type[Exception], grpc.StatusCode] = {
    InputError: grpc.StatusCode.INVALID_ARGUMENT,
    CancelledByUserError: grpc.StatusCode.ABORTED,
}


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """Return the code and the text that tell the engine of a failure."""
    if isinstance(error, AssetError):
        return STATUS_OF.get(type(error), grpc.StatusCode.FAILED_PRECONDITION), str(error)
    logging.getLogger(__name__).error("a fault of the provider", exc_info=error)
    return grpc.StatusCode.FAILED_PRECONDITION, f"a fault of the image-assets provider: {describe_fault(error)}"


def describe_fault(error: BaseException) -> str:
    """Name an unexpected exception and where it came from, in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {error}{where}"
