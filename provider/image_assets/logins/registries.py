"""Registry clients, each with the logins that apply."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from image_assets.aws.ecr import Aws, AwsSettings, EcrKeychain
from image_assets.command import run_helper
from image_assets.errors import CloudError
from image_assets.inputs.settings import Settings
from image_assets.logins.credentials import ChainKeychain, Credential, DockerConfigKeychain, Keychain, StaticKeychain
from image_assets.logins.login import Login
from image_assets.oci import RegistryClient
from image_assets.reference import Repository
from image_assets.task import Task


class Registries:
    """Makes registry clients.

    The login for a registry is the first of: the asset's `registryAuth`, the provider's `registries`, ECR's own for
    ECR's hosts, the user's docker configuration with its helpers. Without any, requests are anonymous.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.configured = {login["address"]: credential(login) for login in settings.registries}
        self.docker = DockerConfigKeychain(os.environ, run_helper)
        self.ecr: dict[AwsSettings, EcrKeychain] = {}
        self.lock = threading.Lock()

    def client(self, repository: Repository, task: Task, login: Login) -> RegistryClient:
        """Return a client for one repository's registry."""
        insecure = repository.registry in self.settings.insecure_registries
        return RegistryClient(repository.registry, self.keychain(repository, task, login), task, insecure=insecure)

    def keychain(self, repository: Repository, task: Task, login: Login) -> Keychain:
        """Return the logins in the order in which they apply."""
        own = {repository.registry: credential(login.auth)} if login.auth else {}
        elsewhere = Fallback(self.ecr_keychain(login, task), self.docker)
        return ChainKeychain(StaticKeychain({**self.configured, **own}), elsewhere)

    def ecr_keychain(self, login: Login, task: Task) -> EcrKeychain:
        """Return the one keychain of each way to reach AWS, so that its tokens serve every image."""
        settings = AwsSettings.of(self.settings.aws, login.aws)
        with self.lock:
            return self.ecr.setdefault(settings, EcrKeychain(Aws(settings), task))


@dataclass(frozen=True)
class Fallback:
    """ECR's own login, or the one that docker has if AWS gives none: `docker login` works for ECR too."""

    ecr: Keychain
    docker: Keychain

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the first login there is.

        Raises:
            CloudError: The registry is ECR's, AWS gives no login, and docker has none either.
        """
        try:
            found = self.ecr.resolve(registry, repository)
        except CloudError:
            found = self.docker.resolve(registry, repository)
            if found is None:
                raise
        return found or self.docker.resolve(registry, repository)


def credential(login: Mapping[str, str]) -> Credential:
    """Turn a parsed login into a credential."""
    return Credential(login["username"], login["password"])
