"""Serving: the plugin tells its port, loads what answers, and ends with the engine."""

import asyncio
import gc
import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import grpc.aio

from image_assets.plugin.jobs import SECONDS_TO_CLEAN_UP
from image_assets.plugin.later import Later
from image_assets.plugin.lifeline import watch_engine
from image_assets.protocol.messages import CHANNEL_OPTIONS, provider_pb2_grpc

if TYPE_CHECKING:
    from image_assets.plugin.servicer import Servicer

#: Nobody kills a plugin whose engine was killed.
SECONDS_ALONE = 6.0
#: What ends the plugin, and how many seconds it then has; a hangup is the end of the terminal, and of the engine.
SIGNALS = {signal.SIGINT: SECONDS_TO_CLEAN_UP, signal.SIGTERM: SECONDS_TO_CLEAN_UP, signal.SIGHUP: SECONDS_ALONE}


def run(address: str) -> None:
    """Serve the engine at an address, or whoever attaches if there is none; the process ends with it."""
    asyncio.run(serve(address))


async def serve(address: str) -> None:
    """Serve until the engine lets go."""
    loop = asyncio.get_running_loop()
    server, later = grpc.aio.server(options=CHANNEL_OPTIONS), Later()
    server.add_generic_rpc_handlers((later,))
    port = server.add_insecure_port("127.0.0.1:0")
    stopped: asyncio.Future[float] = loop.create_future()

    def stop(seconds: float) -> None:
        if not stopped.done():
            stopped.set_result(seconds)

    for number, seconds in SIGNALS.items():
        # What nohup(1) ignores stays ignored. A shell's background jobs ignore the interrupt, which the engine sends.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop, seconds)
    await server.start()
    # The first line of the output is how the engine learns the port.
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    servicer = await _servicer(address, later)
    # What is loaded stays: it need not be gone through again and again.
    gc.freeze()
    gc.enable()
    threading.Thread(target=_sweep, daemon=True).start()
    watch = asyncio.ensure_future(watch_engine(address, partial(stop, SECONDS_ALONE))) if address else None
    await servicer.wind_down(await stopped)
    if watch:
        watch.cancel()
    from image_assets.programs.if_killed import call_off_all  # noqa: PLC0415 - the port comes first

    call_off_all()
    # Components that wait for a child that failed would hold the process up, and so would threads in a connect.
    os._exit(0)


async def _servicer(address: str, later: Later) -> "Servicer":
    """Load what answers, beside the loop: the handshake is answered meanwhile."""
    # It takes longer than all before the port.
    module = await asyncio.to_thread(import_module, "image_assets.plugin.servicer")
    servicer: Servicer = module.Servicer(address)
    for engine in later.greeted:
        servicer.connect(engine)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, later)  # type: ignore[arg-type] # it calls two methods
    return servicer


def _sweep() -> None:
    from image_assets.own_folder import sweep_folders  # noqa: PLC0415 - the port comes first

    sweep_folders()
