"""What one image's inputs say about reaching its registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from image_assets.inputs.types import empty


@dataclass(frozen=True)
class Login:
    """What one image's inputs say about reaching its registry.

    Attributes:
        auth: The `registryAuth` input, if this process has it.
        aws: What the component handed on of the stack's `aws:` configuration.
    """

    auth: Mapping[str, str] = field(default_factory=empty, repr=False)
    aws: Mapping[str, str] = field(default_factory=empty)
