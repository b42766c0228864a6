"""Whose login each registry gets, on real registries that note every login they refuse (R17, R30)."""

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.engine.test_program import asset, counted
from tests.fakes.certificates import make_certificates
from tests.fakes.images import an_image, docker_save
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


def with_counting_store(project: Project, registry: Registry, folder: Path) -> Path:
    """Give the user a credentials store that knows this registry's login; return its notes, a line for each run."""
    notes = folder / "helper.calls"
    answer = json.dumps({"Username": registry.username, "Secret": registry.password})
    script = f"#!/bin/sh\nread host\necho \"$host\" >> {notes}\necho '{answer}'\n"
    write_files(folder / "helpers", {"docker-credential-counted": script})
    (folder / "helpers" / "docker-credential-counted").chmod(0o755)
    project.environ["PATH"] = f"{folder / 'helpers'}{os.pathsep}{project.isolated_environ['PATH']}"
    project.pulumi("stack", "ls")
    config = project.private / "docker" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"credsStore": "counted"}))
    return notes


def test_forty_images_that_are_there_cost_a_ping_a_helper_and_a_question_each(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str, tmp_path: Path
) -> None:
    count = 40
    places = [f"{registry_with_auth.address}/{repository_name}/{number % 4}" for number in range(count)]
    program = "resources:\n" + "".join(asset(f"a{n}", f"a{n}", place) for n, place in enumerate(places))
    for name in ("first", "second"):
        project = new_project(program, name=name)
        for number in range(count):
            content = {"Dockerfile": "FROM scratch\nCOPY . /\n", "n.txt": str(number)}
            write_files(project.folder / f"a{number}", content)
        notes = with_counting_store(project, registry_with_auth, tmp_path / name)
        before = len(registry_with_auth.requests())
        project.environ["PULUMI_PARALLEL"] = "100"
        project.up()
    asked = registry_with_auth.requests()[before:]
    assert sorted((request.method, request.status) for request in asked) == [("GET", 401), *[("HEAD", 200)] * count]
    assert notes.read_text().splitlines() == [registry_with_auth.address]


def test_a_hundred_images_fit_within_256_descriptors(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str, tmp_path: Path
) -> None:
    place = f"{registry_with_auth.address}/{repository_name}"
    archives = [json.dumps({"tarballFile": f"{n}.tar", "repository": place}) for n in range(100)]
    project = new_project(
        "resources:\n"
        + "".join(
            f"  a{n}: {{type: 'image-assets:TarballImageAsset', properties: {a}}}\n" for n, a in enumerate(archives)
        )
    )
    for number in range(100):
        (project.folder / f"{number}.tar").write_bytes(docker_save(an_image(str(number))))
    limited(project, tmp_path, "ulimit -n 256")
    project.environ["PULUMI_PARALLEL"] = "100"
    configure(project, registry_with_auth)
    project.up()
    assert len(registry_with_auth.tags(repository_name)) == 100


def limited(project: Project, folder: Path, limit: str) -> None:
    """Start the plugin under a limit."""
    real = shutil.which("pulumi-resource-image-assets", path=project.isolated_environ["PATH"])
    wrapper = f'#!/bin/sh\n{limit} && exec {real} "$@"\n'
    write_files(folder / "limited", {"pulumi-resource-image-assets": wrapper})
    (folder / "limited" / "pulumi-resource-image-assets").chmod(0o755)
    project.environ["PATH"] = f"{folder / 'limited'}{os.pathsep}{project.isolated_environ['PATH']}"


@pytest.mark.parametrize("registry_of", ["http"], indirect=True)
def test_a_refusal_says_where_a_login_was_looked_for_and_what_helps(
    registry_of: NewRegistry, new_project: NewProject
) -> None:
    ours = registry_of("ann")
    project = new_project("resources:\n" + asset("a", "app", f"{ours.address}/app"))
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    without = project.up(check=False).messages("error")
    config = project.private / "docker" / "config.json"
    assert f"no credentials were found for {ours.address} in registryAuth, image-assets:registries, {config}" in without
    assert f"run `docker login {ours.address}`, or give `registryAuth` or the setting `image-assets:reg" in without
    assert "HTTP 401" in without
    assert "{" not in without
    wrong = {"registryAuth": {"username": "ann", "password": "wrong-word"}}
    project.write("resources:\n" + asset("a", "app", f"{ours.address}/app", **wrong))
    refused = project.up(check=False)
    assert f"at {ours.address} were used, from registryAuth; for others, run `docker login" in refused.messages("error")
    assert "wrong-word" not in refused.text


@pytest.mark.parametrize("registry_of", ["http", "tls"], indirect=True)
def test_a_user_without_a_directory_publishes_by_the_variable_alone(
    registry_of: NewRegistry, new_project: NewProject
) -> None:
    """As in CI's containers, where HOME is not set."""
    ours = registry_of("ann")
    properties = json.dumps({"tarballFile": "image.tar", "repository": f"{ours.address}/app"})
    project = new_project(f"resources:\n  a: {{type: 'image-assets:TarballImageAsset', properties: {properties}}}\n")
    (project.folder / "image.tar").write_bytes(docker_save(an_image()))
    login = base64.b64encode(f"{ours.username}:{ours.password}".encode()).decode()
    variable = json.dumps({"auths": {f"https://{ours.address}/v1/": {"auth": login}}})
    nowhere = dict.fromkeys(("HOME", "DOCKER_CONFIG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), "")
    project.environ.update(nowhere, DOCKER_AUTH_CONFIG=variable)
    project.up()
    assert len(ours.tags("app")) == 1


@pytest.mark.parametrize("registry_of", ["http"], indirect=True)
def test_a_base_image_that_needs_a_login_says_what_helps(registry_of: NewRegistry, new_project: NewProject) -> None:
    ours, theirs = registry_of("ann"), registry_of("bob")
    project = new_project("resources:\n" + asset("a", "app", f"{ours.address}/app", **auth(ours)))
    write_files(project.folder / "app", {"Dockerfile": f"FROM {theirs.address}/base:1\nCOPY . /\n"})
    failed = project.up(check=False).messages("error")
    assert "run `docker login HOST`, or give the setting `image-assets:registries`" in failed


def test_a_base_image_is_pulled_without_a_login_though_the_helper_is_missing(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    """N29: the program that builds gives up where docker's push goes on."""
    place = f"{registry.address}/{repository_name}"
    project = new_project(
        "resources:\n"
        + asset("base", "base", f"{place}/base")
        + asset("app", "app", f"{place}/app", buildArgs={"BASE": "${base.imageUri}"})
    )
    write_files(project.folder, {"base/Dockerfile": "FROM scratch\nCOPY . /\n"})
    write_files(project.folder, {"app/Dockerfile": "ARG BASE\nFROM $BASE\nCOPY . /app/\n"})
    project.pulumi("stack", "ls")
    config = project.private / "docker" / "config.json"
    helpers = {"credsStore": "gone", "credHelpers": {registry.address: "lost"}}
    config.write_text(json.dumps(json.loads(config.read_text()) | helpers))
    project.up()
    assert len(registry.tags(f"{repository_name}/app")) == 1
