"""Calls that come before the service that answers them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import empty_pb2

from image_assets.plugin.later import WELCOME, Later
from image_assets.protocol.messages import plugin_pb2, provider_pb2, provider_pb2_grpc


class Told(provider_pb2_grpc.ResourceProviderServicer):
    """A service that answers one call."""

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802 - Pulumi's name
        return plugin_pb2.PluginInfo(version="1.2.3")


Stub = Any


def with_server(play: Callable[[Later, Stub], Awaitable[None]]) -> None:
    async def run() -> None:
        server, later = grpc.aio.server(), Later()
        server.add_generic_rpc_handlers((later,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await asyncio.wait_for(play(later, provider_pb2_grpc.ResourceProviderStub(channel)), 20)
        await server.stop(None)

    asyncio.run(run())


def add(later: Later) -> None:
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Told(), later)  # type: ignore[arg-type] # two methods are enough


def test_the_handshake_is_answered_before_the_service_is_there_and_all_else_waits() -> None:
    async def play(later: Later, stub: Stub) -> None:
        asked = asyncio.ensure_future(stub.GetPluginInfo(empty_pb2.Empty()))
        answer = await stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:9"))
        assert (answer, later.greeted) == (WELCOME, ["127.0.0.1:9"])
        assert not asked.done()
        add(later)
        assert (await asked).version == "1.2.3"
        assert (await stub.GetPluginInfo(empty_pb2.Empty())).version == "1.2.3"
        assert later.greeted == ["127.0.0.1:9"]

    with_server(play)


def test_what_no_service_answers_is_refused_before_and_after_it_is_there() -> None:
    """The engine's older way to see whether a plugin lives is a call of no method at all."""

    async def refused(call: Callable[..., Awaitable[Any]]) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(empty_pb2.Empty())
        return caught.value.code()

    async def play(later: Later, stub: Stub) -> None:
        asked = asyncio.ensure_future(refused(stub.GetSchema))
        assert (await stub.Handshake(provider_pb2.ProviderHandshakeRequest())) == WELCOME
        add(later)
        assert await asked == await refused(stub.GetSchema) == grpc.StatusCode.UNIMPLEMENTED

    with_server(play)
