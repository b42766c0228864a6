"""Flags of the build command: most are passed on; what the command would misread is told before it runs."""

from typing import Any

import pytest

from image_assets.errors import InputError
from image_assets.inputs.image import parse
from image_assets.values import UNKNOWN, Secret


def parsed(flags: list[Any]) -> tuple[str, ...]:
    return parse({"directory": "app", "repository": "r.io/x", "buildFlags": flags}).build_flags


@pytest.mark.parametrize(
    "flags",
    [
        ["--add-host", "a:1"],
        ["-qDx"],
        ["--tag-like=x"],
        ["--new", "tag"],
        ["-q", "--pull", "--no-cache"],
        ["--annotation", "k=-t"],
        ["--build-arg", "--weird", "--rm=false"],
        ["--cpu-rt-period", "5", "-m", "1g", "-m2g", "-v", "/a:/b"],
        ["--no-cache-filters", "x", "--future"],
    ],
)
def test_other_flags_are_passed_on(flags: list[str]) -> None:
    assert parsed(flags) == tuple(flags)


def test_words_that_are_not_known_yet_may_be_anything() -> None:
    assert parsed(["--add-host", UNKNOWN, UNKNOWN, "x"]) == ("--add-host", "x")


@pytest.mark.parametrize(
    ("flags", "path", "part"),
    [
        (["--no-cach"], "buildFlags[0]", "did you mean --no-cache?"),
        (["--pull", "--add_host=a:1"], "buildFlags[1]", "did you mean --add-host?"),
        (["--No-Cache"], "buildFlags[0]", "did you mean --no-cache?"),
        (["network=host"], "buildFlags[0]", "belongs to no flag"),
        (["--pull", "always"], "buildFlags[1]", "belongs to no flag"),
        (["--add-host=a:1", "b:2"], "buildFlags[1]", "belongs to no flag"),
        (["-q", "x"], "buildFlags[1]", "belongs to no flag"),
        (["--pull", "--add-host"], "buildFlags[1]", "wants a value"),
        (["-m"], "buildFlags[0]", "wants a value"),
        (["--builder", "mine"], "buildFlags[0]", "use the input `builder`"),
        (["--pull", "-o"], "buildFlags[1]", "the image goes to `repository`"),
        (["--progress=rawjson"], "buildFlags[0]", "`buildOutput`"),
        ([Secret("--no-cach")], "buildFlags[0]", "did you mean --no-cache?"),
    ],
)
def test_what_the_command_would_misread_is_told(flags: list[Any], path: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(flags)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert part in problem.reason
    assert problem.is_shown is not isinstance(flags[0], Secret)
