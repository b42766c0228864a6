"""The engine's resource monitor (resource.proto): what components register with it and ask of it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import grpc
import grpc.aio

from image_assets.errors import AssetError
from image_assets.frozen import dataclass
from image_assets.protocol import wire
from image_assets.protocol.messages import CHANNEL_OPTIONS, resource_pb2, resource_pb2_grpc
from image_assets.protocol.outputs import Output
from image_assets.values import UNKNOWN

#: What a provider answers comes through the monitor with the provider's own status; this is how the monitor begins it.
_INVOKED = "invocation of "


class MonitorError(AssetError):
    """The engine refused a registration or a question of a component."""


class MonitorGoneError(Exception):
    """The engine takes no more registrations: the deployment has failed elsewhere, or was cancelled."""


@dataclass(frozen=True)
class Resource:
    """A registered resource.

    Attributes:
        urn: Its URN.
        id: Its id, `UNKNOWN` if it is not made yet; of a component, the empty string.
        outputs: What the engine told of its outputs.
        missing: What each other output is: unknown in a preview or after a failure, else nothing.
    """

    urn: str
    id: Any = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    missing: Any = None

    def output(self, name: str) -> Output:
        """Return one of its outputs; whoever takes it depends on this resource."""
        return Output(self.outputs.get(name, self.missing), frozenset({self.urn}))

    @property
    def id_output(self) -> Output:
        """The id; whoever takes it depends on this resource."""
        return Output(self.id, frozenset({self.urn}))


@dataclass(frozen=True)
class Monitor:
    """The resource monitor of one deployment.

    Attributes:
        stub: Its service.
        preview: Whether the deployment is a preview.
        failed: What could not be made in a deployment that goes on nevertheless (`--continue-on-error`), and the
            components that it is in, each with the URN of the resource that failed.
    """

    stub: Any = field(repr=False)
    preview: bool = False
    failed: dict[str, str] = field(default_factory=dict, repr=False)

    async def register(self, request: resource_pb2.RegisterResourceRequest, inputs: Mapping[str, Output]) -> Resource:
        """Register a resource; returns when the engine has finished its step.

        Args:
            request: Type, name and options.
            inputs: The properties; those without a value are left out.

        Raises:
            MonitorError: The engine refused it.
            MonitorGoneError: The deployment is over.
        """
        given = {key: output for key, output in inputs.items() if output.value is not None}
        request.object.CopyFrom(wire.encode({key: output.value for key, output in given.items()}))
        for key, output in given.items():
            request.propertyDependencies[key].urns.extend(sorted(output.dependencies))
        everything = frozenset(request.dependencies).union(*(output.dependencies for output in given.values()))
        request.dependencies[:] = sorted(everything)
        request.acceptSecrets = request.acceptResources = True
        request.supportsPartialValues = request.supportsResultReporting = True
        answer = await _asked(self.stub.RegisterResource(request))
        failed = answer.result != resource_pb2.SUCCESS
        if failed:
            self.failed[answer.urn] = answer.urn
            self.failed.setdefault(request.parent, answer.urn)
        missing = UNKNOWN if failed or self.preview or answer.unknown else None
        known_id = (answer.id or UNKNOWN) if request.custom else ""
        return Resource(answer.urn, known_id, {} if failed else wire.decode(answer.object), missing)

    async def register_outputs(self, urn: str, outputs: Mapping[str, Output]) -> None:
        """Say what the outputs of a component are.

        Raises:
            MonitorGoneError: The deployment is over.
        """
        values = wire.encode({key: output.value for key, output in outputs.items() if output.value is not None})
        request = resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=values)
        await _asked(self.stub.RegisterResourceOutputs(request))

    async def invoke(self, token: str, arguments: Mapping[str, Any], provider: str = "") -> dict[str, Any]:
        """Call a function of any provider.

        Args:
            token: The function.
            arguments: Its arguments.
            provider: Which provider instance to ask (`URN::ID`); empty means the default one.

        Returns:
            Its result; empty while the provider's own configuration is unknown.

        Raises:
            MonitorError: It failed; with the provider's text.
            MonitorGoneError: The deployment is over.
        """
        request = resource_pb2.ResourceInvokeRequest(
            tok=token, args=wire.encode(arguments), provider=provider, acceptResources=True
        )
        answer = await _asked(self.stub.Invoke(request))
        if answer.failures:
            reasons = "; ".join(f"{failure.property}: {failure.reason}" for failure in answer.failures)
            raise MonitorError(f"{_INVOKED}{token} failed: {reasons}")
        return wire.decode(getattr(answer, "return"))

    async def outputs_of(self, urn: str) -> dict[str, Output]:
        """Return the outputs that a component registered earlier in this deployment.

        Raises:
            MonitorError: There is no such resource.
            MonitorGoneError: The deployment is over.
        """
        found = await self.invoke("pulumi:pulumi:getResource", {"urn": urn})
        return {key: Output(value, frozenset({urn})) for key, value in found["state"].items()}


def connect(address: str) -> Any:
    """Connect to the resource monitor at an address."""
    return resource_pb2_grpc.ResourceMonitorStub(grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS))


async def _asked(call: Any) -> Any:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        text = error.details() or error.code().name
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED) and not text.startswith(_INVOKED):
            raise MonitorGoneError(text) from error
        raise MonitorError(text) from error
