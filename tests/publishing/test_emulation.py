"""What a builder cannot run is told before it builds (R20)."""

from pathlib import Path

import pytest

from image_assets.errors import BuildError
from image_assets.publishing.emulation import line_that_runs
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import BASE, NewFlavour, built, spec_for
from tests.support.builders import counting_docker


@pytest.mark.parametrize(
    ("dockerfile", "target", "line"),
    [
        ("FROM a\nCOPY x /\n", None, 0),
        ("FROM a\nCOPY x /\nRUN x\nRUN y\n", None, 3),
        ("FROM a AS One\nRUN x\nFROM one\n", None, 2),
        ("FROM a AS one\nRUN x\nFROM b\nCOPY --from=one / /\n", None, 0),
        ("FROM --platform=$BUILDPLATFORM a AS one\nRUN x\nFROM one\nRUN y\n", None, 0),
        ("FROM a AS one\nFROM b\nRUN y\n", "one", 0),
        ("FROM a AS one\nFROM b\nRUN y\n", "1", 3),
        ("FROM a AS one\nRUN x\n", "none", 0),
        ("FROM $X\nONBUILD RUN x\nENV A=b\n", None, 0),
        ("ARG B\nFROM a AS one\nRUN x\nFROM $B\n", None, 3),
        ("FROM a AS one-amd64\nRUN x\nFROM a AS one-arm64\nFROM one-$TARGETARCH\n", None, 0),
        ("FROM a\nRUN --x='\n", None, 2),
        ("RUN x\n", None, 0),
        ("# syntax=other/language\nFROM a\nRUN x\n", None, 0),
    ],
)
def test_the_run_that_needs_the_target_platform_is_found(
    dockerfile: str, target: str | None, line: int, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile)
    assert line_that_runs(tmp_path / "Dockerfile", target, {"B": "one"}, "linux/arm64") == line


@pytest.mark.parametrize("name", ["buildx", "remote"])
def test_another_platform_is_refused_before_the_build(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    (context / "Dockerfile").write_text(f"{BASE}\nRUN true\n")
    with pytest.raises(BuildError, match=r"^builder `.*cannot build for linux/s390x: line 5 .* of linux/") as caught:
        built(flavour, spec_for(flavour, context, platforms=("linux/s390x",)), destination, Task())
    assert "To repeat it" not in str(caught.value)


def test_a_builder_is_asked_for_its_platforms_once(
    new_flavour: NewFlavour, context: Path, destination: Repository, tmp_path: Path
) -> None:
    flavour, calls = counting_docker(new_flavour("buildx"), tmp_path)
    (context / "Dockerfile").write_text(f"{BASE}\nRUN true\n")
    for _ in range(2):
        with pytest.raises(BuildError, match="cannot build for linux/s390x"):
            built(flavour, spec_for(flavour, context, platforms=("linux/s390x",)), destination, Task())
    assert calls.read_text().count("buildx inspect") == 1


def test_what_only_copies_is_built_for_any_platform(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("buildx")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    built(flavour, spec_for(flavour, context, platforms=("linux/s390x",)), destination, Task()).discard()
    with pytest.raises(BuildError, match="keeps no images of other systems"):
        built(flavour, spec_for(flavour, context, platforms=("windows/amd64",)), destination, Task())
