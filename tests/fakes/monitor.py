"""A resource monitor that records what is registered, as the engine's own would take it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

from image_assets.protocol import wire

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@dataclass
class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Gives every resource its inputs as outputs.

    Attributes:
        preview: Whether ids and the outputs in `made` are still unknown.
        made: Outputs that resources get beside their inputs, by type.
        refused: The status and text with which every registration of a type ends.
        held: The types whose registrations are not answered before `release`.
        registered: The requests, in their order.
        outputs: What components registered as outputs, by URN.
        invoked: The questions, in their order.
    """

    preview: bool = False
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, tuple[grpc.StatusCode, str]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)
    registered: list[resource_pb2.RegisterResourceRequest] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    invoked: list[resource_pb2.ResourceInvokeRequest] = field(default_factory=list)
    address: str = ""
    _asked: dict[str, threading.Event] = field(default_factory=dict, repr=False)

    def asked_for(self, token: str) -> threading.Event:
        """Return what is set once a registration of a type has come in."""
        return self._asked.setdefault(token, threading.Event())

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest, context: Any) -> Any:  # noqa: N802
        self.asked_for(request.type).set()
        if request.type in self.held:
            self.release.wait(60)
        if request.type in self.refused:
            context.abort(*self.refused[request.type])
        self.registered.append(request)
        given = wire.decode(request.object)
        made = {} if self.preview else self.made.get(request.type, {})
        return resource_pb2.RegisterResourceResponse(
            urn=urn(request.type, request.name, request.parent),
            id="" if self.preview or not request.custom else f"id-of-{request.name}",
            object=wire.encode({**given, **made}),
        )

    def RegisterResourceOutputs(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self.outputs[request.urn] = wire.decode(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest, context: Any) -> Any:  # noqa: N802
        self.invoked.append(request)
        if request.tok == "pulumi:pulumi:getResource":
            asked = wire.decode(request.args)["urn"]
            answer: dict[str, Any] = {"urn": asked, "id": "", "state": self.outputs[asked]}
        else:
            answer = {"proxyEndpoint": f"https://{HOST}"}
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(wire.encode(answer))
        return response

    def one(self, token: str) -> resource_pb2.RegisterResourceRequest:
        """Return the only registration of a type."""
        (found,) = [request for request in self.registered if request.type == token]
        return found

    def inputs(self, token: str) -> dict[str, Any]:
        """Return the inputs of the only resource of a type."""
        return wire.decode(self.one(token).object)


def urn(token: str, name: str, parent: str = "") -> str:
    """Return the URN that the engine would give."""
    kinds = f"{parent.split('::')[2]}${token}" if parent else token
    return f"urn:pulumi:dev::proj::{kinds}::{name}"


@contextmanager
def running(monitor: Monitor) -> Iterator[Monitor]:
    """Serve it."""
    server = grpc.server(ThreadPoolExecutor(64))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    monitor.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield monitor
    finally:
        server.stop(None)
