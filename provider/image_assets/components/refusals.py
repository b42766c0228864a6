"""How a component that cannot be made, and a method that cannot be called, say so.

A Construct that fails ends its program with an exception, whose traceback stands beside the real error; a Call that
fails accuses the stack, and does not say on which resource. A resource whose check refuses it ends the deployment
quietly. So the engine is asked to register a resource, and the check of that one tells what is wrong: one of the
component's own URN, or one within it that has the method's name for its type.
"""

from collections.abc import Mapping

from image_assets.components.component import Component, urn_of
from image_assets.components.deployment import Deployment
from image_assets.components.options import Options, Request
from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import AssetError, InputError
from image_assets.protocol.messages import provider_pb2
from image_assets.protocol.outputs import Output

ConstructRequest = provider_pb2.ConstructRequest

#: What the type of a component ends with that fails without a fault of its inputs.
FAULT = "/failure"


async def tell(component: Component, given: Mapping[str, Output], error: AssetError) -> None:
    """Let the check of a component that is not registered yet tell why it cannot be made.

    Returns only where the engine asks for no check, as in a destroy.

    Raises:
        MonitorGoneError: It was told, and the deployment is over.
    """
    await _refused(component, component.options.component(component.token, component.name), given, error)


async def tell_of_call(component: Component, method: str, args: Mapping[str, Output], error: AssetError) -> None:
    """Let a check tell why a method of a component cannot be called; see `tell`.

    Raises:
        MonitorGoneError: It was told, and the deployment is over.
    """
    request = Request(type=f"{component.token}/{method}", name=component.name, parent=component.urn)
    await _refused(component, request, args, error)


async def tell_of_fault(request: ConstructRequest, deployment: Deployment, text: str) -> None:
    """Let a check tell why a component could not be finished, whether it is registered or not; see `tell`.

    Raises:
        MonitorGoneError: It was told, and the deployment is over.
    """
    component = Component(deployment, f"{request.type}{FAULT}", request.name, options=Options(request))
    await tell(component, {}, InputError.single("", text))


async def _refused(component: Component, request: Request, given: Mapping[str, Output], error: AssetError) -> None:
    instance, place = component.deployment.instance, component.deployment
    urn = urn_of(place.project, place.stack, request.parent, request.type, request.name)
    instance.refused[urn] = error if isinstance(error, InputError) else InputError.single("", str(error))
    request.custom = True
    request.provider = instance.reference
    await place.monitor.register(request, given)


class Refusals:
    """The "resource type" of components that cannot be made (see `CustomResource`).

    Args:
        refused: What is wrong, by URN.
    """

    def __init__(self, refused: Mapping[str, InputError]) -> None:
        self._refused = refused

    def check(self, job: Job, olds: Values, news: Values) -> Values:  # noqa: ARG002 - the protocol's parameters
        """Tell what is wrong."""
        raise self._refused.get(job.urn) or InputError.single("", "this is a component and cannot be made alone")

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:  # noqa: ARG002 - same
        """Find nothing."""
        return ()

    def create(self, job: Job, inputs: Values) -> State:  # noqa: ARG002 - same
        """Never make it."""
        raise self._refused.get(job.urn) or InputError.single("", "this is a component and cannot be made alone")

    def read(self, job: Job, old: State) -> State | None:  # noqa: ARG002 - same
        """Leave it as it is."""
        return old

    def update(self, job: Job, old: State, news: Values) -> Values:  # noqa: ARG002 - same
        """Leave it as it is."""
        return old.outputs

    def delete(self, job: Job, old: State) -> None:
        """Leave everything to the children: a component is nothing but them."""
