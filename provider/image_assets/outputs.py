"""The outputs of an image, as far as they are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_assets.aws.names import arn_of
from image_assets.inputs import Inputs
from image_assets.plan import platforms_of
from image_assets.reference import Repository
from image_assets.settings import Settings
from image_assets.values import UNKNOWN

#: 128 bits: no two contents meet, and every registry's and label's limit holds.
TAG_DIGITS = 32

#: The tags that this resource wrote itself, the only ones it may ever delete. Keys with two underscores are not shown.
WRITTEN_TAGS = "__writtenTags"


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


def forecast(inputs: Inputs, fingerprint: Any, archive_platforms: Any, settings: Settings) -> dict[str, Any]:
    """Return the outputs before anything is published: all but the digests are known."""
    target = known_target(inputs, fingerprint)
    return {
        "imageUri": str(target) if target else UNKNOWN,
        "imageTag": image_tag(inputs, fingerprint),
        "assetHash": fingerprint,
        "imageDigest": UNKNOWN,
        "imageDigestUri": UNKNOWN,
        **repository_outputs(inputs.destination),
        "platforms": archive_platforms or known_platforms(inputs, settings),
    }


def repository_outputs(repository: Repository | None) -> dict[str, Any]:
    """Return the outputs that the repository alone tells."""
    if repository is None:
        return dict.fromkeys(("repositoryUrl", "repositoryName", "repositoryArn"), UNKNOWN)
    arn = arn_of(repository.registry, repository.path)
    return {
        "repositoryUrl": str(repository),
        "repositoryName": repository.path,
        "repositoryArn": str(arn) if arn else None,
    }


def known_platforms(inputs: Inputs, settings: Settings) -> Any:
    """Return the platforms asked for."""
    if inputs.tarball_file or any(path.startswith(("platform", "tarballFile", "image")) for path in inputs.unknown):
        return UNKNOWN
    return list(platforms_of(inputs, settings))


def published(outputs: Mapping[str, Any], digest: str, written: tuple[str, ...]) -> dict[str, Any]:
    """Return the outputs with the digest that the registry holds."""
    return {
        **outputs,
        "imageDigest": digest,
        "imageDigestUri": f"{outputs['repositoryUrl']}@{digest}",
        WRITTEN_TAGS: list(written),
    }
