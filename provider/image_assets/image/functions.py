"""The functions of the package: questions that a program asks without declaring anything."""

from collections.abc import Callable, Mapping
from typing import Any

from image_assets.custom_resource import Values
from image_assets.errors import InputError, Problem, RegistryError
from image_assets.image.program import Program
from image_assets.inputs.function_fields import GET_IMAGE_FIELDS
from image_assets.inputs.image import row_problems
from image_assets.logins.given import Login
from image_assets.publishing.description import describe
from image_assets.reference import Reference
from image_assets.task import Task
from image_assets.values import has_unknown, plain, reveal

Answer = Mapping[str, Any]
Ask = Callable[[Program, Values, Task], Answer]


def get_image(program: Program, arguments: Values, task: Task) -> Answer:
    """Look an image up in its registry; while an argument is unknown, so is the answer.

    Raises:
        InputError: With every problem of the arguments.
        RegistryError: The registry has no such image, or could not be asked.
    """
    problems: tuple[Problem, ...] = tuple(row_problems(GET_IMAGE_FIELDS, arguments))
    if problems:
        raise InputError(problems)
    if has_unknown(dict(arguments)):
        return {}
    reference = Reference.parse(plain(arguments["reference"]))
    auth = reveal(arguments.get("registryAuth")) or {}
    if auth:
        program.given.enter(f"getImage {reference}", reference.repository, auth)
    client = program.registries.client(reference.repository, task, Login(auth))
    found = describe(client, reference, plain(arguments.get("platform")), program.settings.default_platform)
    if found is None:
        raise RegistryError(f"there is no image {reference}")
    return {
        "imageUri": str(reference),
        "imageDigest": found.digest,
        "imageDigestUri": f"{reference.repository}@{found.digest}",
        "mediaType": found.media_type,
        "platforms": list(found.platforms),
        "labels": dict(found.labels),
        "created": found.created,
    }


FUNCTIONS: Mapping[str, Ask] = {"image-assets:index:getImage": get_image}
