"""Secret inputs on their way from Check to Create: in this process's memory, never in the state."""

from collections.abc import Mapping

from image_assets.errors import InputError
from image_assets.inputs.image import Inputs
from image_assets.inputs.in_memory import holds_marker


class KeptSecrets:
    """Keeps each resource's secret inputs until it is made."""

    def __init__(self) -> None:
        self.kept: dict[str, Inputs] = {}

    def keep(self, urn: str, inputs: Inputs) -> None:
        """Keep the secrets among a resource's inputs."""
        self.kept[urn] = inputs

    def build_secrets(self, urn: str, stored: Inputs) -> Mapping[str, Mapping[str, str]]:
        """Return the build secrets with their values.

        Raises:
            InputError: Another process has checked the inputs, and the state does not hold the values.
        """
        found = self.kept[urn].build_secrets if urn in self.kept else stored.build_secrets
        if holds_marker(found):
            raise InputError.single("", "buildSecrets: their values are not in the state; run `pulumi up` again")
        return found
