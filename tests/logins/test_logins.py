"""Whose login a registry gets when several resources and the settings know one."""

from pathlib import Path

import pytest

from image_assets.inputs.settings import parse_settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.logins import Logins, ProgramKeychain
from image_assets.oci.keychain import Credential
from image_assets.reference import Repository
from image_assets.task import Task


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the logins of whoever runs the tests out of them."""
    for name in ("DOCKER_CONFIG", "HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))


def auth(user: str) -> dict[str, str]:
    return {"username": user, "password": f"of {user}"}


def keychain(
    resources: dict[str, str], configured: dict[str, str] | None = None, own: str | None = None
) -> ProgramKeychain:
    """Return the logins of a program: users by repository, by configured address, and of the one who asks."""
    given = GivenLogins()
    for repository, user in resources.items():
        given.enter(f"urn of {user}", Repository.parse(repository), auth(user))
    registries = [{"address": address, **auth(user)} for address, user in (configured or {}).items()]
    return Logins(parse_settings({"registries": registries}), given).keychain(Login(auth(own) if own else {}), Task())


def user(found: Credential | None) -> str | None:
    return found.username if found else None


def test_a_login_is_for_the_registry_of_its_own_repository_whoever_asks() -> None:
    both = {"a.io/app": "ann", "b.io/app": "bob"}
    for own in (None, "ann", "bob"):
        asked = keychain(both, own=own)
        assert [user(asked.resolve(host, "app")) for host in ("a.io", "b.io", "c.io")] == ["ann", "bob", None]


def test_a_resource_that_has_moved_takes_no_login_back_to_where_it_was() -> None:
    moved = keychain({"b.io/app": "bob"}, {"a.io": "ann"}, own="bob")
    assert user(moved.resolve("a.io", "app")) == "ann"


def test_each_repository_of_a_registry_has_its_own_login() -> None:
    asked = keychain({"a.io/one/app": "ann", "a.io/two/app": "bob"})
    paths = ("one/app", "two/app", "one/base", "two/deep/base", "elsewhere")
    assert [user(asked.resolve("a.io", path)) for path in paths] == ["ann", "bob", "ann", "bob", "ann"]


def test_of_logins_that_are_equally_near_a_resource_uses_its_own() -> None:
    both = {"a.io/one": "ann", "a.io/two": "bob"}
    assert [user(keychain(both, own=own).resolve("a.io", "base")) for own in ("ann", "bob")] == ["ann", "bob"]


def test_of_two_logins_for_one_repository_each_resource_uses_its_own() -> None:
    given = GivenLogins()
    for name in ("ann", "bob"):
        given.enter(name, Repository.parse("a.io/app"), auth(name))
    logins = Logins(parse_settings({}), given)
    for name in ("ann", "bob"):
        assert user(logins.keychain(Login(auth(name)), Task()).resolve("a.io", "app")) == name


def test_the_settings_beat_no_login_of_the_repository_but_that_of_another_one() -> None:
    asked = keychain({"a.io/team/app": "ann"}, {"a.io/team": "setting"})
    assert user(asked.resolve("a.io", "team/app")) == "ann"
    assert user(asked.resolve("a.io", "team/base")) == "setting"
    assert user(asked.resolve("a.io", "other/base")) == "ann"


def test_docker_hub_is_one_registry_under_all_its_names() -> None:
    asked = keychain({"index.docker.io/me/app": "ann"}, {"https://index.docker.io/v1/": "setting"})
    assert user(asked.resolve("docker.io", "me/app")) == "ann"
    assert user(asked.resolve("docker.io", "library/nginx")) == "setting"


def test_later_inputs_of_a_resource_replace_its_earlier_ones() -> None:
    given = GivenLogins()
    given.enter("urn", Repository.parse("a.io/app"), auth("ann"))
    given.enter("urn", Repository.parse("b.io/app"), auth("ann"))
    assert (given.at("a.io", "app"), given.near("a.io", "app", {})) == ([], None)
    given.enter("urn", Repository.parse("b.io/app"), {})
    assert given.registries() == frozenset()


def test_a_refusal_names_what_was_looked_at_and_what_helps(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"credsStore": "gone"}')
    asked = keychain({})
    assert asked.resolve("r.io", "app") is None
    looked_at, remedy = asked.advice("r.io")
    assert looked_at.startswith(f"registryAuth, image-assets:registries, {config} (docker-credential-gone is not on")
    assert remedy == "run `docker login r.io`, or give `registryAuth` or the setting `image-assets:registries`"


def test_a_builder_gets_the_login_of_each_registry_by_the_image_that_is_named_there() -> None:
    asked = keychain({"a.io/app": "ann", "b.io/team/app": "bob", "b.io/x": "eve"}, {"c.io/deep": "setting"})
    found = asked.for_builder([("a.io", "app"), ("b.io", "team/base"), ("d.io", "free")], ("a.io", "app"))
    assert {host: login.username for host, login in found.items()} == {"a.io": "ann", "b.io": "bob", "c.io": "setting"}


def test_a_builder_that_pushes_nothing_gets_the_login_of_the_base_image() -> None:
    """Builders know one login for a registry: of a base image and a target there, that which it needs."""
    asked = keychain({"a.io/one/app": "ann", "a.io/two/base": "bob"}, own="ann")
    base, pushed = ("a.io", "two/base"), ("a.io", "one/app")
    assert user(asked.for_builder([base, pushed], pushed)["a.io"]) == "bob"
    assert user(asked.for_builder([pushed, base], pushed)["a.io"]) == "ann"
