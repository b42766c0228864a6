"""A web page, or a sign-in page, in a registry's place: an error that says so, and a state that stays (R12, R39)."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import NewProject
from tests.fakes.images import an_image, docker_save, oci_layout
from tests.fakes.registry import FakeRegistry, answer
from tests.support.project import Project

PROGRAM = """
resources:
  app:
    type: image-assets:TarballImageAsset
    properties:
      tarballFile: image.tar
      repository: {repository}
outputs:
  imageDigest: ${{app.imageDigest}}
"""
PAGE = answer(200, body=b"<!doctype html><title>Sign in</title>", Content_Type="text/html")


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def project(new_project: NewProject, registry: FakeRegistry) -> Project:
    return new_project(PROGRAM.format(repository=f"{registry.host}/team/app"))


def a_page(registry: FakeRegistry) -> None:
    registry.fail("*", "", PAGE, times=10_000)


def a_sign_in(registry: FakeRegistry) -> None:
    registry.fail("*", "^/login", PAGE, times=10_000)
    registry.fail("*", "", answer(302, Location=f"{registry.origin}/login"), times=10_000)


@pytest.mark.parametrize("archive", [docker_save(an_image()), oci_layout(an_image())], ids=["docker save", "layout"])
@pytest.mark.parametrize("page", [a_page, a_sign_in])
def test_a_page_in_a_registrys_place_fails_up_and_leaves_the_state_in_refresh(
    project: Project, registry: FakeRegistry, page: Callable[[FakeRegistry], None], archive: bytes
) -> None:
    (project.folder / "image.tar").write_bytes(archive)
    page(registry)
    failed = project.up(check=False)
    assert failed.code != 0
    assert "this is not a registry: the answer is a web page" in failed.messages("error")
    assert not registry.calls("PUT")

    registry.heal()
    digest = project.up().outputs["imageDigest"]
    page(registry)
    refreshed = project.refresh()
    assert "the state is kept as it was" in refreshed.messages("warning")
    assert refreshed.outputs["imageDigest"] == digest
    registry.heal()
    assert project.up().outputs["imageDigest"] == digest
