"""Removing a tag where registries delete in their own ways: if nothing was deleted, a warning says so (R12)."""

import pytest

from image_assets.oci import Limits, NoKeychain, RegistryClient
from image_assets.publishing.removal import remove_tags
from image_assets.reference import Repository
from tests.fakes.registry import FakeRegistry, Rules, answer
from tests.oci.samples import push_image
from tests.publishing.conftest import Heard


def removed(registry: FakeRegistry, heard: Heard) -> str:
    """Push an image, remove its tag, and return the image's digest."""
    client = RegistryClient(registry.host, NoKeychain(), heard.task, limits=Limits(retrying=2))
    digest = push_image(client, "team/app", "v1")
    remove_tags(client, Repository(registry.host, "team/app"), {"v1": digest}, heard.task)
    return digest


@pytest.mark.parametrize("deletes", ["all", "digests"])
def test_a_tag_goes_where_registries_delete_at_all(heard: Heard, deletes: str) -> None:
    with FakeRegistry(Rules(deletes=deletes)) as registry:
        removed(registry, heard)
        assert (registry.store.tags["team/app"], heard.warn) == ({}, [])


def no_such_route(registry: FakeRegistry) -> None:
    registry.fail("DELETE", "", answer(404, body=b"404 page not found"), times=99)


def unsupported(registry: FakeRegistry) -> None:
    registry.fail("DELETE", "", answer(400, "UNSUPPORTED"), times=99)


def not_allowed(registry: FakeRegistry) -> None:
    registry.fail("DELETE", "", answer(405), times=99)


@pytest.mark.parametrize("refuses", [no_such_route, unsupported, not_allowed], ids=lambda one: one.__name__)
def test_a_registry_that_deletes_nothing_is_a_warning(heard: Heard, refuses: object) -> None:
    """GHCR and Docker Hub."""
    assert callable(refuses)
    with FakeRegistry() as registry:
        refuses(registry)
        digest = removed(registry, heard)
        assert registry.store.tags["team/app"] == {"v1": digest}
        assert heard.warn == [
            f"{registry.host}/team/app@{digest} is kept: the registry deletes neither tags nor manifests"
        ]


@pytest.mark.parametrize("listed", [b'{"tags": null}', b'{"tags": ["v2"]}'], ids=["nothing", "others"])
def test_what_a_list_of_tags_without_the_tag_itself_hides_stays(heard: Heard, listed: bytes) -> None:
    """The manifest may go only if no other tag needs it, which such a list cannot tell."""
    with FakeRegistry(Rules(deletes="digests")) as registry:
        registry.fail("GET", "/tags/list", answer(200, body=listed), times=9)
        digest = removed(registry, heard)
        assert registry.store.tags["team/app"] == {"v1": digest}
        (warning,) = heard.warn
        assert warning == (
            f"{registry.host}/team/app@{digest} is kept: the registry deletes no single tags, and its list of tags "
            "cannot be relied on, as it lacks v1"
        )
