"""Who we are to a registry: the seam that `logins` fills."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Credential:
    """A user name and a password, or a token that stands for both.

    Attributes:
        username: The user; `<token>` or empty with an identity token.
        password: The password or access token.
        identity_token: An OAuth2 refresh token, used instead of the password where it is not empty.
        registry_token: A bearer token for the registry itself, used instead of all others where it is not empty.
    """

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return tuple(filter(None, (self.password, self.identity_token, self.registry_token)))


class Keychain(Protocol):
    """Finds the credential for a repository."""

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the credential for `registry/repository`, or None to go on without one.

        Args:
            registry: The registry as it stands in image names (`docker.io`, `localhost:5000`).
            repository: The path inside it; empty for the registry as a whole.
        """

    def forget(self, registry: str, refused: Credential) -> None:
        """Hear that the registry refused a credential: if there may be a newer one, `resolve` is to find it."""


class NoKeychain:
    """Knows nobody: every registry is asked without a credential."""

    def resolve(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002 - the protocol's parameters
        """Return None."""
        return None

    def forget(self, registry: str, refused: Credential) -> None:
        """There is nothing to forget."""
