"""The plugin's process: it starts, tells its port, and ends with the engine."""

import asyncio
import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import grpc.aio

from image_assets import __version__
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


def engine_address(arguments: list[str]) -> str:
    """Return the engine's address: the last argument that is no flag; flags such as --tracing come before it."""
    positional = [argument for argument in arguments if not argument.startswith("-")]
    return positional[-1] if positional else ""


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


USAGE = """\
pulumi-resource-image-assets: the Pulumi provider image-assets. Pulumi starts it; there is nothing to do by hand.

usage: pulumi-resource-image-assets [--help | --version | ENGINE_ADDRESS]
"""


def answer_people(arguments: list[str]) -> str | None:
    """Return what a person asks for, who has started the plugin by hand."""
    if {"--help", "-h", "help"} & set(arguments):
        return USAGE
    return f"{__version__}\n" if {"--version", "version"} & set(arguments) else None


def main() -> None:
    """Run the plugin: `pulumi-resource-image-assets [flags] ENGINE_ADDRESS`."""
    if text := answer_people(sys.argv[1:]):
        sys.stdout.write(text)
        return
    if sys.getfilesystemencoding() != "utf-8":
        # Patterns and names of files must mean the same everywhere, whatever the locale is (PEP 540).
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
    asyncio.run(serve(engine_address(sys.argv[1:])))
