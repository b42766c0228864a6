"""A Dockerfile whose base images have their digests: their names change, and each line stays where it was.

So builders of any age take exactly those, also what knows no named contexts (BuildKit before 0.10, Docker before 23).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from image_assets.context.bases import Stage, named, needs, stages_of
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
            platforms, is cut by the end of a line, or stands in an `ONBUILD`, which is stored in the image as it is.
    """

    content: bytes
    left: frozenset[str]


@dataclass(frozen=True)
class _Use:
    """Where a Dockerfile names an image.

    Attributes:
        image: The name, its variables put in.
        place: The line, from 1, and the column; None if it cannot be replaced there.
        length: How much is to be replaced.
    """

    image: str
    place: tuple[int, int] | None
    length: int


def with_digests(
    content: bytes, images: Mapping[str, str], build_args: Mapping[str, str], platforms: Sequence[str]
) -> Pinned:
    """Put in images for their names.

    Args:
        content: The Dockerfile.
        images: What to put in, by name.
        build_args: Values that come from outside, and win.
        platforms: The platforms of the one build that it is for.

    Raises:
        UnjudgeableError: The Dockerfile cannot be read.
    """
    instructions = list(parse(content))
    readings = [stages_of(instructions, build_args, platform) for platform in platforms]
    found = (*_starts(readings), *_sources(instructions, readings[0]))
    uses = [use for use in found if use.image in images]
    lines = content.decode("utf-8-sig").split("\n")
    # From the end, so that columns stay what they are.
    for use in sorted(uses, key=_column, reverse=True):
        if use.place:
            number, column = use.place
            line = lines[number - 1]
            lines[number - 1] = line[:column] + images[use.image] + line[column + use.length :]
    return Pinned("\n".join(lines).encode(), frozenset(use.image for use in uses if not use.place))


def _column(use: _Use) -> int:
    return use.place[1] if use.place else 0


def _starts(readings: Sequence[Sequence[Stage]]) -> Iterator[_Use]:
    """Yield the images that stages start from, given the stages for each platform."""
    for index, same in enumerate(zip(*readings, strict=True)):
        instruction, images = same[0].instruction, {stage.base for stage in same}
        word, text = instruction.stage[0], split_flags(instruction.rest)[1]
        is_one = len(images) == 1 and text.startswith(word)
        place = _place(instruction, text, len(word)) if is_one else None
        before = readings[0][:index]
        yield from (_Use(image, place, len(word)) for image in images if not named(before, image, by_number=False))


def _sources(instructions: Iterable[Instruction], stages: Sequence[Stage]) -> Iterator[_Use]:
    """Yield the images that files are copied and mounted from."""
    for instruction in instructions:
        is_kept = instruction.name == "ONBUILD"
        try:
            images = needs(instruction.triggered if is_kept else instruction)
        except UnjudgeableError:
            # No stage that is needed has it, or nothing could be pinned.
            continue
        places = [] if is_kept else list(_flags(instruction))
        for image in {name for name in images if not named(stages, name, by_number=True)}:
            own = [place for name, place in places if name == image]
            yield from (_Use(image, place, len(image)) for place in own)
            if len(own) < images.count(image):
                yield _Use(image, None, 0)


def _flags(instruction: Instruction) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Yield what stands behind each `from=` among an instruction's flags, and where."""
    text = split_flags(instruction.rest)[1]
    flags = instruction.source.text.removesuffix(text)
    for found in _FROM.finditer(flags):
        name = found["name"]
        yield name, _place(instruction, flags[found.start("name") :] + text, len(name))


def _place(instruction: Instruction, rest: str, length: int) -> tuple[int, int] | None:
    """Return where the first characters of the rest of an instruction stand; None if they are not in one line."""
    return instruction.source.place(len(instruction.source.text) - len(rest), length)
