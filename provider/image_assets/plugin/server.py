"""The plugin's process: what it is started with, and for whom."""

import gc
import os
import sys

from image_assets import __version__

USAGE = """\
pulumi-resource-image-assets: the Pulumi provider image-assets. Pulumi starts it; there is nothing to do by hand.

usage: pulumi-resource-image-assets [--help | --version | ENGINE_ADDRESS]
"""


def engine_address(arguments: list[str]) -> str:
    """Return the engine's address: the last argument that is no flag; flags such as --tracing come before it."""
    positional = [argument for argument in arguments if not argument.startswith("-")]
    return positional[-1] if positional else ""


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
    # Nothing of what is loaded is garbage: looking for some takes a tenth of the start.
    gc.disable()
    _load_loop()
    from image_assets.plugin.serving import run  # noqa: PLC0415 - see above

    run(engine_address(sys.argv[1:]))


def _load_loop() -> None:
    """Load asyncio as on a Python without TLS, which takes longer to load than the rest of it; the engine has none."""
    if "ssl" not in sys.modules:
        # Of a module that is None here, an import fails (Python's import system, "The module cache").
        sys.modules["ssl"] = None  # type: ignore[assignment] # see above
        import asyncio  # noqa: F401, PLC0415 - see above

        del sys.modules["ssl"]
