"""Whose credential a registry gets: what the program gives, and what the user's Docker and podman have stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from image_assets.oci import Credential, Keychain, NoKeychain

__all__ = ["ChainKeychain", "Credential", "Keychain", "NoKeychain", "StaticKeychain"]


@dataclass(frozen=True)
class StaticKeychain:
    """Credentials that the program gives, by registry or by `registry/path` (the longest that fits counts)."""

    credentials: Mapping[str, Credential] = field(repr=False)

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the credential of the longest address that holds the repository."""
        return next(filter(None, map(self.credentials.get, addresses(registry, repository))), None)


class ChainKeychain:
    """Asks one keychain after the other."""

    def __init__(self, *keychains: Keychain) -> None:
        self._keychains = keychains

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the first credential that any of them knows."""
        for keychain in self._keychains:
            if found := keychain.resolve(registry, repository):
                return found
        return None


def addresses(registry: str, repository: str) -> tuple[str, ...]:
    """Return what may stand for a repository in a list of credentials, the most special first.

    containers-auth.json(5): `registry/namespace/repo`, `registry/namespace`, `registry`.
    """
    parts = [registry, *filter(None, repository.split("/"))]
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))
