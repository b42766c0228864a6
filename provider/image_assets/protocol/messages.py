"""The messages and services of Pulumi's protocol, as the installed `pulumi` package has them.

Its folder of generated modules is loaded as a package of its own: `import pulumi.runtime.proto` would run the whole
SDK, which takes longer to start than everything else here together. Messages generated here instead would need copies
of the protocol's sources, and would clash with the SDK's in protobuf's one pool wherever both are loaded.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

_PACKAGE = "_pulumi_protocol"


def _load(name: str) -> ModuleType:
    if _PACKAGE not in sys.modules:
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(_folder())]
        sys.modules[_PACKAGE] = package
    return import_module(f"{_PACKAGE}.{name}")


def _folder() -> Path:
    """Return where the generated modules are; finding a package does not run it."""
    spec = find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package pulumi is not installed", name="pulumi")
    return Path(spec.submodule_search_locations[0]) / "runtime" / "proto"


if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        errors_pb2,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        resource_pb2,
        resource_pb2_grpc,
        status_pb2,
    )
else:
    engine_pb2 = _load("engine_pb2")
    engine_pb2_grpc = _load("engine_pb2_grpc")
    errors_pb2 = _load("errors_pb2")
    plugin_pb2 = _load("plugin_pb2")
    provider_pb2 = _load("provider_pb2")
    provider_pb2_grpc = _load("provider_pb2_grpc")
    resource_pb2 = _load("resource_pb2")
    resource_pb2_grpc = _load("resource_pb2_grpc")
    status_pb2 = _load("status_pb2")

__all__ = [
    "CHANNEL_OPTIONS",
    "engine_pb2",
    "engine_pb2_grpc",
    "errors_pb2",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "resource_pb2",
    "resource_pb2_grpc",
    "status_pb2",
]

_MAX_MESSAGE = 400 * 1024 * 1024

#: Messages as large as the engine's (Pulumi: rpcutil), and never through the proxy of `http_proxy`: all is local.
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    ("grpc.enable_http_proxy", 0),
)
