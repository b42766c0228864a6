"""The two asset components: an image, and the repository it lives in."""

import asyncio
from collections.abc import Mapping, Sequence

from image_assets.components import refusals, repository
from image_assets.components.component import Component
from image_assets.components.grants import declared_grants, repository_arn, take_twins
from image_assets.errors import AssetError
from image_assets.inputs.source_fields import CACHE_TAGS, IN_REGISTRY
from image_assets.protocol.outputs import Output, all_of

#: The asset's only child that has a life of its own; see `image.resource`.
IMAGE = "image-assets:index:PublishedImage"

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


async def make_asset(new: Component, given: Mapping[str, Output], *, is_sound: bool = True) -> Component:
    """Make a source an image in a registry; the source's kind is told by the inputs.

    Args:
        new: The component to make.
        given: Its inputs.
        is_sound: Whether nothing is wrong with the inputs. If something is, the image comes first, so that the engine
            lets it tell that before anything else is made; in a destroy or a refresh the engine does not ask it.

    Raises:
        InputError: With every problem of the declared grants that are known.
    """
    inputs = dict(given)
    twins, force_delete = take_twins(inputs), inputs.pop("forceDelete", Output())
    shared = inputs.get("repository", Output())
    if is_sound and twins and shared.value is not None:
        try:
            await repository_arn(new, shared)
        except AssetError as error:
            await refusals.tell(new, given, error)
            raise
    asset = await new.registered()
    request = asset.child(IMAGE, asset.name)
    image = None if is_sound else await asset.make(request, inputs)
    own = None
    if shared.value is None:
        # The tags that move with each image cannot be as immutable as those that name a content.
        moving = all_of(inputs.get("extraTags", Output()), inputs.get("cache", Output())).map(_moving_tags)
        wanted = {"forceDelete": force_delete, "mutableTags": moving}
        own = await repository.make_repository(asset.within(repository.TOKEN, asset.name), wanted)
        inputs["repository"] = own.outputs["repositoryUrl"]
        inputs["ownRepository"] = force_delete.map(lambda force: {"forceDelete": force is True})
        request.dependencies.extend(sorted(own.resources))
    else:
        inputs["repository"] = asset.deployment.behind(shared)
    if image is None:
        image = await asset.make(request, {**inputs, "aws": asset.deployment.aws_input})
    outputs = {name: image.output(name) for name in IMAGE_OUTPUTS}
    if own:
        # An emulator's host does not tell the ARN, but whoever made the repository knows it.
        outputs["repositoryArn"] = own.outputs["repositoryArn"]
    asset, _ = await asyncio.gather(asset.finished(outputs), declared_grants(asset, outputs["repositoryUrl"], twins))
    return asset


def _moving_tags(found: tuple[Sequence[str] | None, str | None]) -> list[str] | None:
    """Return the tags that are written more than once: those that the program adds, and that of its cache."""
    extra, cache = found
    tags = [*(extra or ()), *((CACHE_TAGS,) if cache == IN_REGISTRY else ())]
    return tags or None
