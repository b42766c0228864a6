"""The outputs of an image, as far as they are known."""

from collections.abc import Mapping
from typing import Any

from image_assets.aws.names import arn_of
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.plan import platforms_of
from image_assets.plan.target import image_tag, known_target
from image_assets.reference import Repository
from image_assets.values import UNKNOWN

#: The tags that this resource wrote itself, the only ones it may ever delete, with the digests that it wrote. A list up
#: to 0.1.0. Keys with two underscores are not shown.
WRITTEN_TAGS = "__writtenTags"
#: The key of the build that the digest came from (see `publishing.copies`), where that is certain.
BUILD_KEY = "__buildKey"


_DECIDING = ("platform", "tarballFile", "command", "localImage", "image")
"""The inputs without which it is not told what an image's platforms are."""


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
        "platforms": known_platforms(inputs, settings) if archive_platforms is None else archive_platforms,
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
    if not inputs.is_built or any(path.startswith(_DECIDING) for path in inputs.unknown):
        return UNKNOWN
    return list(platforms_of(inputs, settings))


def published(
    outputs: Mapping[str, Any], digest: str, written: Mapping[str, str], build_key: str | None = None
) -> dict[str, Any]:
    """Return the outputs with the digest that the registry holds."""
    return {
        **{name: value for name, value in outputs.items() if name != BUILD_KEY},
        "imageDigest": digest,
        "imageDigestUri": f"{outputs['repositoryUrl']}@{digest}",
        WRITTEN_TAGS: dict(written),
        **({BUILD_KEY: build_key} if build_key else {}),
    }


def written_tags(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that the resource wrote itself, with the digests that it wrote."""
    written = outputs.get(WRITTEN_TAGS) or {}
    return dict(written) if isinstance(written, Mapping) else dict.fromkeys(written, outputs["imageDigest"])
