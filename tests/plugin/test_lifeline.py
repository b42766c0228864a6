"""Noticing that the engine is gone where the parent lives on, as the language host of a plugin from source does."""

import asyncio
import socket

import pytest

from image_assets.plugin.lifeline import watch_engine


async def watched(listener: socket.socket, seconds: float) -> bool:
    """Say whether the engine behind the listener was missed within some seconds."""
    gone = asyncio.Event()
    port = listener.getsockname()[1]
    watch = asyncio.ensure_future(watch_engine(f"127.0.0.1:{port}", gone.set))
    try:
        async with asyncio.timeout(seconds):
            await gone.wait()
    except TimeoutError:
        return False
    finally:
        watch.cancel()
    return True


def test_an_engine_that_listens_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not asyncio.run(watched(listener, 5))


def test_an_engine_that_listens_no_more_is_gone() -> None:
    async def close_then_watch() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            asyncio.get_running_loop().call_later(1, listener.close)
            return await watched(listener, 9)

    assert asyncio.run(close_then_watch())


@pytest.mark.parametrize("address", ["", "unix:/somewhere"])
def test_an_address_of_another_kind_tells_nothing(address: str) -> None:
    async def watch() -> bool:
        gone = asyncio.Event()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await watch_engine(address, gone.set)
        return gone.is_set()

    assert not asyncio.run(watch())
