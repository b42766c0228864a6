"""Which images a Dockerfile is built on, with variables as BuildKit puts them in."""

import pytest

from image_assets.context.bases import base_images
from image_assets.context.scope.words import UnjudgeableError
from image_assets.context.shell_words import expanded

STAGES = """\
ARG V=3.12
ARG IMAGE="python:${V}" UNSET
FROM $IMAGE AS Build
RUN --mount=type=bind,from=tools:1,source=/x,target=/y --mount=type=cache,target=/c make
FROM scratch AS unused
COPY --from=never:1 / /
FROM --platform=$BUILDPLATFORM alpine:$V AS cross
COPY --from=build / /
FROM ${UNSET:-cross}
COPY --from=0 --chown=1 / /
COPY --from=registry.example:5000/a/b:1 / /
"""


def bases(dockerfile: str, *, target: str | None = None, platform: str = "linux/amd64", **build_args: str) -> set[str]:
    return base_images(dockerfile.encode(), target, build_args, platform)


def test_all_that_the_stages_of_a_target_take_from_counts() -> None:
    whole = {"python:3.12", "tools:1", "alpine:3.12", "registry.example:5000/a/b:1"}
    assert bases(STAGES) == whole
    assert bases(STAGES, V="3.13") == {one.replace("3.12", "3.13") for one in whole}
    assert bases(STAGES, UNSET="debian") == whole - {"alpine:3.12"} | {"debian"}
    assert bases(STAGES, target="BUILD") == bases(STAGES, target="0") == {"python:3.12", "tools:1"}
    assert bases(STAGES, target="unused") == {"never:1"}
    assert bases(STAGES, target="cross", IMAGE="x") == {"x", "tools:1", "alpine:3.12"}


@pytest.mark.parametrize(
    ("dockerfile", "platform", "expected"),
    [
        ("FROM base-$TARGETARCH", "linux/arm64", {"base-arm64"}),
        ("FROM base-$TARGETOS-$TARGETARCH$TARGETVARIANT", "linux/arm/v7", {"base-linux-armv7"}),
        ("ARG A=$TARGETARCH\nARG B=x-$A\nFROM $B", "linux/arm64", {"x-arm64"}),
        ("ARG A=a\nARG A\nFROM x:$A", "linux/amd64", {"x:a"}),
        ("FROM a AS a\nFROM a", "linux/amd64", {"a"}),
        ("FROM later AS x\nFROM scratch AS later\nFROM x", "linux/amd64", {"later"}),
        ("# escape=\\\nFROM \\\n  x:1", "linux/amd64", {"x:1"}),
        ("FROM scratch\nRUN <<EOT\nFROM y\nEOT", "linux/amd64", set()),
    ],
)
def test_variables_and_names_are_those_of_buildkit(dockerfile: str, platform: str, expected: set[str]) -> None:
    assert bases(dockerfile, platform=platform) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", "a"),
        ("${A}b", "ab"),
        ("$AB", ""),
        ("${N:-x}${E:-y}${E-z}${N-w}", "xyw"),
        ("${A:+x}${E:+y}${E+z}${N+w}", "xz"),
        ("${N:-${A}:${N:-b c}}", "a:b c"),
        ("\"${A} 'x'\"'$A'", "a 'x'$A"),
        ("\\$A\\\\", "$A\\"),
        ('"\\$A\\x"', "$A\\x"),
        ("${A:?no}", "a"),
    ],
)
def test_words_are_read_as_by_buildkits_lexer(word: str, expected: str) -> None:
    assert expanded(word, {"A": "a", "E": ""}) == expected


@pytest.mark.parametrize(
    ("dockerfile", "part"),
    [
        ("FROM x-$BUILDARCH", "line 1 (FROM): BUILDARCH, the builder's own, is not known"),
        ("ARG B\nFROM $B", "$B is empty"),
        ("FROM ${A", "is not understood"),
        ("FROM ${A##\\x}", "is not understood"),
        ("FROM ${A:?none}", "A has no value: none"),
        ("ARG A='x\nFROM $A", "quote that does not end"),
        ("FROM x\nCOPY --from=$A / /", "line 2 (COPY): from=$A is computed"),
        ("# syntax=me/own\nFROM x", "asks for the syntax me/own"),
        ("RUN x", "it has no FROM"),
    ],
)
def test_what_cannot_be_told_is_said(dockerfile: str, part: str) -> None:
    with pytest.raises(UnjudgeableError) as caught:
        bases(dockerfile)
    assert part in str(caught.value)


def test_what_cannot_be_told_of_a_stage_that_is_not_needed_does_not_matter() -> None:
    assert bases("FROM x-$BUILDARCH AS a\nCOPY --from=$Z / /\nFROM y") == {"y"}
