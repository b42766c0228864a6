"""From a type or method token to what answers it."""

from collections.abc import Awaitable, Callable, Mapping

from image_assets.components import assets, repository
from image_assets.components.component import OWN_PACKAGE, Component
from image_assets.components.deployment import Deployment
from image_assets.components.grants import call_method
from image_assets.components.options import Options
from image_assets.protocol.messages import provider_pb2 as pb
from image_assets.protocol.outputs import Output
from image_assets.protocol.wire import decode_outputs
from image_assets.values import reveal

Maker = Callable[[Component, Mapping[str, Output]], Awaitable[Component]]

MAKERS: Mapping[str, Maker] = {
    f"{OWN_PACKAGE}DockerImageAsset": assets.make_asset,
    f"{OWN_PACKAGE}TarballImageAsset": assets.make_asset,
    repository.TOKEN: repository.make_repository,
}


async def construct(request: pb.ConstructRequest, deployment: Deployment) -> Component:
    """Make a component.

    Raises:
        InputError: With every problem of the inputs.
        MonitorError: The engine refused a registration.
        MonitorGoneError: The deployment is over.
    """
    inputs = decode_outputs(request.inputs, request.inputDependencies)
    new = Component(deployment, request.type, request.name, options=Options(request))
    return await MAKERS[request.type](new, inputs)


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
    component = Component(deployment, token, urn.split("::", 3)[3], urn, outputs=outputs)
    return await call_method(component, method, args)


def _urn_of(component: Output) -> str:
    """Return the URN in a reference to a resource; hosts that know no references send the URN itself."""
    reference = reveal(component.value)
    return str(reference["urn"] if isinstance(reference, Mapping) else reference)
