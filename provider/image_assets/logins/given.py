"""The logins that the program's own resources were given, kept in memory by repository."""

import threading
from collections.abc import Mapping
from dataclasses import field
from itertools import takewhile
from typing import Any

from image_assets.frozen import dataclass
from image_assets.reference import Repository
from image_assets.values import empty

Auth = Mapping[str, str]


@dataclass(frozen=True)
class Login:
    """What one resource's inputs say about reaching its registry.

    Attributes:
        auth: The `registryAuth` input, if this process has it; it is for the resource's own repository.
        aws: What the component handed on of the stack's `aws:` configuration.
        own_aws: What the program says for this registry alone; it comes before the provider's settings.
    """

    auth: Auth = field(default_factory=empty, repr=False)
    aws: Mapping[str, Any] = field(default_factory=empty)
    own_aws: Mapping[str, Any] = field(default_factory=empty)


class GivenLogins:
    """Every `registryAuth` of the program, by the repository that it was given for; used by all threads.

    A login belongs to the registry of that repository. It is sent there and nowhere else, whoever asks.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Repository, Auth]] = {}
        self._lock = threading.Lock()

    def enter(self, resource: str, repository: Repository | None, auth: Auth) -> None:
        """Note what a resource (its URN) was given; later inputs of the same resource replace earlier ones."""
        with self._lock:
            # In a preview one of the two may not be known yet.
            if repository and {"username", "password"} <= auth.keys():
                self._entries[resource] = (repository, auth)
            else:
                self._entries.pop(resource, None)

    def to(self, resource: str) -> Auth:
        """Return what a resource was given, empty if nothing or in another process (refresh, destroy)."""
        with self._lock:
            return self._entries[resource][1] if resource in self._entries else empty()

    def registries(self) -> frozenset[str]:
        """Return the registries that logins were given for."""
        with self._lock:
            return frozenset(repository.registry for repository, _ in self._entries.values())

    def at(self, registry: str, path: str) -> list[Auth]:
        """Return what was given for exactly this repository."""
        return [auth for place, auth in self._sorted() if (place.registry, place.full_path) == (registry, path)]

    def near(self, registry: str, path: str, own: Auth) -> Auth | None:
        """Return what was given for the repository of this registry that shares the most of the path.

        Of several such, it is the asking resource's own if that is among them.
        """
        there = [(shared(place.full_path, path), auth) for place, auth in self._sorted() if place.registry == registry]
        return max(there, key=lambda one: (one[0], one[1] == own))[1] if there else None

    def _sorted(self) -> list[tuple[Repository, Auth]]:
        """Return the entries in an order that does not depend on which thread was first."""
        with self._lock:
            return [entry for _, entry in sorted(self._entries.items(), key=lambda item: item[0])]


def shared(one: str, other: str) -> int:
    """Count the components that two paths begin with."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return len(tuple(takewhile(lambda pair: pair[0] == pair[1], pairs)))
