"""A stack's state as `pulumi stack export` writes it (Pulumi's "Stack import/export", deployment v3)."""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import click

from image_assets.frozen import dataclass
from image_assets.inputs.settings import Settings, parse_settings
from image_assets.values import SECRET_SIGNATURE, SIGNATURE, UNKNOWN

_IMAGE: Final = "image-assets:index:PublishedImage"


@dataclass(frozen=True)
class StoredImage:
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


def resources_of(file: IO[str]) -> list[Mapping[str, Any]]:
    """Read the resources of an exported state.

    Raises:
        ClickException: It is no such file.
    """
    try:
        exported = json.load(file)
        resources = exported["deployment"].get("resources") or []
        return [resource for resource in resources if isinstance(resource["urn"], str)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(f"{file.name} is no exported state: write one by `pulumi stack export`") from error


def images_of(resources: list[Mapping[str, Any]]) -> Iterator[StoredImage]:
    """Yield the images that a state holds."""
    providers = {f"{one['urn']}::{one.get('id')}": one for one in resources if one["type"].startswith("pulumi:prov")}
    for resource in resources:
        if resource["type"] == _IMAGE and not resource.get("delete"):
            provider = providers.get(resource.get("provider", ""), {})
            yield StoredImage(
                name=resource["urn"].rpartition("::")[2],
                urn=resource["urn"],
                inputs=plain_values(resource.get("inputs") or {}),
                outputs=plain_values(resource.get("outputs") or {}),
                settings=parse_settings(_known(plain_values(provider.get("inputs") or {}))),
            )


def plain_values(value: Any) -> Any:
    """Return a stored value without its marks; what is encrypted is `UNKNOWN`."""
    if isinstance(value, list):
        return [plain_values(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) == SECRET_SIGNATURE:
        return json.loads(value["plaintext"]) if "plaintext" in value else UNKNOWN
    return {key: plain_values(item) for key, item in value.items()}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not UNKNOWN}
