"""A stand-in for pulumi-docker: `docker.Container`, over the real docker engine.

A container's image cannot change in place, so a new image replaces the container, as with the real plugin.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

VERSION = "5.2.0"
TOKEN = "docker:index/container:Container"


def docker(*arguments: str) -> str:
    """Run a docker command and return what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Pulumi's provider protocol for one resource type."""

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        """Be a version of pulumi-docker."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> pb.GetSchemaResponse:
        """Describe the resource."""
        text = {"type": "string"}
        resource = {"inputProperties": {"image": text, "name": text}, "properties": {"image": text, "name": text}}
        schema = {
            "name": "docker",
            "version": VERSION,
            "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
            "resources": {TOKEN: {**resource, "required": ["image", "name"], "requiredInputs": ["image"]}},
        }
        return pb.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: Any) -> pb.CheckResponse:
        """Take any configuration."""
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> pb.DiffResponse:
        """Never replace."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:
        """Nothing to learn."""
        return pb.ConfigureResponse()

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:
        """Make up a name where none is given."""
        news = _plain(request.news)
        made = f"{request.urn.rpartition('::')[2]}-{request.randomSeed.hex()[:7]}"
        news.setdefault("name", _plain(request.olds).get("name") or made)
        return pb.CheckResponse(inputs=_struct(news))

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:
        """Replace for any change, deleting first: a name is taken once."""
        olds, news = _plain(request.old_inputs), _plain(request.news)
        changed = [key for key in ("image", "name") if olds.get(key) != news.get(key)]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=changed,
            deleteBeforeReplace=True,
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:
        """Pull the image and run it."""
        props = _plain(request.properties)
        try:
            found = docker("run", "--detach", "--pull", "always", "--name", props["name"], props["image"])
        except subprocess.CalledProcessError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.stderr)
        return pb.CreateResponse(id=found, properties=_struct(props))

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:
        """Say whether the container is there."""
        if not docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"id={request.id}"):
            return pb.ReadResponse()
        return pb.ReadResponse(id=request.id, inputs=request.inputs, properties=request.properties)

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Stop and remove the container."""
        docker("rm", "--force", "--volumes", request.id)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Nothing to stop."""
        return empty_pb2.Empty()


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return dict(json_format.MessageToDict(struct))


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def main() -> None:
    """Serve until the engine ends this process; the first line on stdout is the port."""
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
