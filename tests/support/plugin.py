"""The plugin as a process of its own, spoken to by gRPC without an engine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from image_assets.protocol import wire

URN = "urn:pulumi:dev::proj::image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::app"


class RefusedError(Exception):
    """An RPC ended with another status than OK."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.code = error.code()


@dataclass
class Plugin:
    """A running plugin.

    Attributes:
        process: The process.
        stub: Its provider service.
    """

    process: "subprocess.Popen[str]"
    stub: Any = field(repr=False)

    def configure(self, **settings: Any) -> None:
        """Configure it; non-text settings as JSON texts, as the engine sends them."""
        self.call("Configure", pb.ConfigureRequest(args=wire.encode(settings)))

    def check(self, news: Mapping[str, Any], urn: str = URN) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the checked inputs, and the failures by property."""
        answer = self.call("Check", pb.CheckRequest(urn=urn, news=wire.encode(news)))
        return wire.decode(answer.inputs), dict(map(_told, answer.failures))

    def create(self, news: Mapping[str, Any], urn: str = URN, *, preview: bool = False) -> dict[str, Any]:
        """Check and create, and return the outputs."""
        inputs, failures = self.check(news, urn)
        assert failures == {}
        request = pb.CreateRequest(urn=urn, properties=wire.encode(inputs), preview=preview)
        return wire.decode(self.call("Create", request).properties)

    def diff(self, olds: Mapping[str, Any], news: Mapping[str, Any], outputs: Mapping[str, Any]) -> list[str]:
        """Return the paths that differ."""
        request = pb.DiffRequest(
            urn=URN, old_inputs=wire.encode(olds), news=wire.encode(news), olds=wire.encode(outputs)
        )
        return sorted(self.call("Diff", request).detailedDiff)

    def read(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the outputs now, None if the image is gone."""
        request = pb.ReadRequest(
            id=outputs["imageUri"], urn=URN, inputs=wire.encode(inputs), properties=wire.encode(outputs)
        )
        answer = self.call("Read", request)
        return wire.decode(answer.properties) if answer.id else None

    def delete(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Delete it."""
        request = pb.DeleteRequest(
            id=outputs["imageUri"], urn=URN, old_inputs=wire.encode(inputs), properties=wire.encode(outputs)
        )
        self.call("Delete", request)

    def call(self, method: str, request: Any) -> Any:
        """Call any RPC."""
        try:
            return getattr(self.stub, method)(request, timeout=120)
        except grpc.RpcError as error:
            raise RefusedError(error) from error


def _told(failure: pb.CheckFailure) -> tuple[str, str]:
    """Return path and reason; the path stands in the text where the engine has no value to print beside it."""
    path, _, reason = failure.reason.partition(": ")
    return (failure.property, failure.reason) if failure.property or not reason else (path, reason)


@contextmanager
def running(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Plugin]:
    """Start the plugin in a program's folder, with nobody listening to its log."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from image_assets.plugin.server import main; main()"],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
        yield Plugin(process, provider_pb2_grpc.ResourceProviderStub(channel))
        channel.close()
    finally:
        process.kill()
        process.communicate()
