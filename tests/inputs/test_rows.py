"""A new input is its row, its attribute and, for an option of the build, its place in the command line.

What is missing is named by the test that fails.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from image_assets.docker import BuildSpec
from image_assets.docker.argv import Arguments, ToStore, build_argv
from image_assets.docker.dialect import BUILDX
from image_assets.inputs.build_fields import BUILD_FIELDS, INVALIDATION
from image_assets.inputs.field import Counts, Field
from image_assets.inputs.image import COMPUTED, IMAGE_FIELDS, Inputs, attribute, parse
from image_assets.inputs.options import BuildOptions
from image_assets.inputs.settings import SETTINGS, Settings, snake
from image_assets.inputs.types import Anything, Flag, Listing, Mapped, Number, Record, Shape, Text, Word, freeze
from image_assets.plan.plan import counted_options

#: Options of the build that the program which builds is not told by a flag of their own, and what they do instead.
NO_FLAG = {
    "buildSecrets": "their values travel apart",
    "platform": "is one of `platforms`",
    "extraHash": "counts, and does no more",
    "assetHash": "replaces the fingerprint",
}
BUILD_OPTIONS = [option.name for option in dataclasses.fields(BuildOptions)]
COUNTED = [row for row in BUILD_FIELDS if row.counts is Counts.OPTION]
SAMPLES: dict[str, Any] = {
    "platform": "linux/s390x",
    "platforms": ["linux/s390x"],
    "provenance": "max",
    "buildFlags": ["--sample"],
}
MINIMAL = {"directory": "app", "repository": "localhost:5000/app"}


def sample(shape: Shape) -> Any:
    """Return a wire value of a shape that is not its default."""
    if isinstance(shape, Listing):
        return [sample(shape.item)]
    if isinstance(shape, Mapped):
        return {"a": sample(shape.item)}
    if isinstance(shape, Record):
        # One member is enough, and all that must be there.
        needed = [member for member in shape.members if member.required] or [shape.members[0]]
        return {member.name: sample(member.shape) for member in needed}
    if isinstance(shape, Text):
        return list(shape.choices.values.values())[-1] if shape.choices else "sample"
    return {Flag: True, Number: 42, Anything: {"a": "b"}}[type(shape.beside if isinstance(shape, Word) else shape)]


def sample_of(row: Field) -> Any:
    return SAMPLES.get(row.name, sample(row.shape))


def test_every_row_has_an_attribute_and_every_attribute_a_row() -> None:
    attributes = {one.name for one in dataclasses.fields(Inputs)} - {"unknown", *map(attribute, COMPUTED)}
    assert {attribute(row.name) for row in IMAGE_FIELDS} == attributes


def test_every_setting_has_an_attribute_and_every_attribute_a_row() -> None:
    assert {snake(member.name) for member in SETTINGS.members} == {one.name for one in dataclasses.fields(Settings)}


def test_every_option_that_counts_reaches_the_build() -> None:
    reaching = {row.name for row in COUNTED if attribute(row.name) in BUILD_OPTIONS}
    assert {row.name for row in COUNTED} - reaching == NO_FLAG.keys()


@pytest.mark.parametrize("name", BUILD_OPTIONS)
def test_every_option_of_the_build_has_its_place_in_the_command_line(name: str) -> None:
    row = next(row for row in BUILD_FIELDS if attribute(row.name) == name)
    plain = BuildSpec(context=Path("/c"), dockerfile=Path("/c/Dockerfile"))
    given = dataclasses.replace(plain, **{name: freeze(row.shape, sample_of(row))})
    commands = [build_argv(("x",), BUILDX, spec, Arguments(), ToStore("t")) for spec in (plain, given)]
    assert commands[0] != commands[1], f"`{row.name}` changes nothing in the command line: see docker/argv.py"


@pytest.mark.parametrize("row", [row for row in COUNTED if row.name != "assetHash"], ids=lambda row: row.name)
def test_every_option_counts_and_can_be_switched_off(row: Field) -> None:
    assert row.switch in {member.name for member in INVALIDATION.members}
    off = {"invalidation": {row.switch: False}}
    options = [
        sorted(counted_options(parse({**MINIMAL, **more}), Settings()))
        for more in ({}, {row.name: sample_of(row)}, off, {row.name: sample_of(row), **off})
    ]
    assert options[0] != options[1]
    assert options[2] == options[3]
