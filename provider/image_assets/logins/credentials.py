"""Whose credential a registry gets: what the program gives, and what the user's Docker and podman have stored.

Nothing here writes a file, and no text that is shown holds a secret.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from image_assets.command import CommandFailedError, CommandMissingError, CommandTimeoutError
from image_assets.errors import RegistryError
from image_assets.oci.keychain import Credential, Keychain, NoKeychain
from image_assets.reference import HUB

__all__ = ["ChainKeychain", "Credential", "DockerConfigKeychain", "Keychain", "NoKeychain", "StaticKeychain"]

RunHelper = Callable[[Sequence[str], bytes], bytes]
"""Runs a credential helper with this input and returns its standard output; raises what `command` raises."""

# Docker stores Hub's login under the address of an API that is long gone (docker/cli, "IndexServer").
_HUB_SERVER: Final = "https://index.docker.io/v1/"
_HUB_NAMES: Final = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_API_VERSIONS: Final = ("/v1", "/v2")
# What helpers say when they know no login (docker/docker-credential-helpers, "credentials").
_NOT_FOUND: Final = (b"credentials not found", b"no credentials server URL", b"no credentials username")
# Of a user name that means "the secret is an identity token" (the same source).
_TOKEN_USER: Final = "<token>"  # noqa: S105 - a fixed word of the protocol
_LONGEST_REASON: Final = 300


@dataclass(frozen=True)
class StaticKeychain:
    """Credentials that the program gives, by registry or by `registry/path` (the longest that fits counts)."""

    credentials: Mapping[str, Credential] = field(repr=False)

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the credential of the longest address that holds the repository."""
        known = {address_of(key): credential for key, credential in self.credentials.items()}
        return next(filter(None, map(known.get, addresses(registry, repository))), None)


class ChainKeychain:
    """Asks one keychain after the other."""

    def __init__(self, *keychains: Keychain) -> None:
        self._keychains = keychains

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the first credential that any of them knows.

        Raises:
            RegistryError: A keychain failed before one of them knew the registry.
        """
        return next(filter(None, (keychain.resolve(registry, repository) for keychain in self._keychains)), None)


class DockerConfigKeychain:
    """The logins that `docker login` and `podman login` have left, with their credential helpers.

    The first of these that knows the registry counts: `DOCKER_AUTH_CONFIG` (the file's text), `REGISTRY_AUTH_FILE`,
    `DOCKER_CONFIG` or `~/.docker/config.json`, podman's `auth.json`. Sources: docker/cli "config" and
    containers-auth.json(5).
    """

    def __init__(self, environ: Mapping[str, str], run: RunHelper) -> None:
        self._environ = environ
        self._run = run

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the stored credential of the registry, or of the part of it that holds the repository.

        Raises:
            RegistryError: A config cannot be read, or a credential helper is missing or fails.
        """
        found = (self._in_config(config, registry, repository) for config in _configs(self._environ))
        return next(filter(None, found), None)

    def _in_config(self, config: "_Config", registry: str, repository: str) -> Credential | None:
        """Look in one config: a helper stands above what is written in the file itself."""
        if (helper := config.helper(registry)) and (stored := self._ask(helper, config, registry)):
            return stored
        known = {address_of(key): (key, entry) for key, entry in config.section("auths").items()}
        for address in addresses(registry, repository):
            key, entry = known.get(address, ("", None))
            if isinstance(entry, dict) and (stored := _from_entry(entry, config.name, key)):
                return stored
        return None

    def _ask(self, helper: str, config: "_Config", registry: str) -> Credential | None:
        """Run `docker-credential-HELPER get`; None if it knows no login."""
        program = f"docker-credential-{helper}"
        server = _HUB_SERVER if registry == HUB else registry
        try:
            return _from_helper(self._run((program, "get"), server.encode()), program)
        except CommandFailedError as error:
            if any(words in error.output + error.errors for words in _NOT_FOUND):
                return None
            raise _helper_failed(program, config.name, registry, _last_words(error)) from error
        except CommandMissingError as error:
            raise _helper_failed(program, config.name, registry, "it is not on PATH") from error
        except CommandTimeoutError as error:
            raise _helper_failed(program, config.name, registry, "it does not answer") from error


@dataclass(frozen=True)
class _Config:
    """One config, and where it was found."""

    name: str
    content: Mapping[str, Any]

    def section(self, name: str) -> Mapping[str, Any]:
        """Return an object in the config; one of another type counts as empty."""
        found = self.content.get(name)
        return found if isinstance(found, dict) else {}

    def helper(self, registry: str) -> str | None:
        """Return the name of the helper that keeps this registry's login: its own, else the general one."""
        own = {address_of(key): helper for key, helper in self.section("credHelpers").items()}
        named = own.get(registry) or self.content.get("credsStore")
        return named if isinstance(named, str) and named else None


def addresses(registry: str, repository: str) -> tuple[str, ...]:
    """Return what may stand for a repository in a list of credentials, the most special first.

    containers-auth.json(5): `registry/namespace/repo`, `registry/namespace`, `registry`.
    """
    parts = [registry, *filter(None, repository.split("/"))]
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def address_of(key: str) -> str:
    """Return a stored key as `addresses` writes it: without scheme and API version, Hub under its one name."""
    bare = key.partition("://")[2] or key
    bare = bare.rstrip("/")
    for version in _API_VERSIONS:
        bare = bare.removesuffix(version)
    host, slash, path = bare.partition("/")
    host = host.lower()
    return f"{HUB if host in _HUB_NAMES else host}{slash}{path}"


def _configs(environ: Mapping[str, str]) -> Iterator[_Config]:
    """Read the configs that there are, in their order."""
    if text := environ.get("DOCKER_AUTH_CONFIG"):
        yield _parsed("DOCKER_AUTH_CONFIG", text)
    for path in _files(environ):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryError(f"{path}: the stored logins cannot be read: {error}") from error
        yield _parsed(str(path), text)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if named := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    yield Path(environ.get("DOCKER_CONFIG") or home / ".docker", "config.json")
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers", "auth.json")
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "containers", "auth.json")


