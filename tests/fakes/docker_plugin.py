"""A stand-in for pulumi-docker: `docker.Container`, over the real docker engine.

A container's image cannot change in place, so a new image replaces the container, as with the real plugin.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import subprocess
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from tests.fakes.plugins import StandIn, made_name, plain, serve, struct

_TEXTS = {"image": {"type": "string"}, "name": {"type": "string"}}
_CONTAINER = {"inputProperties": _TEXTS, "properties": _TEXTS, "required": [*_TEXTS], "requiredInputs": ["image"]}
SCHEMA = {
    "name": "docker",
    "version": "5.2.0",
    "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
    "resources": {"docker:index/container:Container": _CONTAINER},
}


def docker(*arguments: str) -> str:
    """Run a docker command and return what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


class Plugin(StandIn):
    """Pulumi's provider protocol for one resource type."""

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:
        """Make up a name where none is given."""
        news = plain(request.news)
        news.setdefault("name", plain(request.olds).get("name") or made_name(request))
        return pb.CheckResponse(inputs=struct(news))

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:
        """Replace for any change, deleting first: a name is taken once."""
        olds, news = plain(request.old_inputs), plain(request.news)
        changed = [key for key in ("image", "name") if olds.get(key) != news.get(key)]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=changed,
            deleteBeforeReplace=True,
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:
        """Pull the image and run it."""
        props = plain(request.properties)
        try:
            found = docker("run", "--detach", "--pull", "always", "--name", props["name"], props["image"])
        except subprocess.CalledProcessError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.stderr)
        return pb.CreateResponse(id=found, properties=struct(props))

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:
        """Say whether the container is there."""
        if not docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"id={request.id}"):
            return pb.ReadResponse()
        return pb.ReadResponse(id=request.id, inputs=request.inputs, properties=request.properties)

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Stop and remove the container."""
        docker("rm", "--force", "--volumes", request.id)
        return empty_pb2.Empty()


def main() -> None:
    """Serve."""
    serve(Plugin(SCHEMA))
