"""One answer to "the login for this registry" (and the path in it), with all its sources in their order."""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from image_assets.addresses import HUB, address_of
from image_assets.aws.ecr import Aws, EcrKeychain
from image_assets.aws.settings import AwsSettings
from image_assets.errors import CloudError
from image_assets.frozen import dataclass
from image_assets.inputs.settings import Settings
from image_assets.logins.given import Auth, GivenLogins, Login
from image_assets.logins.keychain import DockerConfigKeychain, StaticKeychain
from image_assets.oci.keychain import Credential, Keychain
from image_assets.programs.runner import run_helper
from image_assets.secrets import Secrets, login_texts
from image_assets.task import Task
from image_assets.values import empty

INPUT: Final = "registryAuth"
SETTING: Final = "image-assets:registries"


class Logins:
    """The logins of a program, whoever asks.

    In this order: a `registryAuth` that was given for the very repository; the provider's `registries`; a
    `registryAuth` given for another repository of the registry; ECR's own for ECR's hosts; what docker and podman have
    stored, with their helpers; none.
    """

    def __init__(self, settings: Settings, given: GivenLogins) -> None:
        self.settings = settings
        self.given = given
        self.configured = StaticKeychain(
            {login["address"]: credential(login, SETTING) for login in settings.registries}
        )
        self.docker = DockerConfigKeychain(os.environ, run_helper)
        self._ecr: dict[AwsSettings, EcrKeychain] = {}
        self._lock = threading.Lock()

    def keychain(self, login: Login, task: Task) -> "ProgramKeychain":
        """Return the logins as a resource sees them: what it was itself given for its repository comes first there."""
        return ProgramKeychain(self, self.ecr(login.aws, task, login.own_aws), login.auth, task.secrets)

    def ecr(self, aws: Mapping[str, Any], task: Task, own: Mapping[str, Any] | None = None) -> EcrKeychain:
        """Return the one keychain of each way to reach AWS, so that its tokens serve every image."""
        settings = AwsSettings.of(own or {}, self.settings.aws, aws)
        with self._lock:
            return self._ecr.setdefault(settings, EcrKeychain(Aws(settings), task))

    def places(self) -> list[tuple[str, str]]:
        """Return the registries, or parts of them, that the program itself names a login for."""
        configured = [address_of(address).partition("/") for address in self.configured.credentials]
        return [
            *((host, path) for host, _, path in configured),
            *((host, "") for host in sorted(self.given.registries())),
        ]


@dataclass(frozen=True)
class ProgramKeychain(Keychain):
    """The logins of a program, as one of its resources sees them."""

    logins: Logins
    ecr: EcrKeychain
    own: Auth = field(default_factory=empty, repr=False)
    secrets: Secrets = field(default_factory=Secrets, repr=False, compare=False)

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the first login there is.

        Raises:
            CloudError: The registry is ECR's, AWS gives no login, and docker has none either.
            RegistryError: A configuration of docker's cannot be read.
        """
        found = self.given(registry, repository) or self._elsewhere(registry, repository)
        if found:
            # What a registry answers may hold the login that it was sent.
            self.secrets.add((*found.secrets, *login_texts(found.username, found.password)))
        return found

    def forget(self, registry: str, refused: Credential) -> None:
        """Look a login that was refused up anew, where it may have changed."""
        self.ecr.forget(registry, refused)
        self.logins.docker.forget(registry, refused)

    def advice(self, registry: str) -> tuple[str, str]:
        """Return the sources, and what to do about a login that is missing or wrong."""
        looked_at = [INPUT, SETTING, *self.logins.docker.looked_at(registry)]
        command = "docker login" if registry == HUB else f"docker login {registry}"
        return ", ".join(looked_at), f"run `{command}`, or give `{INPUT}` or the setting `{SETTING}`"

    def given(self, registry: str, repository: str) -> Credential | None:
        """Return the login that the program itself gives."""
        exact = self.logins.given.at(registry, repository)
        if exact:
            return credential(self.own if self.own in exact else exact[0], INPUT)
        near = self.logins.given.near(registry, repository, self.own)
        return self.logins.configured.resolve(registry, repository) or (credential(near, INPUT) if near else None)

    def for_builder(self, images: Iterable[tuple[str, str]], pushed: tuple[str, str]) -> dict[str, Credential]:
        """Return by registry the logins that a builder needs for images (registry, path), the first of each counting.

        Docker's own are in its configuration already, but for that of the image that is pushed, which may be podman's.
        One that is missed is the builder's to complain of: its own error tells more.
        """
        found: dict[str, Credential] = {}
        for place in (*images, *self.logins.places()):
            if place[0] not in found and (login := self._for_builder(*place, stored=place == pushed)):
                found[place[0]] = login
        return found

    def _for_builder(self, registry: str, path: str, *, stored: bool) -> Credential | None:
        try:
            if stored:
                return self.resolve(registry, path)
            return self.given(registry, path) or self.ecr.resolve(registry, path)
        except CloudError:
            return None

    def _elsewhere(self, registry: str, repository: str) -> Credential | None:
        """Return ECR's own login, or the one that docker has if AWS gives none: `docker login` works for ECR too."""
        try:
            found = self.ecr.resolve(registry, repository)
        except CloudError:
            found = self.logins.docker.resolve(registry, repository)
            if found is None:
                raise
        return found or self.logins.docker.resolve(registry, repository)


def credential(login: Mapping[str, str], source: str) -> Credential:
    """Turn a parsed login into a credential."""
    return Credential(login["username"], login["password"], source=source)
