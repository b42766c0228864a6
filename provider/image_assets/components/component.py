"""A component in the making, and one that was made."""

from collections.abc import Mapping
from dataclasses import field, replace

from image_assets.components.deployment import Deployment
from image_assets.components.options import Options, Request
from image_assets.frozen import dataclass
from image_assets.protocol.monitor import Resource
from image_assets.protocol.outputs import Output

OWN_PACKAGE = "image-assets:index:"


@dataclass(frozen=True)
class Component:
    """A component: what makes its children, and what its answer tells.

    Attributes:
        deployment: Where it is made.
        token: Its type.
        name: Its name; the names of its children begin with it.
        urn: Its URN; empty until it is registered.
        options: The program's options.
        outputs: Its outputs; none until they are known.
        resources: The URNs of the children that whoever waits for the component waits for.
    """

    deployment: Deployment
    token: str
    name: str
    urn: str = ""
    options: Options = field(default_factory=Options)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    resources: frozenset[str] = frozenset()

    @property
    def own_urn(self) -> str:
        """The URN that the engine gives it (Pulumi: `urn:pulumi:STACK::PROJECT::PARENTS$TYPE::NAME`)."""
        return urn_of(self.deployment.project, self.deployment.stack, self.options.parent, self.token, self.name)

    async def registered(self) -> "Component":
        """Register the component itself, and return it with its URN."""
        request = self.options.component(self.token, self.name)
        made = await self.deployment.monitor.register(request, {})
        return replace(self, urn=made.urn)

    async def finished(self, outputs: Mapping[str, Output]) -> "Component":
        """Register the outputs, secret where the program wants that, and return the component with them."""
        secret = self.options.secret_outputs
        told = {name: output.hidden() if name in secret else output for name, output in outputs.items()}
        monitor = self.deployment.monitor
        # The engine does not wait for the outputs of what it has passed over.
        if monitor.failed.get(self.urn) != self.urn:
            await monitor.register_outputs(self.urn, told)
        return replace(self, outputs=told)

    def child(self, token: str, name: str, properties: Mapping[str, str] | None = None) -> Request:
        """Return the request that registers a child; see `Options.child`."""
        request = self.options.child(token, name, self.urn, properties)
        if self.options.failed:
            place = self.deployment
            place.instance.passed_over.add(urn_of(place.project, place.stack, self.urn, token, name))
        if token.startswith(OWN_PACKAGE):
            request.provider = self.deployment.instance.reference
        return request

    async def make(self, request: Request, inputs: Mapping[str, Output]) -> Resource:
        """Register a child."""
        return await self.deployment.monitor.register(request, inputs)

    def within(self, token: str, name: str) -> "Component":
        """Return a component within this one."""
        return Component(self.deployment, token, name, options=self.options.nested(self.urn))


def urn_of(project: str, stack: str, parent: str, token: str, name: str) -> str:
    """Return the URN that the engine gives a resource under a parent's URN; none, and the stack's, do not count."""
    parents = parent.split("::")[2] if parent else "pulumi:pulumi:Stack"
    kind = token if parents == "pulumi:pulumi:Stack" else f"{parents}${token}"
    return f"urn:pulumi:{stack}::{project}::{kind}::{name}"
