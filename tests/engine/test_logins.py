"""Whose login each registry gets, on real registries that note every login they refuse (R17, R30)."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.engine.test_program import asset, counted
from tests.fakes.certificates import make_certificates
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry
from tools.kit import registry as local_registry

pytestmark = pytest.mark.usefixtures("docker_engine")

#: Users with the passwords that a registry of theirs knows, hashed with bcrypt.
USERS = {
    "ann": ("plain-text-1", "$2b$04$TucD8X3c2irRJHTuzstvF.1mV76kPFLuWq7/6uynVnDMui/d23Pnq"),
    "bob": ("plain-text-2", "$2b$04$n9dG0iM0tSAil6T6VldoA.zN.LH4W3xOmeBptWLRyYN2juaJYV0ya"),
}
NewRegistry = Callable[[str], Registry]


@pytest.fixture(params=["http", "tls"])
def registry_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewRegistry]:
    """A maker of registries that let one user in."""
    tls = make_certificates(tmp_path, "localhost").server if request.param == "tls" else None
    with ExitStack() as running:

        def make(user: str) -> Registry:
            password, hashed = USERS[user]
            folder = tmp_path / f"registry of {user}"
            folder.mkdir()
            return Registry(
                running.enter_context(local_registry.running(folder, f"{user}:{hashed}\n", tls)), user, password
            )

        yield make


def auth(registry: Registry) -> dict[str, Any]:
    return {"registryAuth": {"username": registry.username, "password": registry.password}}


def refused_logins(registry: Registry) -> list[str]:
    """Return what the registry noted of logins that it does not know."""
    return [line for line in registry.local.log.read_text().splitlines() if "error authenticating user" in line]


def configure(project: Project, *registries: Registry) -> None:
    for number, registry in enumerate(registries):
        project.set_config(f"image-assets:registries[{number}].address", registry.address)
        project.set_config(f"image-assets:registries[{number}].username", registry.username)
        project.set_config(f"image-assets:registries[{number}].password", registry.password, secret=True)


def test_a_copy_between_two_registries_uses_the_login_of_each(
    registry_of: NewRegistry, new_project: NewProject, tmp_path: Path
) -> None:
    ours, theirs = registry_of("ann"), registry_of("bob")
    one = "resources:\n" + asset("a", "app", f"{ours.address}/team/app", **auth(ours))
    project = new_project(one)
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    calls = counted(project, tmp_path / "count")
    project.up()
    project.write(one + asset("b", "app", f"{theirs.address}/app", **auth(theirs)))
    project.up()
    builds = [line for line in calls.read_text().splitlines() if "build " in line and "--file" in line]
    (tag,) = ours.tags("team/app")
    assert theirs.digest("app", tag) == ours.digest("team/app", tag)
    assert len(builds) == 1
    assert (refused_logins(ours), refused_logins(theirs)) == ([], [])


def test_an_asset_that_moves_is_removed_from_its_old_registry_by_the_settings_login(
    registry_of: NewRegistry, new_project: NewProject
) -> None:
    ours, theirs = registry_of("ann"), registry_of("bob")
    project = new_project("resources:\n" + asset("a", "app", f"{ours.address}/app", retainOnDelete=False))
    configure(project, ours)
    project.set_config("image-assets:checkPublished", "always")
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    project.up()
    (tag,) = ours.tags("app")
    project.write("resources:\n" + asset("a", "app", f"{theirs.address}/app", **auth(theirs), retainOnDelete=False))
    project.up()
    assert (ours.tags("app"), theirs.tags("app")) == ([], [tag])
    configure(project, ours, theirs)
    project.up()  # a destroy has the configuration that the state holds
    project.refresh(expect_no_changes=True)
    project.destroy()
    assert theirs.tags("app") == []
    assert (refused_logins(ours), refused_logins(theirs)) == ([], [])


@pytest.mark.parametrize("registry_of", ["http"], indirect=True)
def test_a_base_image_is_pulled_by_the_login_that_another_asset_was_given(
    registry_of: NewRegistry, new_project: NewProject
) -> None:
    """N30: and the login that the environment holds for that registry, which docker would prefer, does not count."""
    ours, theirs = registry_of("ann"), registry_of("bob")
    base = f"{ours.address}/team/base"
    project = new_project(
        "resources:\n"
        + asset("base", "base", base, **auth(ours))
        + asset("app", "app", f"{theirs.address}/app", buildArgs={"BASE": "${base.imageUri}"}, **auth(theirs))
    )
    stale = base64.b64encode(b"eve:stale").decode()
    places = {registry.address: {"auth": stale} for registry in (ours, theirs)}
    project.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": places})
    write_files(project.folder, {"base/Dockerfile": "FROM scratch\nCOPY . /\n"})
    write_files(project.folder, {"app/Dockerfile": "ARG BASE\nFROM $BASE\nCOPY . /app/\n"})
    project.up()
    assert len(theirs.tags("app")) == 1
    assert (refused_logins(ours), refused_logins(theirs)) == ([], [])


@pytest.mark.parametrize("registry_of", ["http"], indirect=True)
def test_configurations_that_docker_push_is_content_with(registry_of: NewRegistry, new_project: NewProject) -> None:
    """N27, N29: lines in `auth`; helpers that are missing, or named by nothing, where the file has the login."""
    ours = registry_of("ann")
    packed = base64.b64encode(f"{ours.username}:{ours.password}".encode()).decode()
    login = {ours.address: {"auth": f"{packed[:8]}\n{packed[8:]}\n"}}
    project = new_project("resources:\n" + asset("a", "app", f"{ours.address}/app"))
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    project.pulumi("stack", "ls")
    config = project.private / "docker" / "config.json"
    plugins = json.loads(config.read_text())
    config.write_text(json.dumps(plugins | {"auths": login, "credsStore": "gone", "credHelpers": {ours.address: ""}}))
    project.up()
    (tag,) = ours.tags("app")
    ours.delete_tag("app", tag)
    config.write_text(json.dumps(plugins | {"auths": login, "credsStore": "gone"}))
    project.refresh()
    project.up()
    assert ours.tags("app") == [tag]


def test_a_helper_that_is_missing_disturbs_nobody_who_needs_no_login(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    """N29."""
    project = new_project("resources:\n" + asset("a", "app", f"{registry.address}/{repository_name}"))
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    project.pulumi("stack", "ls")
    config = project.private / "docker" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"credsStore": "gone"}))
    project.up()
    assert len(registry.tags(repository_name)) == 1
