"""The configuration the program sees: the user's own plus our logins, in a temporary directory.

What stands beside docker's configuration (plugins, contexts, builders, certificates) is linked. For a registry we have
a login for, ours wins over the user's: `DOCKER_AUTH_CONFIG` beats `credHelpers`, which beat `credsStore`, which beats
`auths` (github.com/docker/cli `config/configfile`).
"""

import base64
import contextlib
import functools
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from image_assets.addresses import docker_key, host_of
from image_assets.docker.dialect import Dialect, Feature
from image_assets.frozen import dataclass
from image_assets.logins.docker_config import (
    CONFIG_FILE,
    VARIABLE,
    config_directory,
    docker_config,
    podman_configs,
    variable_config,
)
from image_assets.logins.helpers import TOKEN_USER, program_of
from image_assets.oci.keychain import Credential
from image_assets.own_folder import own_folder
from image_assets.programs.command import CommandMissingError
from image_assets.programs.if_killed import IfKilled
from image_assets.programs.own_program import SWEEP_FLAG, own_program

_HELPER: Final = "image-assets-overlay"

Config = dict[str, Any]


@dataclass(frozen=True)
class Overlay:
    """A directory of our own, gone at the end, and the environment that makes the program use it."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)


@functools.cache
def guard(parent: str) -> None:
    """Have the folders with logins swept, and the programs that were given them ended, if this process is killed.

    Nobody else would know of them: the builder's programs go on by themselves, and the next plugin to sweep may come
    much later or never.

    Args:
        parent: Where the folders are made.
    """
    # Without a shell the next plugin sweeps.
    with contextlib.suppress(CommandMissingError):
        IfKilled(own_program("image_assets.own_folder", SWEEP_FLAG, parent))


@contextlib.contextmanager
def overlay(
    environ: Mapping[str, str],
    credentials: Mapping[str, Credential],
    dialect: Dialect,
    folder: str | None = None,
) -> Iterator[Overlay]:
    """Make the directory, and remove it at the end.

    Args:
        environ: The provider's environment.
        credentials: Our logins by registry.
        dialect: The program's kind.
        folder: Where to make it, if the usual place for temporary files will not do.

    Raises:
        RegistryError: The user's configuration cannot be read.
    """
    # A token for the registry itself comes from the user's own configuration, and no helper can tell one.
    given = {**_in_variable(environ), **credentials}
    ours = {registry: login for registry, login in given.items() if not login.registry_token}
    write = _write_auth_file if dialect.can(Feature.OWN_AUTH_FILE) else _write_docker_config
    with own_folder(folder) as directory:
        yield Overlay(directory, write(directory, environ, ours))


def _write_docker_config(
    directory: Path, environ: Mapping[str, str], credentials: Mapping[str, Credential]
) -> dict[str, str]:
    """Fill the directory for docker and nerdctl; return the environment."""
    user = config_directory(environ)
    config = dict(docker_config(environ).content)
    logins = {docker_key(registry): login for registry, login in credentials.items()}
    environment = {"DOCKER_CONFIG": str(directory), **_without_ours(environ, credentials)}
    _link_entries(user, directory)
    if config.get("credsStore") and logins:
        environment["PATH"] = _add_helper(directory, config, logins, environ)
    else:
        _add_logins(config, logins)
    _write_private(directory / CONFIG_FILE, json.dumps(config))
    if (user / "buildx").is_dir() and "BUILDX_CONFIG" not in environ:
        # Builders are found by this directory, and buildx keeps its notes there: let it be the user's.
        environment["BUILDX_CONFIG"] = str((user / "buildx").resolve())
    return environment


def _in_variable(environ: Mapping[str, str]) -> dict[str, Credential]:
    """Return the logins of whole registries in the variable, which old versions of docker, and podman, do not read."""
    found = variable_config(environ)
    hosts = {host_of(key) for key in found.section("auths")} if found else set()
    stored = {host: found.written(host, "") for host in hosts} if found else {}
    return {host: login for host, login in stored.items() if login}


def _without_ours(environ: Mapping[str, str], credentials: Mapping[str, Credential]) -> dict[str, str]:
    """Take the registries that we have a login for out of the variable that beats every file."""
    if (found := variable_config(environ)) is None:
        return {}
    kept = {key: entry for key, entry in found.section("auths").items() if host_of(key) not in credentials}
    return {VARIABLE: json.dumps({**found.content, "auths": kept}) if kept else ""}


def _link_entries(source: Path, directory: Path) -> None:
    if not source.is_dir():
        return
    for entry in source.iterdir():
        # A link to a lock would make two processes of ours wait for each other.
        if entry.name != CONFIG_FILE and not entry.name.endswith(".lock"):
            (directory / entry.name).symlink_to(entry.absolute(), target_is_directory=entry.is_dir())


def _add_logins(config: Config, logins: Mapping[str, Credential]) -> None:
    """Put the logins into the configuration itself; helpers of the same registries go."""
    config["auths"] = _objects(config, "auths") | {key: _auth(login) for key, login in logins.items()}
    ours = set(map(host_of, logins))
    helpers = _objects(config, "credHelpers").items()
    config["credHelpers"] = {host: name for host, name in helpers if host_of(host) not in ours}


def _objects(config: Config, key: str) -> Config:
    value = config.get(key)
    return dict(value) if isinstance(value, dict) else {}


def _auth(login: Credential) -> Config:
    if login.identity_token:
        return {"identitytoken": login.identity_token, "auth": _basic(login.username or TOKEN_USER, "")}
    return {"auth": _basic(login.username, login.password)}


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _add_helper(directory: Path, config: Config, logins: Mapping[str, Credential], environ: Mapping[str, str]) -> str:
    """Serve our logins by a credential helper, as a `credsStore` hides `auths`; return the PATH that finds it."""
    programs = directory / "bin"
    programs.mkdir(mode=0o700)
    script = programs / program_of(_HELPER)
    _write_private(script, _helper_script(directory, logins))
    script.chmod(0o700)
    config["credHelpers"] = _objects(config, "credHelpers") | dict.fromkeys(logins, _HELPER)
    return os.pathsep.join((str(programs), environ.get("PATH", os.defpath)))


def _helper_script(directory: Path, logins: Mapping[str, Credential]) -> str:
    """Write a program of docker's credential helper protocol (github.com/docker/docker-credential-helpers)."""
    cases = []
    for index, (key, login) in enumerate(logins.items()):
        answer = directory / f"login-{index}.json"
        _write_private(answer, json.dumps(_helper_answer(key, login)))
        cases.append(f"{shlex.quote(key)}) exec cat {shlex.quote(str(answer))};;")
    lines = ("#!/bin/sh", 'test "$1" = get || exit 1', "read -r host", 'case "$host" in', *cases, "esac")
    return "\n".join((*lines, "echo 'credentials not found in native keychain'", "exit 1", ""))


def _helper_answer(key: str, login: Credential) -> Config:
    if login.identity_token:
        return {"ServerURL": key, "Username": TOKEN_USER, "Secret": login.identity_token}
    return {"ServerURL": key, "Username": login.username, "Secret": login.password}


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _write_auth_file(
    directory: Path, environ: Mapping[str, str], credentials: Mapping[str, Credential]
) -> dict[str, str]:
    """Fill the directory for podman (containers-auth.json(5)); return the environment."""
    config: Config = {}
    for found in reversed(tuple(podman_configs(environ))):
        for key in ("auths", "credHelpers"):
            config[key] = _objects(config, key) | found.section(key)
    _add_logins(config, credentials)
    _write_private(directory / "auth.json", json.dumps(config))
    return {"REGISTRY_AUTH_FILE": str(directory / "auth.json")}
