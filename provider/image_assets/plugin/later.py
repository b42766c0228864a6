"""RPCs that are answered by a service which comes after the server has started.

The engine connects as soon as it knows the port; what answers it is loaded meanwhile.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc

# Generic for the type checker only.
if TYPE_CHECKING:
    Handler = grpc.GenericRpcHandler[Any, Any]
else:
    Handler = grpc.GenericRpcHandler


class Later(Handler):
    """Stands in for a service at the server, and for the server at the service's generated registration."""

    def __init__(self) -> None:
        self._handlers: tuple[Handler, ...] = ()

    def add_generic_rpc_handlers(self, handlers: Sequence[Handler]) -> None:
        """Take the service."""
        self._handlers = tuple(handlers)

    def add_registered_method_handlers(self, _service: str, _handlers: Any) -> None:
        """Take what newer versions of gRPC register beside the same handlers, for a server of theirs."""

    def service(self, call: grpc.HandlerCallDetails) -> Any:
        """Return what answers a call; None if nothing does."""
        return next((found for one in self._handlers if (found := one.service(call))), None)
