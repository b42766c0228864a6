"""An ECR repository of the program's own, one row an input."""

from image_assets.inputs.choices import ENCRYPTION_TYPE
from image_assets.inputs.field import Field
from image_assets.inputs.types import Flag, Mapped, Number, Property, Record, Text

RETENTION = Record(
    "Retention",
    "Which published images expire. ECR does not know which images are in use: give one member only.",
    (
        Property("keepLast", Number(), "How many of the newest images are kept."),
        Property("minAgeDays", Number(), "After how many days an image expires."),
    ),
)

ENCRYPTION = Record(
    "Encryption",
    "How the repository is encrypted.",
    (
        Property("type", Text(ENCRYPTION_TYPE), "`AES256` (default), `KMS` or `KMS_DSSE`.", required=True),
        Property("kmsKey", Text(), "The ARN of a KMS key."),
    ),
)

IMAGE_REPOSITORY_FIELDS = (
    Field("repositoryName", Text(), "The repository's name. Default: `<project>-<stack>-<name>`."),
    Field("retention", RETENTION, RETENTION.doc),
    Field("encryption", ENCRYPTION, ENCRYPTION.doc),
    Field("scanOnPush", Flag(), "Whether images are scanned when they are pushed. Default: true."),
    Field("forceDelete", Flag(), "Whether the repository may be deleted with the images in it. Default: false."),
    Field("tags", Mapped(Text(allow_empty=True)), "AWS tags of the repository."),
)
