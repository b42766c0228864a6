"""Registry clients, each with the logins that apply."""

from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.logins import Logins
from image_assets.oci import RegistryClient
from image_assets.reference import Repository
from image_assets.task import Task


class Registries:
    """Makes registry clients.

    Attributes:
        logins: Whose login each of them gets.
    """

    def __init__(self, settings: Settings, given: GivenLogins) -> None:
        self.settings = settings
        self.logins = Logins(settings, given)

    def client(self, repository: Repository, task: Task, login: Login) -> RegistryClient:
        """Return a client for one repository's registry."""
        insecure = repository.registry in self.settings.insecure_registries
        return RegistryClient(repository.registry, self.logins.keychain(login, task), task, insecure=insecure)
