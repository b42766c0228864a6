"""Where `cache` keeps the layers of an asset."""

from pathlib import Path

import pytest

from image_assets.custom_resource import Job
from image_assets.docker.spec import KeptCache
from image_assets.inputs.image import Inputs
from image_assets.inputs.options import CacheOption
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.registries import Registries
from image_assets.plan.target import Target
from image_assets.publishing.kept_cache import cache_tag, kept_cache
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Repository, check_tag
from image_assets.task import Task

APP = Repository.parse("localhost:1/app")


def kept(
    word: str | None,
    folder: Path | None = None,
    *,
    name: str = "app",
    write: bool = False,
    platforms: tuple[str, ...] = (),
) -> KeptCache | None:
    """Ask for a cache; with `write` as a builder does that leaves something there."""
    job = Job(f"urn:pulumi:dev::proj::image-assets:index:PublishedImage::{name}")
    request = PublishRequest(job, Inputs(cache=word, platforms=platforms), Target(APP, "v1"), "f", {}, Login(), {})
    settings = Settings(cache_directory=str(folder) if folder else None)
    client = Registries(settings, GivenLogins()).client(APP, Task(), Login())
    with kept_cache(request, client, settings) as found:
        if write and found:
            directory = Path(found.target.params["dest"])
            directory.mkdir()
            (directory / "index.json").write_text(name)
        return found


def test_without_the_word_there_is_none() -> None:
    assert kept(None) is None


def test_a_registry_that_does_not_answer_is_left_to_the_builder() -> None:
    found = kept("registry")
    assert found
    assert found.source == CacheOption("registry", {"ref": "localhost:1/app:cache-app"})
    assert found.target.params == {
        "ref": "localhost:1/app:cache-app",
        "mode": "max",
        "ignore-error": "true",
        "image-manifest": "true",
        "oci-mediatypes": "true",
    }


def test_github_has_a_scope_for_each_asset() -> None:
    found = kept("gha")
    assert found
    assert found.source == CacheOption("gha", {"scope": "cache-app"})
    assert found.target.params == {"scope": "cache-app", "mode": "max", "ignore-error": "true"}


def test_on_this_machine_the_last_cache_stays_and_each_asset_has_its_own(tmp_path: Path) -> None:
    first = kept("local", tmp_path, write=True)
    assert first
    assert first.source is None
    for name, text in (("app", "app"), ("other", "other")):
        kept("local", tmp_path, name=name, write=True)
        again = kept("local", tmp_path, name=name)
        assert again
        assert again.source
        assert (Path(again.source.params["src"]) / "index.json").read_text() == text
    assert len(list((tmp_path / "layers").iterdir())) == 2


@pytest.mark.parametrize(("word", "key"), [("registry", "ref"), ("gha", "scope"), ("local", "dest")])
def test_platforms_that_different_nodes_build_do_not_share_a_cache(word: str, key: str, tmp_path: Path) -> None:
    asked = ("linux/amd64", "linux/arm64")
    found = kept(word, tmp_path, platforms=asked)
    assert found
    assert tuple(found.parts) == asked
    assert len({one.target.params[key] for one in (found, *found.parts.values())}) == 3


@pytest.mark.parametrize("name", ["a", "a/b", "a b", "é", "x" * 122, "x" * 123, "x" * 300, "a:b@c"])
def test_every_name_has_a_tag_of_its_own(name: str) -> None:
    check_tag(cache_tag(name))
    assert cache_tag(name).startswith("cache-")
    assert len({cache_tag(name), cache_tag(name + "/"), cache_tag(name + "-"), cache_tag(name + "y")}) == 4
