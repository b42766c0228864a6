"""From a type or method token to what answers it."""

from collections.abc import Mapping
from typing import Any

from image_assets.components import assets, refusals, repository
from image_assets.components.component import Component, urn_of
from image_assets.components.deployment import Deployment, Instance
from image_assets.components.grant_checks import TWINS, twin_problems
from image_assets.components.grants import call_method
from image_assets.components.options import Options
from image_assets.components.refusals import FAULT
from image_assets.errors import AssetError, Problem
from image_assets.inputs.grant_fields import CHAINED, GRANT_METHODS
from image_assets.protocol.messages import provider_pb2 as pb
from image_assets.protocol.outputs import Output
from image_assets.protocol.wire import decode_outputs
from image_assets.values import UNKNOWN, reveal

REPLICA = assets.REPLICA
COMPONENTS = (*assets.CHILDREN, repository.TOKEN)
#: What the engine is asked to check where a component or a method call is refused.
REFUSABLE = (
    *COMPONENTS,
    *(f"{token}{FAULT}" for token in COMPONENTS),
    *(f"{token}/{method}" for token in COMPONENTS for method in GRANT_METHODS),
)


def asset_problems(request: pb.ConstructRequest, inputs: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what is wrong with an asset's inputs that its image does not have."""
    declared = {key: inputs[key] for key in TWINS if inputs.get(key) is not None}
    return tuple(twin_problems(declared)) if request.type in assets.CHILDREN else ()


def image_urn(request: pb.ConstructRequest) -> str:
    """Return the URN of the image that a component makes; empty if it makes none."""
    if request.type not in assets.CHILDREN:
        return ""
    parents, mark, name = component_urn(request).rpartition("::")
    return f"{parents}${image_type(request.type)}{mark}{name}"


def image_type(kind: str) -> str:
    """Return the type of the child that has a component's image; empty if it has none."""
    return assets.CHILDREN.get(kind, ("", ""))[0]


def component_urn(request: pb.ConstructRequest) -> str:
    """Return the URN that the engine gives a component."""
    return urn_of(request.project, request.stack, request.parent, request.type, request.name)


def failed_sources(request: pb.ConstructRequest | pb.CallRequest, instance: Instance, *more: str) -> frozenset[str]:
    """Return the URNs of what failed among that which a component or a call depends on, these others included."""
    named = request.inputDependencies if isinstance(request, pb.ConstructRequest) else request.argDependencies
    direct = request.dependencies if isinstance(request, pb.ConstructRequest) else ()
    urns = {*more, *direct, *(urn for sources in named.values() for urn in sources.urns)}
    return frozenset(instance.failed[urn] for urn in urns & instance.failed.keys())


async def construct(
    request: pb.ConstructRequest, deployment: Deployment, failed: frozenset[str], *, is_sound: bool
) -> Component:
    """Make a component.

    Args:
        request: What the program declares.
        deployment: Where.
        failed: What it depends on and could not be made; see `failed_sources`.
        is_sound: Whether nothing is wrong with an asset's inputs; if something is, its image tells it.

    Raises:
        InputError: With every problem of the inputs.
        MonitorError: The engine refused a registration.
        MonitorGoneError: The deployment is over.
    """
    inputs = decode_outputs(request.inputs, request.inputDependencies)
    new = Component(deployment, request.type, request.name, options=Options(request, failed))
    if request.type == repository.TOKEN:
        return await repository.make_repository(new, inputs)
    return await assets.make_asset(new, inputs, is_sound=is_sound)


async def call(request: pb.CallRequest, deployment: Deployment) -> dict[str, Output]:
    """Call a method of a component that was made earlier in the deployment; the token is `TYPE/METHOD`.

    Raises:
        InputError: With every problem of the arguments.
        MonitorError: The engine refused a registration.
        MonitorGoneError: The deployment is over.
    """
    args = decode_outputs(request.args, request.argDependencies)
    token, _, method = request.tok.rpartition("/")
    urn = _urn_of(args.pop("__self__"))
    outputs = await deployment.monitor.outputs_of(urn)
    failed = failed_sources(request, deployment.instance, urn)
    if failed:
        outputs = dict.fromkeys(CHAINED, Output(UNKNOWN)) | outputs
    component = Component(deployment, token, urn.split("::", 3)[3], urn, Options(failed=failed), outputs=outputs)
    try:
        return await call_method(component, method, args)
    except AssetError as error:
        await refusals.tell_of_call(component, method, args, error)
        raise


def _urn_of(component: Output) -> str:
    """Return the URN in a reference to a resource; hosts that know no references send the URN itself."""
    reference = reveal(component.value)
    return str(reference["urn"] if isinstance(reference, Mapping) else reference)
