"""Registry clients, each with the logins that apply."""

import threading
from collections.abc import Hashable

from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.insecure import InsecureHosts
from image_assets.logins.logins import Logins
from image_assets.oci import RegistryClient
from image_assets.reference import Repository
from image_assets.task import Task


class Registries:
    """Gives registry clients: one for each registry and login, shared by all images of a program.

    Attributes:
        logins: Whose login each of them gets.
    """

    def __init__(self, settings: Settings, given: GivenLogins) -> None:
        self.logins = Logins(settings, given)
        self._insecure = InsecureHosts.of(settings.insecure_registries)
        self._clients: dict[Hashable, RegistryClient] = {}
        self._lock = threading.Lock()

    def client(self, repository: Repository, task: Task, login: Login) -> RegistryClient:
        """Return a client for one repository's registry."""
        keychain = self.logins.keychain(login, task.of_deployment())
        key = (repository.registry, keychain.ecr, frozenset(keychain.own.items()))
        with self._lock:
            if key not in self._clients:
                shared = task.of_deployment()
                self._clients[key] = RegistryClient(repository.registry, keychain, shared, insecure=self._insecure)
            return self._clients[key].of(task)
