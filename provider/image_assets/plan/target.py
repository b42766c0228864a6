"""Where an image goes: the repository, and the tag that names the content."""

from typing import Any

from image_assets.frozen import dataclass
from image_assets.inputs.image import Inputs
from image_assets.reference import TAG_DIGITS, Repository
from image_assets.values import UNKNOWN


@dataclass(frozen=True)
class Target:
    """Where an image goes.

    Attributes:
        repository: The repository.
        tag: The tag that names the content.
    """

    repository: Repository
    tag: str

    def __str__(self) -> str:
        """Return the image's URI."""
        return f"{self.repository}:{self.tag}"


def known_target(inputs: Inputs, fingerprint: Any) -> Target | None:
    """Return where the image goes, None while repository or tag is unknown."""
    tag = image_tag(inputs, fingerprint)
    if inputs.destination is None or tag is UNKNOWN:
        return None
    return Target(inputs.destination, tag)


def image_tag(inputs: Inputs, fingerprint: Any) -> Any:
    """Return the tag: the prefix and the first digits of the fingerprint."""
    if fingerprint is UNKNOWN or "tagPrefix" in inputs.unknown:
        return UNKNOWN
    return f"{inputs.tag_prefix}{fingerprint[:TAG_DIGITS]}"
