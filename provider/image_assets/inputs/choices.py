"""Values with a list: enums in every SDK, where the strings are taken too."""

from image_assets.inputs.types import Choices, Listing, Text
from image_assets.platforms import normal, wrong_with

PLATFORM = Choices(
    "Platform",
    "A platform to build for. Others are written as `os/architecture` or `os/architecture/variant`.",
    {
        "LinuxAmd64": "linux/amd64",
        "LinuxArm64": "linux/arm64",
        "LinuxArmV7": "linux/arm/v7",
        "LinuxArmV6": "linux/arm/v6",
        "Linux386": "linux/386",
        "LinuxPpc64le": "linux/ppc64le",
        "LinuxS390x": "linux/s390x",
        "LinuxRiscv64": "linux/riscv64",
    },
    is_open=True,
)
#: One platform, in whatever spelling.
ONE_PLATFORM = Text(PLATFORM, check=wrong_with, spell=normal)
#: Several, in whatever order.
PLATFORMS = Listing(ONE_PLATFORM, is_set=True)

NETWORK_MODE = Choices(
    "NetworkMode",
    "The network of RUN steps.",
    {"Default": "default", "Host": "host", "None": "none"},
    is_open=True,
)

IGNORE_MODE = Choices(
    "IgnoreMode",
    "The language of ignore patterns: that of `.dockerignore`, of `.gitignore`, or of shell globs.",
    {"Docker": "docker", "Git": "git", "Glob": "glob"},
)

FOLLOW_MODE = Choices(
    "FollowMode",
    "Which symbolic links are replaced by what they lead to.",
    {"Never": "never", "External": "external", "Always": "always", "BlockExternal": "internal-only"},
)

SCOPE = Choices(
    "Scope",
    "What of the context counts: all of it, or what the Dockerfile takes.",
    {"Context": "context", "Dockerfile": "dockerfile"},
)

CACHE_TYPE = Choices(
    "CacheType",
    "A cache backend of BuildKit.",
    {"Registry": "registry", "Inline": "inline", "Local": "local", "Gha": "gha", "S3": "s3", "Azblob": "azblob"},
)

CACHE = Choices(
    "Cache",
    "Where the layers of a build are kept for the next one: beside the image, in GitHub's cache, or on this machine.",
    {"Registry": "registry", "Gha": "gha", "Local": "local"},
)

BUILD_OUTPUT = Choices(
    "BuildOutput",
    "How much a successful build leaves behind: nothing, a line, or all of its output.",
    {"Quiet": "quiet", "Normal": "normal", "Full": "full"},
)

CHECK_PUBLISHED = Choices(
    "CheckPublished",
    "When the registry is asked whether an image is still there.",
    {"Refresh": "refresh", "Always": "always"},
)

CHECK_SOURCE = Choices(
    "CheckSource",
    "When the source's registry is asked whether its tag has moved.",
    {"Refresh": "refresh", "Always": "always"},
)

ENCRYPTION_TYPE = Choices(
    "EncryptionType",
    "How an ECR repository is encrypted.",
    {"Aes256": "AES256", "Kms": "KMS", "KmsDsse": "KMS_DSSE"},
)
