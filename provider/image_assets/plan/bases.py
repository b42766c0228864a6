"""`pinBaseImages`: which base images an image is built on, and how their digests count and reach the builder."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from image_assets.context.bases import base_images
from image_assets.context.dockerfile_content import dockerfile_content
from image_assets.context.scope.words import UnjudgeableError
from image_assets.errors import InputError
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.plan import main_context, platforms_of
from image_assets.reference import HUB, Reference

PROPERTY: Final = "pinBaseImages"
#: What decides which images are built on.
_DECISIVE: Final = (
    "pinBaseImages",
    "buildArgs",
    "buildContexts",
    "buildFlags",
    "target",
    "platform",
    "platforms",
    "file",
    "dockerfileInline",
)
_IMAGE: Final = "docker-image://"
_DECISIVE_FLAG = re.compile("--(target|build-arg|build-context|file|platform)(=|$)|-[A-Za-z]*f")


@dataclass(frozen=True)
class Base:
    """An image that another one is built on.

    Attributes:
        name: The name under which the builder looks for it.
        image: The image as the program or the Dockerfile calls it.
        reference: Where it is.
    """

    name: str
    image: str
    reference: Reference


def is_pinned(inputs: Inputs, settings: Settings) -> bool:
    """Say whether the digests of an image's bases count."""
    if not inputs.is_built or inputs.asset_hash is not None:
        return False
    return settings.pin_base_images if inputs.pin_base_images is None else inputs.pin_base_images


def bases_are_known(inputs: Inputs, settings: Settings) -> bool:
    """Say whether everything is known that decides on the bases that count."""
    may_be_pinned = is_pinned(inputs, settings) or inputs.unknown_in(PROPERTY)
    return not (may_be_pinned and inputs.unknown_in(*_DECISIVE))


def bases_of(inputs: Inputs, settings: Settings) -> tuple[Base, ...]:
    """Return the images that located inputs build on; one that is named by its digest is none, as it cannot move.

    Raises:
        InputError: They cannot be told before the build.
    """
    try:
        found = [Base(name, image, Reference.parse(image)) for name, image in sorted(set(_names(inputs, settings)))]
    except ValueError as error:
        raise InputError.single(PROPERTY, f"the base images cannot be told: {error}; or set it to false") from error
    return tuple(base for base in found if not base.reference.digest)


def _names(inputs: Inputs, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield name and image of each base.

    Raises:
        UnjudgeableError: They cannot be told.
    """
    if flag := next(filter(_DECISIVE_FLAG.match, inputs.build_flags), None):
        raise UnjudgeableError(f"{flag.partition('=')[0]} among the `buildFlags` can change them; use the input for it")
    content = dockerfile_content(main_context(inputs, settings))
    replaced = {_context_name(name) for name in inputs.build_contexts}
    for platform in platforms_of(inputs, settings):
        images = base_images(content, inputs.target, inputs.build_args, platform)
        yield from ((name, name) for name in images if _context_name(name) not in replaced)
    for name, value in inputs.build_contexts.items():
        if value.startswith(_IMAGE):
            yield name, value.removeprefix(_IMAGE)


def _context_name(name: str) -> str:
    """Return the form in which BuildKit compares names of contexts and images (distribution/reference, "familiar")."""
    bare = name.removeprefix(f"{HUB}/").removeprefix("library/")
    return bare.removesuffix(":latest").lower()


def pinned_contexts(inputs: Inputs, settings: Settings) -> dict[str, str]:
    """Return the named contexts that make the builder use exactly the digests that count."""
    digests = inputs.base_images
    bases = bases_of(inputs, settings) if digests else ()
    return {base.name: f"{_IMAGE}{base.reference}@{digests[base.image]}" for base in bases if base.image in digests}
