"""Plugin processes by the hundred: each is forked from one that has loaded the code, and starts as a new one does.

A plugin's memory lasts for one preview or one update. Who plays hundreds of those cannot wait for Python each time.
"""

import gc
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from image_assets.protocol.messages import CHANNEL_OPTIONS

#: What a plugin loads after its start, if it does anything at all.
LOADED = (
    "encodings.idna",
    "grpc._channel",
    "image_assets.archive.opened",
    "image_assets.docker.run",
    "image_assets.ignore.docker",
    "image_assets.oci.tls_failures",
    "image_assets.oci.transport",
    "image_assets.oci.trust",
    "image_assets.plugin.servicer",
    "image_assets.publishing.publisher",
    "image_assets.publishing.replicator",
    "isal.isal_zlib",
    "stringprep",
    "urllib3",
)


class Nursery:
    """The process that the others are forked from."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "tests.fakes.nursery"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def plugin(self, folder: Path, engine: str) -> Iterator[Any]:
        """Start a plugin in a program's folder, and end it.

        Args:
            folder: Its working directory.
            engine: The address of the engine that it serves.

        Yields:
            The stub of its provider service.
        """
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.write(f"{folder}\t{engine}\n")
        self._parent.stdin.flush()
        process, port = (int(self._parent.stdout.readline()) for _ in range(2))
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            os.kill(process, signal.SIGKILL)

    def close(self) -> None:
        """End it."""
        self._parent.kill()
        self._parent.communicate()


def main() -> None:
    """Fork a plugin for each line on stdin; the plugin tells its process and its port on stdout."""
    for module in LOADED:
        importlib.import_module(module)
    from image_assets.plugin import server, serving  # noqa: F401, PLC0415 - what is to be loaded before the fork

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            folder, engine = line.rstrip("\n").split("\t")
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.chdir(folder)
            sys.stdin.close()
            sys.argv = ["pulumi-resource-image-assets", engine]
            sys.stdout.write(f"{os.getpid()}\n")
            server.main()


if __name__ == "__main__":
    main()
