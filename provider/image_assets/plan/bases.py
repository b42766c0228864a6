"""`pinBaseImages`: which base images an image is built on, and how their digests count and reach the builder."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Final

from image_assets.context.dockerfile_content import dockerfile_content
from image_assets.errors import AssetError, InputError
from image_assets.frozen import dataclass
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.plan import IMAGE, main_context, platforms_of
from image_assets.reference import Reference, familiar

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
#: Stands for every platform that an image has.
ALL_PLATFORMS: Final = "all"
_DECISIVE_FLAG = re.compile("--(target|build-arg|build-context|file|platform)(=|$)|-[A-Za-z]*f")


class BaseNotThereYetError(AssetError):
    """A base image is one that this program has still to publish; known in previews only."""


#: ONBUILD triggers of base images: by image, by platform.
Triggers = Mapping[str, Mapping[str, Sequence[str]]]


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


@dataclass(frozen=True)
class Pins:
    """What makes a builder use certain digests.

    Attributes:
        dockerfile: The Dockerfile with them; None: as it is.
        contexts: Named contexts for the names that are left in it.
        given: The values of those `buildContexts` that are images.
    """

    dockerfile: bytes | None = None
    contexts: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)


def is_pinned(inputs: Inputs, settings: Settings) -> bool:
    """Say whether the digests of an image's bases count."""
    if not inputs.is_built or inputs.asset_hash is not None:
        return False
    return settings.pin_base_images if inputs.pin_base_images is None else inputs.pin_base_images


def bases_are_known(inputs: Inputs, settings: Settings) -> bool:
    """Say whether everything is known that decides on the bases that count."""
    may_be_pinned = is_pinned(inputs, settings) or inputs.unknown_in(PROPERTY)
    return not (may_be_pinned and inputs.unknown_in(*_DECISIVE))


def triggers_count(inputs: Inputs, settings: Settings) -> bool:
    """Say whether the ONBUILD triggers of an image's bases count."""
    return inputs.scope == "dockerfile" and is_pinned(inputs, settings)


def bases_of(inputs: Inputs, settings: Settings) -> tuple[Base, ...]:
    """Return the images that located inputs build on, and that can move: those that no digest names.

    Raises:
        InputError: They cannot be told before the build.
    """
    return tuple(base for base in all_bases(inputs, settings) if not base.reference.digest)


def all_bases(inputs: Inputs, settings: Settings) -> tuple[Base, ...]:
    """Return all images that located inputs build on.

    Raises:
        InputError: They cannot be told before the build.
    """
    with _told():
        return tuple(Base(name, image, Reference.parse(image)) for name, image in sorted(set(_names(inputs, settings))))


@contextmanager
def _told() -> Iterator[None]:
    """Name the input that makes it matter what a Dockerfile says."""
    try:
        yield
    except ValueError as error:
        raise InputError.single(PROPERTY, f"the base images cannot be told: {error}; or set it to false") from error


def platforms_of_bases(inputs: Inputs, settings: Settings) -> tuple[str, ...]:
    """Return the platforms of the base images that a build takes, or what stands for all that there are."""
    from image_assets.context.bases import names_platforms  # noqa: PLC0415 - only where bases are pinned

    content = dockerfile_content(main_context(inputs, settings))
    return (ALL_PLATFORMS,) if names_platforms(content) else platforms_of(inputs, settings)


def _names(inputs: Inputs, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield name and image of each base.

    Raises:
        UnjudgeableError: They cannot be told.
    """
    from image_assets.context.bases import base_images  # noqa: PLC0415 - only where bases are pinned
    from image_assets.context.scope.words import UnjudgeableError  # noqa: PLC0415 - as above

    if flag := next(filter(_DECISIVE_FLAG.match, inputs.build_flags), None):
        raise UnjudgeableError(f"{flag.partition('=')[0]} among the `buildFlags` can change them; use the input for it")
    content = dockerfile_content(main_context(inputs, settings))
    replaced = {familiar(name) for name in inputs.build_contexts}
    for platform in platforms_of(inputs, settings):
        images = base_images(content, inputs.target, inputs.build_args, platform)
        yield from ((name, name) for name in images if familiar(name) not in replaced)
    for name, value in inputs.build_contexts.items():
        if value.startswith(IMAGE):
            yield name, value.removeprefix(IMAGE)


def pins_of(inputs: Inputs, settings: Settings) -> Pins:
    """Return what makes the builder use exactly the digests that count.

    Raises:
        InputError: The Dockerfile cannot be read, or has become one whose base images cannot be told.
    """
    digests = inputs.base_images
    bases = bases_of(inputs, settings) if digests else ()
    images = {base.name: f"{base.reference}@{digests[base.image]}" for base in bases if base.image in digests}
    if not images:
        return Pins()
    from image_assets.context.with_digests import with_digests  # noqa: PLC0415 - only where bases are pinned

    content = dockerfile_content(main_context(inputs, settings))
    in_file = {name: image for name, image in images.items() if name not in inputs.build_contexts}
    with _told():
        pinned = with_digests(content, in_file, inputs.target, inputs.build_args, platforms_of(inputs, settings))
    contexts = {name: IMAGE + image for name, image in images.items()}
    return Pins(
        pinned.content,
        {name: contexts[name] for name in sorted(pinned.left)},
        {name: contexts[name] for name in images.keys() - in_file.keys()},
    )
