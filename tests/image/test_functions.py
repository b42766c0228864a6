"""What `getImage` tells of images that are not there (R4)."""

from pathlib import Path
from typing import Any

import pytest

from image_assets.errors import RegistryError
from image_assets.image.functions import get_image
from image_assets.image.program import Program
from image_assets.inputs.settings import Settings
from image_assets.reference import Reference
from image_assets.task import Task
from image_assets.values import UNKNOWN, Secret
from tests.fakes.registry import Auth, FakeRegistry
from tests.transfer.test_copy import fill

LOGIN = {"username": "robot", "password": Secret("secret")}


def program(tmp_path: Path, *own: str, in_preview: bool) -> Program:
    made = Program(Settings(cache_directory=str(tmp_path / "cache")), tmp_path)
    made.in_preview = in_preview
    for reference in map(Reference.parse, own):
        made.own.note(reference.repository, (str(reference.tag),), UNKNOWN)
    return made


@pytest.mark.parametrize("login", [{}, {"registryAuth": LOGIN}])
def test_a_preview_goes_on_without_what_its_own_program_is_about_to_publish(
    tmp_path: Path, login: dict[str, Any]
) -> None:
    with FakeRegistry(auth=Auth("basic")) as registry:
        name, lines = f"{registry.host}/a/b:1", list[str]()
        found = get_image(
            program(tmp_path, name, in_preview=True), {"reference": name, **login}, Task(warn=lines.append)
        )
    assert found == {"imageUri": name, "platforms": [], "labels": {}}
    assert [name in line and "imageDigestUri" in line for line in lines] == [True]


def test_what_its_own_program_has_published_is_told_in_previews_too(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        image, name = fill(registry.host), f"{registry.host}/a/b:1"
        found = get_image(program(tmp_path, name, in_preview=True), {"reference": name}, Task())
    assert found["imageDigest"] == image.digest


@pytest.mark.parametrize(("is_own", "in_preview"), [(True, False), (False, True), (False, False)])
def test_an_image_that_is_not_there_is_an_error_otherwise(tmp_path: Path, *, is_own: bool, in_preview: bool) -> None:
    with FakeRegistry() as registry:
        name = f"{registry.host}/a/b:1"
        asked = program(tmp_path, *([name] if is_own else []), in_preview=in_preview)
        with pytest.raises(RegistryError, match="there is no image"):
            get_image(asked, {"reference": name}, Task())
