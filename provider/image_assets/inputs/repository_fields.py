"""An ECR repository of the program's own, one row an input."""

import re

from image_assets.inputs.choices import ENCRYPTION_TYPE
from image_assets.inputs.field import Field
from image_assets.inputs.types import Flag, Listing, Mapped, Number, Property, Record, Text

RETENTION = Record(
    "Retention",
    "Which published images expire; give one member. ECR does not know which images are in use.",
    (
        Property("keepLast", Number(), "How many of the newest images are kept; the others expire."),
        Property("minAgeDays", Number(), "After how many days since it was pushed an image expires."),
    ),
)

ENCRYPTION = Record(
    "Encryption",
    "How the repository is encrypted.",
    (
        Property("type", Text(ENCRYPTION_TYPE), "`AES256` (default), `KMS` or `KMS_DSSE`.", required=True),
        Property("kmsKey", Text(), "The ARN of a KMS key. Default: the one that AWS keeps for ECR."),
    ),
)

#: ECR API reference, ImageTagMutabilityExclusionFilter: its pattern and its bounds.
_FILTER = re.compile(r"[0-9a-zA-Z._*-]{1,128}")
_MOST_WILDCARDS = 2
MOST_MUTABLE_TAGS = 5


def _check_mutable_tag(value: str) -> str | None:
    if _FILTER.fullmatch(value) and value.count("*") <= _MOST_WILDCARDS:
        return None
    return f'must be a tag, with at most {_MOST_WILDCARDS} "*" in it, each for any characters'


IMAGE_REPOSITORY_FIELDS = (
    Field("repositoryName", Text(), "The repository's name. Default: `<project>-<stack>-<name>`."),
    Field("retention", RETENTION, f"{RETENTION.doc} Default: none."),
    Field("encryption", ENCRYPTION, f"{ENCRYPTION.doc} Default: `AES256`."),
    Field("scanOnPush", Flag(), "Whether images are scanned when they are pushed. Default: true."),
    Field("forceDelete", Flag(), "Whether the repository may be deleted with the images in it. Default: false."),
    Field(
        "mutableTags",
        Listing(Text(check=_check_mutable_tag), is_set=True),
        "Tags that may move from one image to another, at most five, such as `latest` or `release-*`. Default: none.",
    ),
    Field("tags", Mapped(Text(allow_empty=True)), "AWS tags of the repository, by key. Default: none."),
)
