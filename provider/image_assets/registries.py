"""One client per registry and login, with the credentials that apply."""

import os
from collections.abc import Mapping
from typing import Any

from image_assets.command import run_helper
from image_assets.credentials import ChainKeychain, Credential, DockerConfigKeychain, Keychain, StaticKeychain
from image_assets.oci import RegistryClient
from image_assets.reference import Repository
from image_assets.settings import Settings
from image_assets.shapes import EMPTY
from image_assets.task import Task


class Registries:
    """Makes registry clients.

    The login for a registry is the first of: the asset's `registryAuth`, the provider's `registries`, ECR's own for
    ECR hosts, the user's docker configuration with its helpers; without any, requests are anonymous.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ecr: dict[Any, Keychain] = {}

    def client(self, repository: Repository, task: Task, auth: Mapping[str, str] = EMPTY) -> RegistryClient:
        """Return a client for one repository's registry."""
        return RegistryClient(
            repository.registry,
            self.keychain(repository, auth),
            task,
            insecure=repository.registry in self.settings.insecure_registries,
        )

    def keychain(self, repository: Repository, auth: Mapping[str, str]) -> Keychain:
        """Return the logins in the order in which they apply."""
        own = {repository.registry: credential(auth)} if auth else {}
        return ChainKeychain(StaticKeychain({**self.configured(), **own}), DockerConfigKeychain(os.environ, run_helper))

    def configured(self) -> dict[str, Credential]:
        """Return the logins of the provider's configuration, by registry."""
        return {login["address"]: credential(login) for login in self.settings.registries}


def credential(login: Mapping[str, str]) -> Credential:
    """Turn a parsed login into a credential."""
    return Credential(login["username"], login["password"])
