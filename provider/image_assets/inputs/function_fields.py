"""The functions that a program can call: their arguments and results, one row each."""

from collections.abc import Mapping
from typing import Any

from image_assets.frozen import dataclass
from image_assets.inputs.checks import parsed_by
from image_assets.inputs.choices import PLATFORM
from image_assets.inputs.destination_fields import REGISTRY_AUTH
from image_assets.inputs.field import Field
from image_assets.inputs.types import Text
from image_assets.platforms import wrong_with
from image_assets.reference import Reference


@dataclass(frozen=True)
class Function:
    """One function.

    Attributes:
        doc: Its documentation in every SDK.
        arguments: Its arguments.
        results: The schema of each result.
    """

    doc: str
    arguments: tuple[Field, ...]
    results: Mapping[str, Mapping[str, Any]]


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_MAP = {"type": "object", "additionalProperties": _TEXT}

GET_IMAGE_FIELDS = (
    Field(
        "reference",
        Text(check=parsed_by(Reference.parse)),
        "The image, `repository:tag` or `repository@digest`. Of an image of the same program give `imageDigestUri`: a "
        "preview can tell nothing of one that is not published yet, and by this it is unknown.",
        required=True,
    ),
    Field(
        "platform",
        Text(PLATFORM, check=wrong_with),
        "The platform whose labels are wanted, as `os/architecture`, if the image has several. Default: the provider's "
        "`defaultPlatform` if the image has it, else the first.",
    ),
    Field("registryAuth", REGISTRY_AUTH, "A login for the registry. Default: the provider's own logins."),
)

FUNCTIONS: Mapping[str, Function] = {
    "getImage": Function(
        "Look an image up in its registry; nothing is downloaded but its description.",
        GET_IMAGE_FIELDS,
        {
            "imageUri": {**_TEXT, "description": "The image's address, as it was asked for."},
            "imageDigest": {**_TEXT, "description": "The digest of the manifest or index that the registry serves."},
            "imageDigestUri": {**_TEXT, "description": "The image's address by digest, `repository@digest`."},
            "mediaType": {**_TEXT, "description": "The media type of the manifest or index."},
            "platforms": {**_TEXTS, "description": "The platforms of the image, as `os/architecture`."},
            "labels": {**_MAP, "description": "The labels in the config of one platform's image."},
            "created": {**_TEXT, "description": "When that image was created (RFC 3339); empty if it does not say."},
        },
    ),
}

#: What the functions' arguments are made of.
FUNCTION_FIELDS: tuple[Field, ...] = GET_IMAGE_FIELDS
