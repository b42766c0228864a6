"""The deployment that Construct and Call serve: its monitor and engine, connected and questioned once.

The SDK would connect to both anew for every component, and ask an older engine's monitor ten questions each time.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
import pulumi.runtime
from pulumi.runtime import settings as sdk
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from image_assets.secrets import Secrets


@dataclass
class Deployment:
    """One running deployment.

    Attributes:
        monitor: Takes registrations (resource.proto).
        engine: Takes log lines (engine.proto).
        features: What the monitor can do; asked by the first component, waited for by the others.
    """

    monitor: Any
    engine: Any
    features: "asyncio.Future[set[Any]] | None" = None

    async def enter(self, request: pb.ConstructRequest | pb.CallRequest) -> None:
        """Point the SDK's settings, which are of the current RPC alone, at this deployment."""
        sdk.ROOT.set(None)
        sdk.configure(
            sdk.Settings(
                monitor=self.monitor,
                engine=self.engine,
                organization=request.organization or "organization",
                project=request.project or None,
                stack=request.stack or None,
                parallel=request.parallel or None,
                dry_run=request.dryRun,
            )
        )
        if self.features is None:
            self.features = asyncio.ensure_future(_ask_features())
        sdk.SETTINGS.monitor_features = await self.features
        pulumi.runtime.config.set_all_config(dict(request.config), list(request.configSecretKeys))


class Terse:
    """An engine that the SDK's debug lines do not reach.

    The SDK sends several for each resource, each in a call that the event loop waits for: for fifty assets that is half
    of the loop's time.
    """

    def __init__(self, engine: Any, secrets: Secrets) -> None:
        self.engine = engine
        self.secrets = secrets

    def __getattr__(self, name: str) -> Any:
        """Hand everything else on."""
        return getattr(self.engine, name)

    def Log(self, request: engine_pb2.LogRequest) -> Any:  # noqa: N802 - the protocol's name
        """Send a line without secrets, unless it is for debugging."""
        if request.severity == engine_pb2.DEBUG:
            return None
        request.message = self.secrets.mask(request.message)
        return self.engine.Log(request)


def connect(monitor_address: str, engine_address: str, secrets: Secrets) -> Deployment:
    """Connect to a deployment."""
    monitor = grpc.insecure_channel(monitor_address, options=_GRPC_CHANNEL_OPTIONS)
    engine = grpc.insecure_channel(engine_address, options=_GRPC_CHANNEL_OPTIONS)
    return Deployment(
        resource_pb2_grpc.ResourceMonitorStub(monitor), Terse(engine_pb2_grpc.EngineStub(engine), secrets)
    )


async def _ask_features() -> set[Any]:
    await sdk._load_monitor_feature_support()  # type: ignore[no-untyped-call] # noqa: SLF001 - the SDK has no public way
    return set(sdk.SETTINGS.monitor_features)
