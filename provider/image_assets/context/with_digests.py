"""A Dockerfile whose base images have their digests: their names change, and each line stays where it was.

So builders of any age take exactly those, also what knows no named contexts (BuildKit before 0.10, Docker before 23).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from image_assets.context.bases import Stage, named, needs, stages_of, target_of
from image_assets.context.scope.instructions import Instruction, parse
from image_assets.context.scope.words import UnjudgeableError, split_flags
from image_assets.frozen import dataclass

_FROM: Final = re.compile(r"""(?:--|[=,"'])(?i:from)=["']?(?P<name>[\w.:/@-]+)(?=[,"'\s]|$)""", re.ASCII)
"""An image or a stage among the flags of a `COPY` or a `RUN`."""


@dataclass(frozen=True)
class Pinned:
    """A Dockerfile with digests.

    Attributes:
        content: The Dockerfile.
        left: The images that stand somewhere without their digest: the name is made of variables that differ between
            platforms.
    """

    content: bytes
    left: frozenset[str]


@dataclass(frozen=True)
class _Use:
    """Where a Dockerfile names an image.

    Attributes:
        image: The name, its variables put in.
        places: The lines, from 1, and the columns; none if it cannot be replaced there.
    """

    image: str
    places: Sequence[tuple[int, slice]] = ()


def with_digests(
    content: bytes,
    images: Mapping[str, str],
    target: str | None,
    build_args: Mapping[str, str],
    platforms: Sequence[str],
) -> Pinned:
    """Put in images for their names.

    Args:
        content: The Dockerfile.
        images: What to put in, by name.
        target: The stage to build; None for the last.
        build_args: Values that come from outside, and win.
        platforms: The platforms of the one build that it is for.

    Raises:
        UnjudgeableError: The Dockerfile cannot be read, or has no such stage.
    """
    instructions = list(parse(content))
    readings = [stages_of(instructions, build_args, platform) for platform in platforms]
    built = readings[0][target_of(readings[0], target)]
    found = (*_starts(readings), *_sources(instructions, readings[0], built))
    uses = [use for use in found if use.image in images]
    lines = content.decode("utf-8-sig").split("\n")
    edits = [edit for use in uses for edit in _edits(use, images[use.image])]
    # From the end, so that columns stay what they are.
    for number, columns, text in sorted(edits, key=lambda edit: edit[1].start, reverse=True):
        line = lines[number - 1]
        lines[number - 1] = line[: columns.start] + text + line[columns.stop :]
    return Pinned("\n".join(lines).encode(), frozenset(use.image for use in uses if not use.places))


def _edits(use: _Use, text: str) -> Iterator[tuple[int, slice, str]]:
    """Yield what to put where: all at the end, as a line that would be empty does not end an instruction."""
    for index, (number, columns) in enumerate(use.places, 1):
        yield number, columns, text if index == len(use.places) else ""


def _starts(readings: Sequence[Sequence[Stage]]) -> Iterator[_Use]:
    """Yield the images that stages start from, given the stages for each platform."""
    for index, same in enumerate(zip(*readings, strict=True)):
        instruction, images = same[0].instruction, {stage.base for stage in same}
        word, text = instruction.stage[0], split_flags(instruction.rest)[1]
        places = _places(instruction, text, len(word)) if len(images) == 1 else ()
        before = readings[0][:index]
        yield from (_Use(image, places) for image in images if not named(before, image, by_number=False))


def _sources(instructions: Iterable[Instruction], stages: Sequence[Stage], built: Stage) -> Iterator[_Use]:
    """Yield the images that files are copied and mounted from."""
    start = None
    for instruction in instructions:
        start = instruction if instruction.name == "FROM" else start
        if instruction.name != "ONBUILD":
            effective = instruction
        elif start is built.instruction:
            # It does nothing in this build, and is stored in the image as it stands here.
            continue
        else:
            effective = instruction.triggered
        try:
            images = needs(effective)
        except UnjudgeableError:
            # No stage that is needed has it, or nothing could be pinned.
            continue
        found = list(_flags(effective)) if images else []
        for image in {name for name in images if not named(stages, name, by_number=True)}:
            own = [use for use in found if use.image == image]
            yield from own
            if len(own) < images.count(image):
                yield _Use(image)


def _flags(instruction: Instruction) -> Iterator[_Use]:
    """Yield what stands behind each `from=` among an instruction's flags."""
    text = split_flags(instruction.rest)[1]
    flags = instruction.source.text.removesuffix(text)
    for found in _FROM.finditer(flags):
        name = found["name"]
        yield _Use(name, _places(instruction, flags[found.start("name") :] + text, len(name)))


def _places(instruction: Instruction, rest: str, length: int) -> list[tuple[int, slice]]:
    """Return where the first characters of the rest of an instruction stand."""
    start = len(instruction.source.text) - len(rest)
    return instruction.source.places(start, start + length)
