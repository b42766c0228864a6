"""The functions of the package: questions that a program asks without declaring anything."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from image_assets.custom_resource import Values
from image_assets.errors import CloudError, InputError, Problem, RegistryError
from image_assets.image.program import Program
from image_assets.inputs.function_fields import GET_IMAGE_FIELDS
from image_assets.inputs.image import row_problems
from image_assets.logins.given import Login
from image_assets.publishing.description import Description, describe
from image_assets.reference import Reference
from image_assets.task import Task
from image_assets.values import has_unknown, plain, reveal

_NOT_YET: Final = "which is not published yet (ask for its `imageDigestUri`, which is unknown until then)"

Answer = Mapping[str, Any]
Ask = Callable[[Program, Values, Task], Answer]


def get_image(program: Program, arguments: Values, task: Task) -> Answer:
    """Look an image up in its registry; while an argument is unknown, so is the answer.

    An image that this program is only about to publish has nothing but an address in a preview: the engine takes no
    unknown value from a function, and an error would stand in the way of the update that publishes it.

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
    try:
        found = _found(program, arguments, reference, Login(auth), task)
    except (RegistryError, CloudError) as error:
        if not (program.in_preview and program.own.is_own(reference)):
            raise
        task.warn(f"getImage tells nothing in this preview but the address of {reference}, {_NOT_YET}: {error}")
        return {"imageUri": str(reference), "platforms": [], "labels": {}}
    return {
        "imageUri": str(reference),
        "imageDigest": found.digest,
        "imageDigestUri": f"{reference.repository}@{found.digest}",
        "mediaType": found.media_type,
        "platforms": list(found.platforms),
        "labels": dict(found.labels),
        "created": found.created,
    }


def _found(program: Program, arguments: Values, reference: Reference, login: Login, task: Task) -> Description:
    client = program.registries.client(reference.repository, task, login)
    found = describe(client, reference, plain(arguments.get("platform")), program.settings.default_platform)
    if found is None:
        raise RegistryError(f"there is no image {reference}")
    return found


FUNCTIONS: Mapping[str, Ask] = {"image-assets:index:getImage": get_image}
