"""Flags that are none of ours, or that only look like the refused ones, are passed on."""

import pytest

from image_assets.inputs.image import parse


@pytest.mark.parametrize(
    "flags", [["--add-host", "a:1"], ["-qDx"], ["--tag-like=x"], ["tag"], ["-q"], ["--annotation", "k=-t"], ["--pull"]]
)
def test_other_flags_are_passed_on(flags: list[str]) -> None:
    parsed = parse({"directory": "app", "repository": "r.io/x", "buildFlags": flags})
    assert parsed.build_flags == tuple(flags)
