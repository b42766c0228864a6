"""A stage that is not there, told before the build (R26)."""

from pathlib import Path
from typing import Any

import pytest

from image_assets.inputs.image import parse
from image_assets.inputs.settings import Settings
from image_assets.plan.plan import locate
from image_assets.plan.stages import missing_stage
from image_assets.values import UNKNOWN, Secret
from tests.support.contexts import write_files

DOCKERFILE = "FROM scratch AS build\nCOPY . /\nFROM build AS Test\nFROM scratch\n"
OTHER_SYNTAX = "# syntax=my/frontend\nFROM scratch\n"


def told(base: Path, **values: Any) -> str:
    write_files(base, {"app/Dockerfile": DOCKERFILE, "app/none": "FROM scratch\n", "app/odd": OTHER_SYNTAX})
    return missing_stage(locate(parse({"directory": "app", "repository": "r.io/x", **values}), base), Settings())


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"target": "biuld"}, '"biuld"; did you mean build?'),
        ({"target": Secret("9")}, '"9"; there are build, test'),
        ({"target": "x", "file": "none"}, '"x"; name one by `FROM image AS name`'),
        ({"target": "x", "dockerfileInline": "FROM scratch AS y"}, '"x"; there are y'),
    ],
)
def test_a_stage_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, values: dict[str, Any], advice: str
) -> None:
    assert told(tmp_path, **values) == f"target: the Dockerfile has no stage {advice}"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"target": "build"},
        {"target": "TEST"},
        {"target": "2"},
        {"target": UNKNOWN},
        {"target": "x", "file": UNKNOWN},
        {"target": "x", "file": "odd"},
        {"target": "x", "buildArgs": {"BUILDKIT_SYNTAX": "my/frontend"}},
        {"target": "x", "buildContexts": {"x": "docker-image://r.io/x"}},
        {"target": "x", "directory": "https://host/it.git"},
    ],
)
def test_a_stage_that_is_there_or_may_be_is_nothing_to_tell(tmp_path: Path, values: dict[str, Any]) -> None:
    assert told(tmp_path, **values) == ""
