"""How registries are written in lists of logins: by programs, in docker's and podman's files, by helpers."""

from typing import Final

from image_assets.reference import HUB

__all__ = ["HUB", "HUB_SERVER", "address_of", "addresses", "docker_key", "host_of"]

#: The address of an API that is long gone, under which Docker keeps Hub's login (docker/cli, "IndexServer").
HUB_SERVER: Final = "https://index.docker.io/v1/"

_HUB_NAMES: Final = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_API_VERSIONS: Final = ("/v1", "/v2")


def address_of(key: str) -> str:
    """Return a stored key as `addresses` writes it: without scheme and API version, Hub under its one name."""
    bare = key.partition("://")[2] or key
    bare = bare.rstrip("/")
    for version in _API_VERSIONS:
        bare = bare.removesuffix(version)
    host, slash, path = bare.partition("/")
    host = host.lower()
    return f"{HUB if host in _HUB_NAMES else host}{slash}{path}"


def host_of(key: str) -> str:
    """Return the registry of a stored key."""
    return address_of(key).partition("/")[0]


def addresses(registry: str, repository: str) -> tuple[str, ...]:
    """Return what may stand for a repository in a list of logins, the most special first.

    containers-auth.json(5): `registry/namespace/repo`, `registry/namespace`, `registry`.
    """
    parts = [registry, *filter(None, repository.split("/"))]
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def docker_key(registry: str) -> str:
    """Return the key under which docker looks for a registry's login."""
    return HUB_SERVER if host_of(registry) == HUB else registry
