"""The sources of logins, each a keychain: what the program's settings give, and what docker and podman have stored."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Final

from image_assets.addresses import address_of, addresses
from image_assets.frozen import dataclass
from image_assets.logins.docker_config import DockerConfig, configs
from image_assets.logins.helpers import HelperFailedError, RunHelper, ask_helper, program_of
from image_assets.oci.keychain import Credential, Keychain

#: Seconds after the renewal of a login in which a refusal is not due to its age.
_RENEW_AGAIN: Final = 60.0


@dataclass(frozen=True)
class StaticKeychain(Keychain):
    """Logins by registry or by `registry/path` (the longest that fits counts)."""

    credentials: Mapping[str, Credential] = field(repr=False)

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the login of the longest address that holds the repository."""
        known = {address_of(key): credential for key, credential in self.credentials.items()}
        return next(filter(None, map(known.get, addresses(registry, repository))), None)

    def forget(self, registry: str, refused: Credential) -> None:
        """Keep it: the program says what it says."""


class DockerConfigKeychain(Keychain):
    """The logins that `docker login` and `podman login` have left, with their credential helpers.

    The first of these that knows the registry counts: `DOCKER_AUTH_CONFIG` (the file's text), `REGISTRY_AUTH_FILE`,
    `DOCKER_CONFIG` or `~/.docker/config.json`, podman's `auth.json`. A helper that fails counts as one that knows
    nothing, as docker has it: many registries need no login.
    """

    def __init__(self, environ: Mapping[str, str], run: RunHelper) -> None:
        self._environ = environ
        self._run = run
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], Credential | HelperFailedError | None] = {}
        self._asking: dict[tuple[str, str], threading.Lock] = {}
        self._renewed: dict[tuple[str, str], float] = {}

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the stored login of the registry, or of the part of it that holds the repository.

        Raises:
            RegistryError: A configuration cannot be read.
        """
        found = (self._in_config(config, registry, repository) for config in configs(self._environ))
        return next(filter(None, found), None)

    def forget(self, registry: str, refused: Credential) -> None:
        """Ask the registry's helpers anew next time, if it is theirs what was refused: some logins live for an hour.

        One that is wrong is refused again at once, and to every image: it is not asked for each time.
        """
        with self._lock:
            for key, answer in list(self._answers.items()):
                is_old = time.monotonic() - self._renewed.get(key, -_RENEW_AGAIN) >= _RENEW_AGAIN
                if key[1] == registry and answer == refused and is_old:
                    self._renewed[key] = time.monotonic()
                    del self._answers[key]

    def looked_at(self, registry: str) -> Iterator[str]:
        """Name the configurations, each with what kept its helper from answering."""
        for config in configs(self._environ):
            failure = self._answers.get((config.helper(registry) or "", registry))
            yield f"{config.name} ({failure})" if isinstance(failure, HelperFailedError) else config.name

    def _in_config(self, config: DockerConfig, registry: str, repository: str) -> Credential | None:
        """Look in one configuration: a helper stands above what is written in the file itself."""
        helper = config.helper(registry)
        kept = self._asked(helper, registry) if helper else None
        if helper and kept:
            return replace(kept, source=f"{program_of(helper)}, which {config.name} names")
        return config.written(registry, repository)

    def _asked(self, helper: str, registry: str) -> Credential | None:
        """Ask a helper once for all the repositories of a registry."""
        key = (helper, registry)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            try:
                answer = self._answers[key]
            except KeyError:
                answer = self._answers[key] = self._ask(helper, registry)
        return None if isinstance(answer, HelperFailedError) else answer

    def _ask(self, helper: str, registry: str) -> Credential | HelperFailedError | None:
        try:
            return ask_helper(self._run, helper, registry)
        except HelperFailedError as error:
            return error
