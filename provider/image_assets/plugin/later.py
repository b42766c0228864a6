"""RPCs that are answered by a service which comes after the server has started.

The engine connects as soon as it knows the port, and gives the handshake ten seconds (github.com/pulumi/pulumi
`dialPlugin`), in which a busy machine may not have loaded what answers all the rest. So the handshake is answered at
once, and the other calls wait.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc

from image_assets.protocol.messages import provider_pb2 as pb

# Generic for the type checker only.
if TYPE_CHECKING:
    Handler = grpc.GenericRpcHandler[Any, Any]
else:
    Handler = grpc.GenericRpcHandler

WELCOME: Final = pb.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)
"""What values are understood."""
_SERVICE: Final = "pulumirpc.ResourceProvider"


class Later(Handler):
    """Stands in for a service at the server, and for the server at the service's generated registration.

    Attributes:
        greeted: The engine's addresses in the handshakes that were answered before the service came.
    """

    def __init__(self) -> None:
        self.greeted: list[str] = []
        self._handlers: tuple[Handler, ...] = ()
        self._there = asyncio.Event()

    def add_generic_rpc_handlers(self, handlers: Sequence[Handler]) -> None:
        """Take the service."""
        self._handlers = tuple(handlers)
        self._there.set()

    def add_registered_method_handlers(self, _service: str, _handlers: Any) -> None:
        """Take what newer versions of gRPC register beside the same handlers, for a server of theirs."""

    def service(self, call: grpc.HandlerCallDetails) -> Any:
        """Return what answers a call; None if nothing does."""
        if self._handlers:
            return self._found(call)
        service, _, method = call.method.strip("/").partition("/")
        if service != _SERVICE:
            return None
        if method == "Handshake":
            return grpc.unary_unary_rpc_method_handler(
                self._greet,
                request_deserializer=pb.ProviderHandshakeRequest.FromString,
                response_serializer=pb.ProviderHandshakeResponse.SerializeToString,
            )
        return grpc.unary_unary_rpc_method_handler(partial(self._wait, call))

    def _found(self, call: grpc.HandlerCallDetails) -> Any:
        return next((found for one in self._handlers if (found := one.service(call))), None)

    async def _greet(self, request: pb.ProviderHandshakeRequest, _context: Any) -> pb.ProviderHandshakeResponse:
        self.greeted.append(request.engine_address)
        return WELCOME

    async def _wait(self, call: grpc.HandlerCallDetails, request: bytes, context: Any) -> bytes:
        """Hand a call on, as it came, once there is what answers it."""
        await self._there.wait()
        handler = self._found(call)
        if handler is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"there is no {call.method}")
        answer = await handler.unary_unary(handler.request_deserializer(request), context)
        return bytes(handler.response_serializer(answer))