def _parsed(name: str, text: str) -> _Config:
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{name}: the stored logins are not JSON: {error}") from error
    return _Config(name, content if isinstance(content, dict) else {})


def _from_entry(entry: Mapping[str, Any], name: str, key: str) -> Credential | None:
    """Read one entry of `auths`; None if it is empty, as Docker leaves it where a helper keeps the secret."""
    username, password = _text(entry, "username"), _text(entry, "password")
    if packed := _text(entry, "auth"):
        username, password = _unpacked(packed, name, key)
    identity = _text(entry, "identitytoken")
    return Credential(username, password, identity) if identity or (username and password) else None


def _unpacked(packed: str, name: str, key: str) -> tuple[str, str]:
    """Read `auth`: base64 of `user:password`; some versions of Docker end it with NUL bytes."""
    try:
        text = base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RegistryError(f'{name}: the "auth" of "{key}" is not base64: log in again') from error
    username, _, password = text.rstrip("\0").partition(":")
    return username, password


def _from_helper(output: bytes, program: str) -> Credential | None:
    """Read a helper's answer (docker/docker-credential-helpers, "get")."""
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{program} get: the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise RegistryError(f"{program} get: the answer is not an object")
    username, secret = _text(answer, "Username"), _text(answer, "Secret")
    if not secret:
        return None
    if username == _TOKEN_USER:
        return Credential(username, identity_token=secret)
    return Credential(username, secret)


def _helper_failed(program: str, config: str, registry: str, reason: str) -> RegistryError:
    return RegistryError(
        f"no login for {registry}: {config} leaves it to {program}, and {reason}; "
        "mend the helper, take it out of that file, or give the login in registryAuth"
    )


def _last_words(error: CommandFailedError) -> str:
    """Return what the helper said: helpers write their errors to either output."""
    said = (error.output or error.errors).decode(errors="replace").strip()
    return f"that says: {said[-_LONGEST_REASON:]}" if said else f"that ends with code {error.code}"


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
