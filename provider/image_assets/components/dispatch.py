"""From a type or method token to the component that answers it."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi.provider
import pulumi.runtime

from image_assets import __version__
from image_assets.components.assets import ImageAsset
from image_assets.components.grants import call_method
from image_assets.components.origin import Origin
from image_assets.inputs.settings import Settings

Maker = Callable[[str, Mapping[str, Any], pulumi.ResourceOptions, Origin], pulumi.ComponentResource]


def _asset(token: str) -> Maker:
    return lambda name, inputs, opts, origin: ImageAsset(token, name, inputs, opts, origin)


def _repository(
    name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions, origin: Origin
) -> pulumi.ComponentResource:
    from image_assets.components.repository import ImageRepository  # noqa: PLC0415 - loads pulumi_aws

    return ImageRepository(name, dict(inputs), opts, origin)


MAKERS: Mapping[str, Maker] = {
    "image-assets:index:DockerImageAsset": _asset("image-assets:index:DockerImageAsset"),
    "image-assets:index:TarballImageAsset": _asset("image-assets:index:TarballImageAsset"),
    "image-assets:index:ImageRepository": _repository,
}


class Components(pulumi.provider.Provider):
    """Makes components and calls their methods."""

    def __init__(self) -> None:
        super().__init__(__version__)
        self.settings = Settings()
        self.origin = Origin()
        pulumi.runtime.register_resource_module("image-assets", "index", Rehydration(self))

    def configure(self, settings: Settings, reference: str) -> None:
        """Make components by this provider instance from now on."""
        self.settings = settings
        self.origin = Origin(reference, settings.aws)

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> pulumi.provider.ConstructResult:
        """Make a component; its outputs are what it registered."""
        made = MAKERS[resource_type](name, inputs, options or pulumi.ResourceOptions(), self.origin)
        return pulumi.provider.ConstructResult(made.urn, made.outputs)  # type: ignore[attr-defined]

    def call(self, token: str, args: Mapping[str, Any]) -> pulumi.provider.CallResult:
        """Call a method; the token is `TYPE/METHOD`."""
        given = dict(args)
        component = given.pop("__self__")
        return pulumi.provider.CallResult(call_method(component, token.rpartition("/")[2], given))


class Rehydration(pulumi.runtime.ResourceModule):
    """Turns the reference to a component in a method call back into the component."""

    def __init__(self, components: Components) -> None:
        self.components = components

    def version(self) -> str:  # type: ignore[override]
        """Return the package's version."""
        return __version__

    def construct(self, name: str, typ: str, urn: str) -> pulumi.Resource:
        """Return the component that has this URN."""
        return MAKERS[typ](name, {}, pulumi.ResourceOptions(urn=urn), self.components.origin)
