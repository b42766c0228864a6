"""Who we are to a registry: the seam that `logins` fills."""

from abc import ABC, abstractmethod
from dataclasses import field

from image_assets.frozen import dataclass


@dataclass(frozen=True)
class Credential:
    """A user name and a password, or a token that stands for both.

    Attributes:
        username: The user; `<token>` or empty with an identity token.
        password: The password or access token.
        identity_token: An OAuth2 refresh token, used instead of the password where it is not empty.
        registry_token: A bearer token for the registry itself, used instead of all others where it is not empty.
        source: Where it was found, for messages; it makes no other credential.
    """

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    source: str = field(default="", compare=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return tuple(filter(None, (self.password, self.identity_token, self.registry_token)))


class Keychain(ABC):
    """Finds the credential for a repository."""

    @abstractmethod
    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the credential for `registry/repository`, or None to go on without one.

        Args:
            registry: The registry as it stands in image names (`docker.io`, `localhost:5000`).
            repository: The path inside it; empty for the registry as a whole.
        """

    def forget(self, registry: str, refused: Credential) -> None:
        """Hear that a registry refused a credential: what is remembered of it is to be looked up anew.

        One that is remembered nowhere needs nothing of this.
        """
        del registry, refused

    def advice(self, registry: str) -> tuple[str, str]:
        """Return, for the message of a refusal, where logins are looked for and how the user can give one.

        Both are empty where there is nothing to say.
        """
        del registry
        return "", ""


class NoKeychain(Keychain):
    """Knows nobody: every registry is asked without a credential."""

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return None."""
        del registry, repository
        return None
