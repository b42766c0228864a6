"""The configurations of docker and podman: where they are, what is in them. Read here only, and never written.

Sources: docker/cli "config" and containers-auth.json(5).
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from image_assets.addresses import address_of, addresses
from image_assets.errors import RegistryError
from image_assets.frozen import dataclass
from image_assets.oci.keychain import Credential

CONFIG_FILE: Final = "config.json"
#: Holds the text of a configuration; docker's and buildx's programs prefer it to the file.
VARIABLE: Final = "DOCKER_AUTH_CONFIG"


@dataclass(frozen=True)
class DockerConfig:
    """One configuration.

    Attributes:
        name: Where it was found.
        content: Its JSON object.
    """

    name: str
    content: Mapping[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        """Return a copy of an object in the configuration; one of another type counts as empty."""
        found = self.content.get(name)
        return dict(found) if isinstance(found, dict) else {}

    def helper(self, registry: str) -> str | None:
        """Return the name of the helper that keeps this registry's login: its own, else the general one.

        An own helper without a name means that the file itself keeps the login (docker/cli,
        "getConfiguredCredentialStore").
        """
        own = {address_of(key): helper for key, helper in self.section("credHelpers").items()}
        named = own[registry] if registry in own else self.content.get("credsStore")
        return named if isinstance(named, str) and named else None

    def written(self, registry: str, repository: str) -> Credential | None:
        """Return the login that the configuration itself holds, by the longest address that fits.

        Raises:
            RegistryError: The entry cannot be read.
        """
        known = {address_of(key): (key, entry) for key, entry in self.section("auths").items()}
        for address in addresses(registry, repository):
            key, entry = known.get(address, ("", None))
            if isinstance(entry, dict) and (stored := _from_entry(entry, self.name, key)):
                return stored
        return None


def config_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory of docker's configuration (`DOCKER_CONFIG`, else `~/.docker`)."""
    return Path(environ.get("DOCKER_CONFIG") or Path(_home(environ), ".docker"))


def docker_config(environ: Mapping[str, str]) -> DockerConfig:
    """Return docker's own file, an empty one where there is none.

    Raises:
        RegistryError: It cannot be read, or is not JSON.
    """
    path = config_directory(environ) / CONFIG_FILE
    return _file(path) or DockerConfig(str(path), {})


def may_hold_logins(environ: Mapping[str, str]) -> bool:
    """Say whether docker could find a login of its own, in its configuration or by a helper that this names.

    Raises:
        RegistryError: Its file cannot be read, or is not JSON.
    """
    content = docker_config(environ).content
    return any((environ.get(VARIABLE), *map(content.get, ("auths", "credHelpers", "credsStore"))))


def podman_configs(environ: Mapping[str, str]) -> Iterator[DockerConfig]:
    """Read where podman looks for logins, the first of which wins.

    Raises:
        RegistryError: One cannot be read, or is not JSON.
    """
    if chosen := environ.get("REGISTRY_AUTH_FILE"):
        paths = [Path(chosen)]
    else:
        runtime = environ.get("XDG_RUNTIME_DIR")
        paths = [
            Path(runtime or f"/run/containers/{os.getuid()}", *(["containers"] if runtime else []), "auth.json"),
            _kept_by_podman(environ),
            config_directory(environ) / CONFIG_FILE,
        ]
    yield from filter(None, map(_file, paths))


def configs(environ: Mapping[str, str]) -> Iterator[DockerConfig]:
    """Read all configurations that there are, the first of which wins: the variable's text, then the files.

    Raises:
        RegistryError: One cannot be read, or is not JSON.
    """
    if found := variable_config(environ):
        yield found
    if named := environ.get("REGISTRY_AUTH_FILE"):
        yield from filter(None, [_file(Path(named))])
    paths = [config_directory(environ) / CONFIG_FILE]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        paths.append(Path(runtime, "containers", "auth.json"))
    yield from filter(None, map(_file, (*paths, _kept_by_podman(environ))))


def variable_config(environ: Mapping[str, str]) -> DockerConfig | None:
    """Return what stands in `DOCKER_AUTH_CONFIG`, None if nothing does.

    What is no JSON holds no login, as for docker: it may be the name of a file, or meant for another program.
    """
    text = environ.get(VARIABLE, "")
    if not text.strip():
        return None
    try:
        return _parsed(VARIABLE, text)
    except RegistryError:
        return DockerConfig(f"{VARIABLE} (which is not JSON)", {})


def _kept_by_podman(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or Path(_home(environ), ".config"), "containers", "auth.json")


def _home(environ: Mapping[str, str]) -> Path:
    """Return the user's directory; a user who has none, as in some containers, has an empty one."""
    if named := environ.get("HOME") or environ.get("USERPROFILE"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def _file(path: Path) -> DockerConfig | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the file is not UTF-8 text"
        remedy = "let this user read the file, or name another folder in DOCKER_CONFIG"
        raise RegistryError(f"{path}: the stored logins cannot be read: {reason}; {remedy}") from error
    return _parsed(str(path), text)


def _parsed(name: str, text: str) -> DockerConfig:
    try:
        content = json.loads(text.strip() or "{}")
    except (ValueError, RecursionError) as error:
        raise RegistryError(
            f"{name}: the stored logins are not JSON: {error}; correct them, or delete them and log in again"
        ) from error
    return DockerConfig(name, content if isinstance(content, dict) else {})


def _from_entry(entry: Mapping[str, Any], name: str, key: str) -> Credential | None:
    """Read one entry of `auths`; None if it is empty, as Docker leaves it where a helper keeps the secret."""
    username, password = _text(entry, "username"), _text(entry, "password")
    if packed := _text(entry, "auth"):
        username, password = _unpacked(packed, name, key)
    identity, token = _text(entry, "identitytoken"), _text(entry, "registrytoken")
    known = identity or token or (username and password)
    return Credential(username, password, identity, token, name) if known else None


def _unpacked(packed: str, name: str, key: str) -> tuple[str, str]:
    """Read `auth`: base64 of `user:password`, line breaks do not count, as in Go; some Dockers add NUL."""
    try:
        text = base64.b64decode("".join(packed.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RegistryError(
            f'{name}: the "auth" of "{key}" is not base64: `docker login {key}` writes it anew'
        ) from error
    username, _, password = text.rstrip("\0").partition(":")
    return username, password


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
