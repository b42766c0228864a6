"""What the registries are asked about base images."""

import threading

import pytest

from image_assets.errors import InputError
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins
from image_assets.logins.registries import Registries
from image_assets.plan.bases import Base
from image_assets.publishing.base_digests import BaseDigests
from image_assets.reference import Reference
from image_assets.task import Task
from tests.fakes.registry import FakeRegistry, Fault


def test_bases_are_asked_for_side_by_side_and_all_that_are_missing_are_named_at_once() -> None:
    """The registry answers nobody until all ask."""
    all_ask = threading.Barrier(20)

    def hold(_handler: object) -> bool:
        all_ask.wait(60)
        return False

    with FakeRegistry() as registry:
        images = [f"{registry.host}/base{number}:1" for number in range(all_ask.parties)]
        registry.fail("HEAD", "/manifests/", Fault(before=hold), times=all_ask.parties)
        digests = BaseDigests(lambda: Registries(Settings(), GivenLogins()))
        bases = [Base(image, image, Reference.parse(image)) for image in images]
        with pytest.raises(InputError) as caught:
            digests.resolve(Inputs(), bases, Task(), {})
        assert [one.method for one in registry.calls()] == ["HEAD"] * all_ask.parties
    assert all(f"no base image {image} in its registry" in str(caught.value) for image in images)
