"""The instructions of a Dockerfile, as far as `scope: dockerfile` needs them.

What is not surely understood is reported, never guessed. Rules: https://docs.docker.com/reference/dockerfile/
"""

import json
from collections.abc import Iterator
from dataclasses import field, replace
from functools import cached_property
from typing import Final

from image_assets.context.scope.lines import Lines, LogicalLine
from image_assets.context.scope.words import UnjudgeableError, heredocs, split_flags, split_words
from image_assets.frozen import dataclass

_WITH_HEREDOC: Final = frozenset(("COPY", "ADD", "RUN"))
_ONBUILD: Final = "ONBUILD"
_NOWHERE: Final = LogicalLine(0, "", ())


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        line: Where it starts, from 1.
        name: In upper case.
        rest: What follows the name, continuation lines joined, without heredoc bodies.
        image: The base image whose `ONBUILD` it is; empty if it stands in the Dockerfile.
        source: The line that ends in `rest`.
    """

    line: int
    name: str
    rest: str
    image: str = ""
    source: LogicalLine = field(default=_NOWHERE, repr=False, compare=False)

    def __str__(self) -> str:
        """Say where it stands, for messages."""
        return f"line {self.line} ({self.name}{f' by ONBUILD of {self.image}' if self.image else ''})"

    @property
    def triggered(self) -> "Instruction":
        """Return the instruction that an `ONBUILD` keeps for later."""
        name, _, rest = self.rest.partition(" ")
        return replace(self, name=name.upper(), rest=rest.strip())

    @cached_property
    def flags(self) -> list[tuple[str, str]]:
        """Return the `--name=value` words in front; see `split_flags`."""
        return split_flags(self.rest)[0]

    @cached_property
    def items(self) -> list[str] | None:
        """Return what stands behind the flags if it is in the JSON form."""
        text = split_flags(self.rest)[1]
        try:
            items = json.loads(text) if text.startswith("[") else None
        except ValueError:
            return None
        return items if isinstance(items, list) and all(isinstance(item, str) for item in items) else None

    @property
    def arguments(self) -> list[str]:
        """Return the words behind the flags, or the items of the JSON form."""
        return split_words(split_flags(self.rest)[1]) if self.items is None else self.items

    @property
    def stage(self) -> tuple[str, str]:
        """Return what a `FROM` starts from as it is written, and the stage's name in lower case, empty if it has none.

        Raises:
            UnjudgeableError: See `split_flags`.
        """
        word, *others = split_words(split_flags(self.rest)[1]) or [""]
        return word, others[1].lower() if len(others) > 1 and others[0].lower() == "as" else ""


def parse(content: bytes) -> Iterator[Instruction]:
    """Split a Dockerfile into instructions.

    Raises:
        UnjudgeableError: It is written in another language, or where an instruction ends is not plain.
    """
    lines = Lines(content)
    while found := lines.next():
        text = found.text
        name = next(iter(split_words(text)), "")
        instruction = Instruction(found.number, name.upper(), text[len(name) :].strip(), source=found)
        try:
            effective = instruction.triggered if instruction.name == _ONBUILD else instruction
            if effective.name in _WITH_HEREDOC and "<<" in text and effective.items is None:
                for heredoc in heredocs(text):
                    lines.skip(heredoc)
        except UnjudgeableError as fault:
            raise UnjudgeableError(f"{instruction}: {fault}") from fault
        yield instruction


def parse_trigger(text: str, line: int, image: str) -> Instruction:
    """Read an `ONBUILD` of a base image.

    Args:
        text: What the image's config says.
        line: Where the `FROM` stands that names the image.
        image: The image.

    Raises:
        UnjudgeableError: It is not one instruction that is understood.
    """
    where = f"line {line} (ONBUILD of {image})"
    try:
        found = list(parse(text.encode()))
    except UnjudgeableError as fault:
        raise UnjudgeableError(f"{where}: {fault}") from fault
    if len(found) != 1:
        raise UnjudgeableError(f"{where}: it is not one instruction")
    return replace(found[0], line=line, image=image)
