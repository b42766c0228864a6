"""The images of a stack, as its exported state has them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import click

from image_assets.frozen import dataclass
from image_assets.inputs.image import PUBLISHED_IMAGE
from image_assets.inputs.settings import Settings, parse_settings
from image_assets.protocol.exported_state import StateUnreadableError, parse_state, stored_value
from image_assets.values import UNKNOWN


@dataclass(frozen=True)
class ImageInState:
    """An image in a state.

    Attributes:
        name: The resource's name.
        urn: Its URN.
        inputs: Its inputs; what the export has encrypted is `UNKNOWN`.
        outputs: Its outputs, in the same form.
        settings: The settings of its provider.
    """

    name: str
    urn: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    settings: Settings


def resources_of(file: IO[str]) -> Sequence[Mapping[str, Any]]:
    """Read the resources of an exported state.

    Raises:
        ClickException: It is no such file.
    """
    try:
        return [stored_value(resource) for resource in parse_state(file.read()).resources]
    except (StateUnreadableError, ValueError) as error:
        raise click.ClickException(f"{file.name} is no exported state: write one by `pulumi stack export`") from error


def images_of(resources: Sequence[Mapping[str, Any]]) -> Iterator[ImageInState]:
    """Yield the images that a state holds."""
    providers = {f"{one['urn']}::{one.get('id')}": one for one in resources if one["type"].startswith("pulumi:prov")}
    for resource in resources:
        if resource["type"] == PUBLISHED_IMAGE and not resource.get("delete"):
            provider = providers.get(resource.get("provider", ""), {})
            yield ImageInState(
                name=resource["urn"].rpartition("::")[2],
                urn=resource["urn"],
                inputs=resource.get("inputs") or {},
                outputs=resource.get("outputs") or {},
                settings=parse_settings(_known(provider.get("inputs") or {})),
            )


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not UNKNOWN}
