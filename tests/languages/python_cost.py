"""Make an asset without an engine, and print which of its properties the SDK has to follow."""

import pulumi


class Mocks(pulumi.runtime.Mocks):
    """What stands for the engine."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, object]]:
        """Make a resource of its inputs."""
        return "", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, object], None]:
        """Answer nothing."""
        return {}, None


pulumi.runtime.set_mocks(Mocks())

import pulumi_image_assets as assets  # noqa: E402 - the mocks come first

asset = assets.DockerImageAsset("app", directory="app")
print(*(name for name, value in vars(asset).items() if isinstance(value, pulumi.Output)))
