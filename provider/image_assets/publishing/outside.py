"""The world outside: registries and builders, loaded when the first image needs them.

A preview in which nothing changed asks neither, and the plugin starts twice in every `pulumi up`.
"""

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins
from image_assets.plan.fingerprints import Fingerprints
from image_assets.publishing.origins import Origins

if TYPE_CHECKING:
    from image_assets.logins.registries import Registries
    from image_assets.publishing.publisher import Releases


class Outside:
    """Makes the one set of registry clients and the one queue of builds that all images share."""

    def __init__(
        self, settings: Settings, base: Path, fingerprints: Fingerprints, origins: Origins, given: GivenLogins
    ) -> None:
        self._make = partial(_load, settings, base, fingerprints, origins, given)
        self._made: tuple[Registries, Releases] | None = None
        self._lock = threading.Lock()

    @property
    def registries(self) -> "Registries":
        """The registries."""
        return self._both()[0]

    @property
    def releases(self) -> "Releases":
        """The builds and what is sent."""
        return self._both()[1]

    def _both(self) -> "tuple[Registries, Releases]":
        with self._lock:
            self._made = self._made or self._make()
            return self._made


def _load(
    settings: Settings, base: Path, fingerprints: Fingerprints, origins: Origins, given: GivenLogins
) -> "tuple[Registries, Releases]":
    from image_assets.logins.registries import Registries  # noqa: PLC0415 - see above
    from image_assets.publishing.publisher import Releases  # noqa: PLC0415 - see above

    registries = Registries(settings, given)
    return registries, Releases(settings, base, registries, fingerprints, origins)
