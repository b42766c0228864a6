"""A stand-in for pulumi-kubernetes: `apps/v1:Deployment`, in a cluster that is a folder with a file for each object.

The folder is that of `KUBECONFIG`. A deployment is ready once its images were pulled, as with the real plugin.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from tests.fakes.docker_plugin import docker
from tests.fakes.plugins import Props, StandIn, made_name, plain, serve, struct

_ANYTHING = {"$ref": "pulumi.json#/Any"}
_OBJECT = {
    "apiVersion": {"type": "string", "const": "apps/v1"},
    "kind": {"type": "string", "const": "Deployment"},
    "metadata": _ANYTHING,
    "spec": _ANYTHING,
}
SCHEMA = {
    "name": "kubernetes",
    "version": "4.34.2",
    "meta": {"moduleFormat": "(.*)"},
    "resources": {"kubernetes:apps/v1:Deployment": {"inputProperties": _OBJECT, "properties": _OBJECT}},
}


def images(deployment: Props) -> list[str]:
    """Return the images of a deployment's containers."""
    return [container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]]


class Plugin(StandIn):
    """Pulumi's provider protocol for one resource type."""

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:
        """Make up a name where none is given."""
        news, olds = plain(request.news), plain(request.olds)
        name = (olds.get("metadata") or {}).get("name") or made_name(request)
        news["metadata"] = {"name": name, "namespace": "default", **news.get("metadata", {})}
        return pb.CheckResponse(inputs=struct(news))

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:
        """Change in place, naming each image that differs."""
        olds, news = plain(request.old_inputs), plain(request.news)
        changed = [key for key in ("metadata", "spec") if olds.get(key) != news.get(key)]
        pairs = enumerate(zip(images(olds), images(news), strict=False))
        paths = [f"spec.template.spec.containers[{at}].image" for at, (old, new) in pairs if old != new]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            hasDetailedDiff=bool(paths),
            detailedDiff={path: pb.PropertyDiff(kind=pb.PropertyDiff.UPDATE, inputDiff=True) for path in paths},
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:
        """Roll it out."""
        props = _rolled_out(plain(request.properties), context)
        metadata = props["metadata"]
        return pb.CreateResponse(id=f"{metadata['namespace']}/{metadata['name']}", properties=struct(props))

    def Update(self, request: Any, context: Any) -> pb.UpdateResponse:
        """Roll it out."""
        return pb.UpdateResponse(properties=struct(_rolled_out(plain(request.news), context)))

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Remove it."""
        _file(plain(request.properties)).unlink()
        return empty_pb2.Empty()


def _rolled_out(deployment: Props, context: Any) -> Props:
    try:
        for image in images(deployment):
            docker("pull", image)
    except subprocess.CalledProcessError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"ImagePullBackOff: {error.stderr}")
    _file(deployment).write_text(json.dumps(deployment))
    return deployment


def _file(deployment: Props) -> Path:
    return Path(os.environ["KUBECONFIG"]).parent / f"{deployment['metadata']['name']}.json"


def main() -> None:
    """Serve."""
    serve(Plugin(SCHEMA))
