"""Secret inputs on their way from Check to Create: in this process's memory, never in the state."""

from collections.abc import Mapping
from typing import Any

from image_assets.inputs.image import IN_MEMORY, Inputs
from image_assets.inputs.types import plain


class Handover:
    """Keeps each resource's secret inputs until it is made."""

    def __init__(self) -> None:
        self.kept: dict[str, Inputs] = {}

    def keep(self, urn: str, inputs: Inputs) -> None:
        """Keep the secrets among a resource's inputs."""
        self.kept[urn] = inputs

    def build_secrets(self, urn: str, stored: Inputs) -> Mapping[str, Mapping[str, str]]:
        """Return the build secrets with their values."""
        return self.kept[urn].build_secrets if urn in self.kept else stored.build_secrets


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs fit for the state: a marker stands for each value that travels in memory."""
    stored = dict(values)
    if stored.get("registryAuth") is not None:
        stored["registryAuth"] = IN_MEMORY
    secrets = plain(stored.get("buildSecrets"))
    if isinstance(secrets, dict):
        stored["buildSecrets"] = {name: _marked(plain(source)) for name, source in secrets.items()}
    return stored


def _marked(source: Any) -> Any:
    return {**source, "value": IN_MEMORY} if isinstance(source, dict) and "value" in source else source
