"""What the stand-ins for other providers' plugins share: the plain half of Pulumi's provider protocol."""

# ruff: noqa: N802 - the methods' names are gRPC's

import json
import os
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

Props = dict[str, Any]


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """A plugin that takes any configuration and has nothing to stop.

    Args:
        schema: The package's schema, with its version.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        """Be the version that the SDK asks for."""
        return plugin_pb2.PluginInfo(version=self._schema["version"])

    def GetSchema(self, request: Any, context: Any) -> pb.GetSchemaResponse:
        """Describe the resources: YAML programs need it."""
        return pb.GetSchemaResponse(schema=json.dumps(self._schema))

    def CheckConfig(self, request: Any, context: Any) -> pb.CheckResponse:
        """Take any configuration."""
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> pb.DiffResponse:
        """Never replace."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:
        """Learn nothing."""
        return pb.ConfigureResponse()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Nothing to stop."""
        return empty_pb2.Empty()


def made_name(request: Any) -> str:
    """Return the name that a resource gets where its program gives none, the same one for each Check of one step."""
    return f"{request.urn.rpartition('::')[2]}-{request.randomSeed.hex()[:7]}"


def plain(struct: struct_pb2.Struct) -> Props:
    """Return values as Python's own."""
    return dict(json_format.MessageToDict(struct))


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return values as the protocol has them."""
    made = struct_pb2.Struct()
    made.update(values)
    return made


def serve(plugin: provider_pb2_grpc.ResourceProviderServicer) -> None:
    """Serve until the engine ends this process; the first line on stdout is the port."""
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
