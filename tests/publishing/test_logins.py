"""Whose login the builder uses, and what becomes of the user's configuration (R17, R30)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.errors import BuildError, RegistryError
from image_assets.oci.keychain import Credential
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import NewFlavour, built, spec_for
from tests.publishing.test_images import publish
from tests.support.builders import Flavour
from tests.support.registry import Registry

WRONG = Credential("nobody", "wrong-password")


@pytest.fixture
def private(registry_with_auth: Registry, repository_name: str) -> Repository:
    return Repository.parse(f"{registry_with_auth.address}/{repository_name}")


def right(registry: Registry) -> Credential:
    return Credential(registry.username, registry.password)


def podman_flags(flavour: Flavour) -> tuple[str, ...]:
    return ("--tls-verify=false",) if flavour.name == "podman" else ()


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a configuration, apart from buildx's own notes."""
    files = (path for path in folder.rglob("*") if path.is_file() and "buildx" not in path.parts)
    return {str(path): path.read_bytes() for path in files if path.name != "docker-buildx"}


def test_an_image_goes_to_and_comes_from_a_private_registry_by_the_logins_given(
    flavour: Flavour, context: Path, private: Repository, registry_with_auth: Registry
) -> None:
    """R17."""
    config = flavour.config / "config.json"
    config.write_text(json.dumps({"auths": {registry_with_auth.address: {"auth": "bm9ib2R5Om5v"}}, "x": [1]}, indent=7))
    before = snapshot(flavour.config)
    logins = {private.registry: right(registry_with_auth)}
    base = built(flavour, spec_for(flavour, context, credentials=logins), private, Task())
    pushed = publish(base, private)
    reference = f"{private}@{pushed}" if ":" in pushed else f"{private}:{pushed}"
    (context / "Dockerfile").write_text(f"FROM {reference}\nCOPY busybox /again\n")
    spec = spec_for(flavour, context, credentials=logins, build_flags=podman_flags(flavour))
    name = publish(built(flavour, spec, private, Task()), private)
    assert len(registry_with_auth.manifest(private.path, name)["layers"]) == 3
    assert snapshot(flavour.config) == before


def test_a_login_in_the_environment_serves_every_builder_and_beats_no_login_given(
    flavour: Flavour, context: Path, private: Repository, registry_with_auth: Registry
) -> None:
    """N30: GitLab's runners set `DOCKER_AUTH_CONFIG`, which some programs prefer to files and others never read."""
    logins = {private.registry: right(registry_with_auth)}
    stale = with_variable(flavour, private.registry, "nobody:old")
    base = publish(built(stale, spec_for(stale, context, credentials=logins), private, Task()), private)
    reference = f"{private}@{base}" if ":" in base else f"{private}:{base}"
    (context / "Dockerfile").write_text(f"FROM {reference}\nCOPY busybox /again\n")
    fresh = with_variable(flavour, private.registry, f"{registry_with_auth.username}:{registry_with_auth.password}")
    for chosen, given in ((stale, logins), (fresh, {})):
        spec = spec_for(chosen, context, credentials=given, build_flags=podman_flags(chosen))
        name = publish(built(chosen, spec, private, Task()), private)
        assert registry_with_auth.digest(private.path, name)


def with_variable(flavour: Flavour, registry: str, login: str) -> Flavour:
    """Give the environment a login."""
    packed = base64.b64encode(login.encode()).decode()
    variable = json.dumps({"auths": {registry: {"auth": packed}}})
    return replace(flavour, environ={**flavour.environ, "DOCKER_AUTH_CONFIG": variable})


def test_a_wrong_login_is_told_and_the_users_own_does_not_help(
    either: Flavour, context: Path, private: Repository, registry_with_auth: Registry
) -> None:
    own = base64.b64encode(f"{registry_with_auth.username}:{registry_with_auth.password}".encode()).decode()
    (either.config / "config.json").write_text(json.dumps({"auths": {private.registry: {"auth": own}}}))
    spec = spec_for(either, context, credentials={private.registry: WRONG})
    with pytest.raises((BuildError, RegistryError)) as caught:
        publish(built(either, spec, private, Task()), private)
    assert "wrong-password" not in str(caught.value)


def test_the_users_helper_and_store_still_serve_other_registries(
    either: Flavour, context: Path, tmp_path: Path, private: Repository, registry: Registry
) -> None:
    """R30: a base image is pulled by the user's `credsStore`, the push is by ours."""
    flavour = with_store(either, tmp_path, {private.registry: ("robot", "plain-text-1")})
    before = snapshot(flavour.config)
    name = publish(built(flavour, spec_for(flavour, context), private, Task()), private)
    logins = {registry.address: Credential("any", "thing")}
    (context / "Dockerfile").write_text(f"FROM {private}{'@' if ':' in name else ':'}{name}\nCOPY busybox /again\n")
    elsewhere = Repository.parse(f"{registry.address}/{private.path}")
    publish(built(flavour, spec_for(flavour, context, credentials=logins), elsewhere, Task()), elsewhere)
    assert snapshot(flavour.config) == before


def with_store(flavour: Flavour, tmp_path: Path, logins: dict[str, tuple[str, str]]) -> Flavour:
    """Give the user a credentials store that knows these logins."""
    programs = tmp_path / "store"
    programs.mkdir()
    cases = " ".join(
        f"{host}) echo '{json.dumps({'Username': login[0], 'Secret': login[1]})}'; exit;;"
        for host, login in logins.items()
    )
    script = programs / "docker-credential-ofuser"
    missing = "echo credentials not found in native keychain; exit 1"
    script.write_text(f'#!/bin/sh\nread host\ncase "$host" in {cases} esac\n{missing}\n')
    script.chmod(0o755)
    (flavour.config / "config.json").write_text(json.dumps({"credsStore": "ofuser"}))
    return replace(flavour, environ={**flavour.environ, "PATH": f"{programs}:{flavour.environ['PATH']}"})


def test_two_builds_with_different_logins_do_not_disturb_each_other(
    new_flavour: NewFlavour, context: Path, private: Repository, registry_with_auth: Registry
) -> None:
    """R30."""
    flavour = new_flavour("remote")
    good = spec_for(flavour, context, credentials={private.registry: right(registry_with_auth)})
    bad = spec_for(flavour, context, credentials={private.registry: WRONG}, labels={"a": "b"})
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(built, flavour, spec, private, Task()) for spec in (good, bad)]
    assert results[0].exception() is None
    assert isinstance(results[1].exception(), BuildError)
