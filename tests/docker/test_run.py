"""What buildx is told not to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.docker.run import frugal
from image_assets.docker.spec import BuildSpec

PLAIN = BuildSpec(context=Path("/src"), dockerfile=Path("/src/Dockerfile"))


def test_a_plain_build_asks_no_git() -> None:
    assert frugal(PLAIN, {"PATH": "/bin"}) == {"GOGC": "400", "BUILDX_GIT_INFO": "false"}


@pytest.mark.parametrize(
    "spec",
    [
        replace(PLAIN, provenance="max"),
        replace(PLAIN, build_flags=("--provenance=true",)),
        replace(PLAIN, build_flags=("--attest", "type=provenance")),
    ],
)
def test_provenance_tells_the_repository(spec: BuildSpec) -> None:
    assert "BUILDX_GIT_INFO" not in frugal(spec, {})


@pytest.mark.parametrize("name", ["BUILDX_GIT_INFO", "BUILDX_GIT_LABELS"])
def test_what_the_user_wants_of_git_stays(name: str) -> None:
    assert frugal(PLAIN, {name: "full"}) == {"GOGC": "400"}


def test_the_users_own_collector_stays() -> None:
    assert "GOGC" not in frugal(PLAIN, {"GOGC": "off"})
