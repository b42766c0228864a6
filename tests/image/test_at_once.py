"""What is answered without waiting is what would be answered with it."""

from pathlib import Path
from typing import Any

import pytest

from image_assets.custom_resource import Job, State, Values
from image_assets.errors import InputError
from image_assets.image.program import Program
from image_assets.image.resource import PublishedImage
from image_assets.inputs.settings import Settings
from image_assets.task import Task
from image_assets.values import UNKNOWN
from tests.support.contexts import write_files

URN = "urn:pulumi:dev::proj::image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::app"
COMPONENT = "image-assets:index:DockerImageAsset"
JOB = Job(URN)
GIVEN = {"directory": "app", "repository": "localhost:1/x"}


def images(base: Path, check_published: str = "create") -> PublishedImage:
    write_files(base / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n", "a.txt": "a"})
    return PublishedImage(Program(Settings(cache_directory=str(base / "cache"), check_published=check_published), base))


def begun(images: PublishedImage, values: Values = GIVEN) -> PublishedImage:
    """Let a construction begin to read, and wait until that is done."""
    assert images.begin(URN, COMPONENT, values, Task())
    for reading in images.reading.values():
        reading.facts.result(timeout=30)
    return images


def test_what_was_read_ahead_is_checked_at_once(tmp_path: Path) -> None:
    waited = images(tmp_path).check(JOB, {}, GIVEN)
    made = begun(images(tmp_path))
    assert made.check_at_once(JOB, {}, GIVEN) == waited
    # It is handed out once: the next look is a new one.
    assert made.check_at_once(JOB, {}, GIVEN) is None
    (tmp_path / "app" / "a.txt").write_text("b")
    assert made.check(JOB, {}, GIVEN)["fingerprint"] != waited["fingerprint"]


def test_what_was_not_read_ahead_waits(tmp_path: Path) -> None:
    assert images(tmp_path).check_at_once(JOB, {}, GIVEN) is None


@pytest.mark.parametrize(
    "changed", [{"buildArgs": {"A": "1"}}, {"buildArgs": {"A": UNKNOWN}}, {"fingerprint": "0" * 64}]
)
def test_inputs_that_are_not_those_of_the_construction_wait(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert begun(images(tmp_path)).check_at_once(JOB, {}, {**GIVEN, **changed}) is None


def test_what_there_is_to_tell_waits(tmp_path: Path) -> None:
    """A warning goes to the engine, which takes its time."""
    given = {**GIVEN, "scope": "dockerfile"}
    made = begun(images(tmp_path), given)
    assert made.check_at_once(JOB, {}, given) is None
    told: list[str] = []
    made.check(Job(URN, Task(info=told.append)), {}, given)
    assert "narrows nothing" in "".join(told)


def test_bad_inputs_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nonsense"):
        begun(images(tmp_path)).check_at_once(JOB, {}, {**GIVEN, "repository": "Nonsense Name"})


def test_no_difference_is_told_at_once(tmp_path: Path) -> None:
    made = images(tmp_path)
    checked = made.check(JOB, {}, GIVEN)
    old = State("localhost:1/x:1", checked, {})
    assert made.is_same_at_once(JOB, old, checked)
    assert made.diff(JOB, old, checked) == ()
    for changed in ({"fingerprint": "0" * 64}, {"repository": "localhost:1/y"}):
        assert not made.is_same_at_once(JOB, old, {**checked, **changed})
        assert made.diff(JOB, old, {**checked, **changed})


def test_a_registry_is_not_asked_at_once(tmp_path: Path) -> None:
    made = images(tmp_path, "always")
    checked = made.check(JOB, {}, GIVEN)
    assert not made.is_same_at_once(JOB, State("localhost:1/x:1", checked, {}), checked)
