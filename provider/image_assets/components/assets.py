"""The asset components and the replica: an image, the repository it lives in, and further places for it."""

import asyncio
from collections.abc import Mapping, Sequence

from image_assets.components import refusals, repository
from image_assets.components.component import OWN_PACKAGE, Component
from image_assets.components.grants import child_name, declared_grants, repository_arn, take_twins
from image_assets.components.options import Request
from image_assets.errors import AssetError
from image_assets.inputs.build_fields import CACHE_TAGS, IN_REGISTRY
from image_assets.inputs.image import PUBLISHED_IMAGE
from image_assets.inputs.replica import replica_tag
from image_assets.protocol.monitor import Resource
from image_assets.protocol.outputs import Output, all_of
from image_assets.reference import TAG_DIGITS
from image_assets.values import UNKNOWN, Secret, plain

#: What a copy is, see `image.copied`.
COPY = f"{OWN_PACKAGE}CopiedImage"
REPLICA = f"{OWN_PACKAGE}ImageReplica"
#: The child that has a component's image, by the component's type, and its input for the stack's `aws:` configuration.
CHILDREN = {
    f"{OWN_PACKAGE}DockerImageAsset": (PUBLISHED_IMAGE, "aws"),
    f"{OWN_PACKAGE}TarballImageAsset": (PUBLISHED_IMAGE, "aws"),
    REPLICA: (COPY, "stackAws"),
}

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
    """Make a source an image in a registry; the source's kind is told by the component's type and the inputs.

    Args:
        new: The component to make.
        given: Its inputs.
        is_sound: Whether nothing is wrong with the inputs. If something is, the image comes first, so that the engine
            lets it tell that before anything else is made; in a destroy or a refresh the engine does not ask it.

    Raises:
        InputError: With every problem of the declared grants that are known.
    """
    inputs = dict(given)
    token, stack_aws = CHILDREN[new.token]
    twins, force_delete = take_twins(inputs), inputs.pop("forceDelete", Output())
    destinations = inputs.pop("destinations", Output())
    if is_sound and twins:
        await refuse_grants(new, given)
    asset = await new.registered()
    request = asset.child(token, asset.name)
    image = None if is_sound else await asset.make(request, inputs)
    own = await own_repository(asset, inputs, force_delete)
    inputs |= place_of(asset, inputs, own, force_delete)
    if image is None:
        request.dependencies.extend(sorted(own.resources) if own else ())
        image = await asset.make(request, {**inputs, stack_aws: asset.deployment.aws_input})
    outputs = outputs_of(image, own)
    if token == PUBLISHED_IMAGE:
        for_all = {"retainOnDelete": inputs.get("retainOnDelete", Output()), "stackAws": asset.deployment.aws_input}
        outputs["destinationUris"] = await make_copies(asset, image, destinations, for_all)
    asset, _ = await asyncio.gather(asset.finished(outputs), declared_grants(asset, outputs["repositoryUrl"], twins))
    return asset


async def refuse_grants(new: Component, given: Mapping[str, Output]) -> None:
    """Refuse grants on a given repository that takes none; one of the asset's own takes all.

    Raises:
        AssetError: It takes none.
    """
    shared = given.get("repository", Output())
    if shared.value is None:
        return
    try:
        await repository_arn(new, shared)
    except AssetError as error:
        await refusals.tell(new, given, error)
        raise


async def own_repository(asset: Component, inputs: Mapping[str, Output], force_delete: Output) -> Component | None:
    """Make the repository of an asset that names none; return None for one that does."""
    if inputs.get("repository", Output()).value is not None:
        return None
    # The tags that move with each image cannot be as immutable as those that name a content.
    wanted = {"forceDelete": force_delete, "mutableTags": mutable_tags(asset.token, inputs)}
    return await repository.make_repository(asset.within(repository.TOKEN, asset.name), wanted)


def place_of(
    asset: Component, inputs: Mapping[str, Output], own: Component | None, force_delete: Output
) -> dict[str, Output]:
    """Return the inputs of an image that say where it goes."""
    if own is None:
        return {"repository": asset.deployment.behind(inputs["repository"])}
    return {
        "repository": own.outputs["repositoryUrl"],
        "ownRepository": force_delete.map(lambda force: {"forceDelete": force is True}),
    }


def outputs_of(image: Resource, own: Component | None) -> dict[str, Output]:
    """Return what a component tells of its image."""
    outputs = {name: image.output(name) for name in IMAGE_OUTPUTS}
    # An emulator's host does not tell the ARN, but whoever made the repository knows it.
    return {**outputs, "repositoryArn": own.outputs["repositoryArn"]} if own else outputs


def mutable_tags(kind: str, inputs: Mapping[str, Output]) -> Output:
    """Return the tags that are written more than once: those that the program adds, a cache's, and a replica's own."""
    if kind == REPLICA:
        source = inputs["source"]
        moving = all_of(inputs.get("tag", Output()), source).map(lambda known: replica_tag(*known))
    else:
        moving = inputs.get("cache", Output()).map(lambda cache: CACHE_TAGS if cache == IN_REGISTRY else None)
    return all_of(inputs.get("extraTags", Output()), moving).map(_listed)


def _listed(found: tuple[Sequence[str] | None, str | None]) -> list[str] | None:
    extra, moving = found
    return [*(extra or ()), *((moving,) if moving else ())] or None


async def make_copies(asset: Component, image: Resource, destinations: Output, for_all: Mapping[str, Output]) -> Output:
    """Copy an asset's image to its further repositories, side by side, and return the address in each.

    Each is a resource of its own: one that fails leaves the others as they are, and is made by the next `up`.
    """
    listed = plain(destinations.value)
    known = dict(enumerate(map(destinations.part, range(len(listed))), 1)) if isinstance(listed, list) else {}
    found = {at: one for at, one in known.items() if plain(one.value) is not UNKNOWN}
    made = await asyncio.gather(
        *(
            asset.make(copy_request(asset, at, one), {**for_all, **copy_inputs(asset, image, one)})
            for at, one in found.items()
        )
    )
    uris = all_of(*(copy.output("imageUri") for copy in made))
    return uris if listed is not UNKNOWN and found == known else Output(UNKNOWN, destinations.dependencies)


def copy_request(asset: Component, at: int, destination: Output) -> Request:
    """Return the request that registers a copy, by its name if it has one, else by its place in the list.

    One that gets a name is the one that had the number.
    """
    numbered = f"{asset.name}-{at}"
    name = plain(member_of(destination, "name").value)
    if not isinstance(name, str):
        return asset.child(COPY, numbered, {})
    request = asset.child(COPY, child_name(asset, name), {})
    request.aliases.add().spec.name = numbered
    return request


def copy_inputs(asset: Component, image: Resource, destination: Output) -> dict[str, Output]:
    """Return what a destination says, as the inputs of a copy."""
    given = {name: member_of(destination, name) for name in ("repository", "extraTags", "registryAuth", "aws")}
    prefix = member_of(destination, "tagPrefix")
    tag = all_of(prefix, image.output("assetHash")).map(lambda known: f"{known[0] or ''}{known[1][:TAG_DIGITS]}")
    return {
        **given,
        "repository": asset.deployment.behind(given["repository"]),
        "tag": tag,
        "source": image.output("imageDigestUri"),
        "namesContent": Output(value=True),
    }


def member_of(destination: Output, name: str) -> Output:
    """Return a member of a destination, an empty output if it has none."""
    value = destination.value.value if isinstance(destination.value, Secret) else destination.value
    if value is UNKNOWN:
        return Output(UNKNOWN, destination.dependencies)
    return destination.part(name) if name in value else Output()
