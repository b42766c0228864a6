"""The two asset components: an image, and the repository it lives in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

from image_assets.components.grants import declared_grants, take_twins
from image_assets.components.origin import Origin
from image_assets.components.stack_aws import handed_on

if TYPE_CHECKING:
    from image_assets.components.repository import ImageRepository

IMAGE_OUTPUTS = (
    "imageUri",
    "imageTag",
    "assetHash",
    "imageDigest",
    "imageDigestUri",
    "repositoryUrl",
    "repositoryName",
    "repositoryArn",
    "platforms",
)


class PublishedImage(pulumi.CustomResource):
    """The asset's only child that has a life of its own; see `published_image`."""

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        outputs = dict.fromkeys(IMAGE_OUTPUTS)
        super().__init__("image-assets:index:PublishedImage", name, {**outputs, **inputs}, opts)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return one of `IMAGE_OUTPUTS`."""
        value: pulumi.Output[Any] = self.__dict__[name]
        return value


class ImageAsset(pulumi.ComponentResource):
    """A source that becomes an image in a registry; the source's kind is told by the inputs.

    With a URN in the options this is an asset made earlier, on which a method is called.
    """

    def __init__(
        self,
        token: str,
        name: str,
        inputs: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
        origin: Origin,
    ) -> None:
        made_earlier = bool(opts.urn)
        placeholders = dict.fromkeys(IMAGE_OUTPUTS) if made_earlier else {}
        # A component made earlier must be remote: a local one would wait for its own children (a cycle).
        super().__init__(token, name, placeholders, opts, remote=made_earlier)
        self.name = name
        self.origin = origin
        if not made_earlier:
            self.compose(dict(inputs))

    def compose(self, inputs: dict[str, Any]) -> None:
        """Make the children."""
        twins = take_twins(inputs)
        children = pulumi.ResourceOptions(parent=self)
        own = self.own_repository() if inputs.get("repository") is None else None
        if own:
            inputs["repository"] = own.repository_url
            children.depends_on = [own]
        else:
            inputs["repository"] = self.origin.behind(inputs["repository"])
        image = PublishedImage(self.name, {**inputs, "aws": handed_on() or None}, self.origin.child(children))
        self.outputs = {name: image.output(name) for name in IMAGE_OUTPUTS}
        if own:
            # An emulator's host does not tell the ARN, but whoever made the repository knows it.
            self.outputs["repositoryArn"] = own.outputs["repositoryArn"]
        self.__dict__.update(self.outputs)
        self.register_outputs(self.outputs)
        declared_grants(self, twins)

    def own_repository(self) -> "ImageRepository":
        """Make an ECR repository for this asset alone."""
        from image_assets.components.repository import ImageRepository  # noqa: PLC0415 - loads pulumi_aws

        opts = self.origin.child(pulumi.ResourceOptions(parent=self))
        return ImageRepository(self.name, {}, opts, self.origin)
