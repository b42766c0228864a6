"""The inputs of the image resources: one row each. Parsing, fingerprint, diff and schema all read these rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from image_assets.reference import Repository, check_tag
from image_assets.shapes import EMPTY, Anything, Flag, Listing, Mapped, Member, Number, Record, Shape, Text

DEFAULT_PLATFORM = "linux/amd64"


class Counts(Enum):
    """How an input enters the fingerprint.

    NOT: never. OPTION: its value, as text. CONTENT: by what it makes of the content that reaches the builder.
    """

    NOT = "not"
    OPTION = "option"
    CONTENT = "content"


class OnChange(Enum):
    """What a changed input leads to.

    NOTHING: it takes effect with the next build. FINGERPRINT: an update if it changed the fingerprint.
    UPDATE: an update in place. REPLACE: another image resource.
    """

    NOTHING = "nothing"
    FINGERPRINT = "fingerprint"
    UPDATE = "update"
    REPLACE = "replace"


@dataclass(frozen=True)
class Field:
    """One input.

    Attributes:
        name: The wire name.
        shape: Its type.
        doc: Its documentation in every SDK.
        counts: How it enters the fingerprint.
        switch: The `invalidation` member that can take it out of the fingerprint.
        change: What a change leads to.
        default: The frozen value when it is not given.
        required: Whether the program must give it.
        secret: Whether SDKs mark it secret.
        in_memory: Whether its values go from Check to Create in memory, and the state holds a marker instead.
    """

    name: str
    shape: Shape
    doc: str
    counts: Counts = Counts.NOT
    switch: str = ""
    change: OnChange = OnChange.NOTHING
    default: Any = None
    required: bool = False
    secret: bool = False
    in_memory: bool = False


def check_platform(value: str) -> str | None:
    """Return what is wrong with a platform, or None (containerd platforms: os/architecture/variant)."""
    if re.fullmatch(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?", value):
        return None
    return f'"{value}" is not a platform; write os/architecture as in linux/amd64 or linux/arm64/v8'


def _check_repository(value: str) -> str | None:
    try:
        Repository.parse(value)
    except ValueError as error:
        return str(error)
    return None


def _check_tag(value: str) -> str | None:
    try:
        check_tag(value)
    except ValueError as error:
        return str(error)
    return None


def _check_tag_prefix(value: str) -> str | None:
    if len(value) > 128 - 32:
        return "must not be longer than 96 characters, so that the tag stays within 128"
    return _check_tag(value)


def _check_arg_name(key: str) -> str | None:
    return None if key and "=" not in key and "\0" not in key else "a build argument's name must not be empty or hold ="


def _check_pattern(pattern: str) -> str | None:
    # The patterns reach the builder as lines of a file.
    return "a pattern must not hold a line break; make a list with one pattern an item" if "\n" in pattern else None


def _one_source(secret: Mapping[str, Any]) -> str | None:
    given = [key for key in ("value", "env", "file") if key in secret]
    return None if len(given) == 1 else f"give exactly one of value, env and file, not {' and '.join(given) or 'none'}"


INVALIDATION = Record(
    "Invalidation",
    "Which inputs count for the fingerprint. All do unless set to false.",
    (
        *(
            Member(name, Flag(), f"Whether `{name}` counts. Default: true.")
            for name in ("buildArgs", "buildContexts", "buildSecrets", "target", "file", "networkMode", "platform")
        ),
        Member("extraHash", Flag(), "Whether `extraHash` counts. Default: true."),
        Member("buildFlags", Flag(), "Whether `buildFlags` counts. Default: true."),
        Member("ignoredBuildArgs", Listing(Text()), "Names of single build arguments that do not count."),
    ),
)

BUILD_SECRET = Record(
    "BuildSecret",
    "A secret for `RUN --mount=type=secret`. Give exactly one member. The value is never stored.",
    (
        Member("value", Text(allow_empty=True), "The value itself.", secret=True),
        Member("env", Text(), "The name of an environment variable of the machine that builds."),
        Member("file", Text(), "The path of a file on the machine that builds."),
    ),
    _one_source,
)

CACHE_OPTION = Record(
    "CacheOption",
    "A cache backend of BuildKit.",
    (
        Member("type", Text(), "The backend: `registry`, `local`, `gha`, `s3`, `inline`, ...", required=True),
        Member("params", Mapped(Text(allow_empty=True)), "The backend's parameters."),
    ),
)

BUILDER = Record(
    "Builder",
    "Which program builds, and where.",
    (
        Member("executable", Text(), "`docker` (default) or a program with the same flags: podman, nerdctl, finch."),
        Member("name", Text(), "The buildx builder to use. Default: the current one."),
    ),
)

REGISTRY_AUTH = Record(
    "RegistryAuth",
    "A login for the repository's registry. It is never stored; refresh and destroy use the provider's `registries`.",
    (
        Member("username", Text(), "The user's name.", required=True),
        Member("password", Text(), "The password or token.", required=True, secret=True),
    ),
)

AWS = Record(
    "AwsOptions",
    "How AWS is reached for ECR. Default: as the AWS CLI does.",
    (
        Member("region", Text(), "The region; default: the one in the registry's host name."),
        Member("profile", Text(), "A profile of the AWS configuration files."),
        Member("assumeRoleArn", Text(), "A role to assume first."),
        Member("externalId", Text(), "The external id for assuming the role."),
        Member("endpoint", Text(), "Another endpoint for every AWS service, as emulators need."),
    ),
)

SOURCE_FIELDS = (
    Field(
        "directory",
        Text(),
        "The build context: a directory with a Dockerfile, relative to the program. "
        "What reaches the builder counts for the fingerprint, the path does not.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        required=True,
    ),
    Field(
        "file",
        Text(),
        "The Dockerfile, relative to `directory`; it may lie outside it. Default: `Dockerfile`.",
        Counts.CONTENT,
        "file",
        OnChange.FINGERPRINT,
        "Dockerfile",
    ),
    Field(
        "exclude",
        Listing(Text(check=_check_pattern)),
        "Patterns of what must not reach the builder, appended to those of the ignore file.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        default=(),
    ),
    Field(
        "ignoreMode",
        Text(("docker", "git", "glob")),
        "The language of the ignore patterns: `docker` (default), `git` or `glob`.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        default="docker",
    ),
    Field(
        "followSymlinks",
        Text(("never", "external", "always", "internal-only")),
        "Which symbolic links are replaced by what they lead to: `never` (default), `external`, `always`, or "
        "`internal-only`, which follows none and refuses links that lead out of the context.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        default="never",
    ),
    Field(
        "scope",
        Text(("context", "dockerfile")),
        "`context` (default): everything that reaches the builder counts. `dockerfile`: only what the Dockerfile's "
        "COPY and ADD instructions can take, so that in a monorepo an unrelated file changes nothing. Where that "
        "cannot be told (a computed path, a mount of the context), everything counts and a warning says why; an "
        "ONBUILD of a base image is not seen.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        default="context",
    ),
    Field(
        "buildArgs",
        Mapped(Text(allow_empty=True), _check_arg_name),
        "Values for the Dockerfile's ARG instructions.",
        Counts.OPTION,
        "buildArgs",
        OnChange.FINGERPRINT,
        EMPTY,
    ),
    Field(
        "buildContexts",
        Mapped(Text()),
        "Named contexts: a local directory counts by its content, any other value as text.",
        Counts.CONTENT,
        "buildContexts",
        OnChange.FINGERPRINT,
        EMPTY,
    ),
    Field(
        "buildSecrets",
        Mapped(BUILD_SECRET),
        "Secrets by id for `RUN --mount=type=secret`. Only the ids count; a new value does not rebuild.",
        Counts.OPTION,
        "buildSecrets",
        OnChange.FINGERPRINT,
        EMPTY,
        in_memory=True,
    ),
    Field("buildSsh", Listing(Text()), "SSH agents for `RUN --mount=type=ssh`: `default` or `id=path`.", default=()),
    Field("target", Text(), "The stage to build.", Counts.OPTION, "target", OnChange.FINGERPRINT),
    Field("networkMode", Text(), "The network of RUN steps.", Counts.OPTION, "networkMode", OnChange.FINGERPRINT),
    Field(
        "platform",
        Text(check=check_platform),
        f"The platform to build for, as `os/architecture`. Default: `{DEFAULT_PLATFORM}` on every host.",
        Counts.OPTION,
        "platform",
        OnChange.FINGERPRINT,
    ),
    Field(
        "platforms",
        Listing(Text(check=check_platform)),
        "Several platforms, published as one index. Their order does not count.",
        Counts.OPTION,
        "platform",
        OnChange.FINGERPRINT,
        (),
    ),
    Field(
        "extraHash",
        Text(allow_empty=True),
        "Any text that counts: change it to force a rebuild.",
        Counts.OPTION,
        "extraHash",
        OnChange.FINGERPRINT,
    ),
    Field(
        "assetHash",
        Text(),
        "Your own hash: it replaces everything else that counts.",
        Counts.OPTION,
        change=OnChange.FINGERPRINT,
    ),
    Field("invalidation", INVALIDATION, INVALIDATION.doc, Counts.CONTENT, change=OnChange.FINGERPRINT, default=EMPTY),
    Field("cacheFrom", Listing(CACHE_OPTION), "Where the builder may take layers from. Does not count.", default=()),
    Field("cacheTo", Listing(CACHE_OPTION), "Where the builder leaves layers for others. Does not count.", default=()),
    Field("cacheDisabled", Flag(), "Build every step anew. Default: false. Does not count.", default=False),
    Field("builder", BUILDER, BUILDER.doc, default=EMPTY),
    Field(
        "buildFlags",
        Listing(Text()),
        "More flags for the build command, passed on as they are.",
        Counts.OPTION,
        "buildFlags",
        OnChange.FINGERPRINT,
        (),
    ),
    Field(
        "labels",
        Mapped(Text(allow_empty=True)),
        "Labels of the image. They do not count: a change takes effect with the next build.",
        default=EMPTY,
    ),
    Field("buildOnPreview", Flag(), "Build in previews too, and push nothing there. Default: false.", default=False),
)

ARCHIVE_FIELDS = (
    Field(
        "tarballFile",
        Text(),
        "The archive, relative to the program: `docker save` or OCI image layout, plain or compressed with gzip or "
        "zstd. The image in it counts for the fingerprint, the file's bytes do not.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
        required=True,
    ),
    Field(
        "image",
        Text(),
        "Which image of the archive, by name or digest; needed if it holds several.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
)

DESTINATION_FIELDS = (
    Field(
        "repository",
        Text(check=_check_repository),
        "The repository to publish to, as `registry/path` without a tag. "
        "Default: an ECR repository of the asset's own. Changing it replaces the resource.",
        change=OnChange.REPLACE,
    ),
    Field("tagPrefix", Text(check=_check_tag_prefix), "What the tag begins with.", change=OnChange.UPDATE, default=""),
    Field(
        "extraTags",
        Listing(Text(check=_check_tag)),
        "More tags for the same image. Changing them builds nothing.",
        change=OnChange.UPDATE,
        default=(),
    ),
    Field("registryAuth", REGISTRY_AUTH, REGISTRY_AUTH.doc, default=EMPTY, secret=True, in_memory=True),
    Field(
        "retainOnDelete",
        Flag(),
        "Whether the tag stays in the registry when the resource is deleted. Default: true.",
        change=OnChange.UPDATE,
        default=True,
    ),
)

HANDED_ON_FIELDS = (
    Field("aws", AWS, "What the component hands on of the stack's `aws:` configuration.", default=EMPTY),
)


GRANTEE = (
    Field("role", Text(), "The name of an IAM role of this account: it gets an identity policy."),
    Field("service", Text(), "An AWS service, as in `lambda.amazonaws.com`: it gets a statement in the repository."),
    Field("accountId", Text(), "The id of an AWS account: it gets a statement in the repository."),
    Field("arn", Text(), "The ARN of a principal: it gets a statement in the repository."),
)

GRANT_NAME = Field("name", Text(), "The grant's name, unique in the resource.", required=True)

STATEMENT = Field(
    "statement", Anything(), "An IAM policy statement: Effect, Action, Principal and the like.", required=True
)

PULL_PRINCIPAL = Record(
    "PullPrincipal",
    "Who may pull: give exactly one of `role`, `service`, `accountId` and `arn`.",
    tuple(Member(row.name, row.shape, row.doc, row.required) for row in (GRANT_NAME, *GRANTEE)),
)

NAMED_STATEMENT = Record(
    "NamedStatement",
    "A statement for the repository's policy.",
    tuple(Member(row.name, row.shape, row.doc, row.required) for row in (GRANT_NAME, STATEMENT)),
)

GRANTS_FIELDS = (
    Field("pullPrincipals", Listing(PULL_PRINCIPAL), "Who may pull; the same as calling `grantPull` for each."),
    Field(
        "resourcePolicyStatements",
        Listing(NAMED_STATEMENT),
        "Statements for the repository's policy; the same as calling `addToResourcePolicy` for each.",
    ),
)

#: The methods of assets and repositories: documentation and arguments.
GRANT_METHODS: Mapping[str, tuple[str, tuple[Field, ...]]] = {
    "grantPull": ("Let somebody pull.", (GRANT_NAME, *GRANTEE)),
    "grantPush": ("Let somebody push.", (GRANT_NAME, *GRANTEE)),
    "grantPullPush": ("Let somebody pull and push.", (GRANT_NAME, *GRANTEE)),
    "grant": (
        "Let somebody do the actions that are named.",
        (
            GRANT_NAME,
            Field("actions", Listing(Text()), "Actions, as in `ecr:DescribeImages`.", required=True),
            *GRANTEE,
        ),
    ),
    "addToResourcePolicy": ("Add a statement to the repository's policy.", (GRANT_NAME, STATEMENT)),
}

RETENTION = Record(
    "Retention",
    "Which published images expire. ECR does not know which images are in use: give one member only.",
    (
        Member("keepLast", Number(), "How many of the newest images are kept."),
        Member("minAgeDays", Number(), "After how many days an image expires."),
    ),
)

ENCRYPTION = Record(
    "Encryption",
    "How the repository is encrypted.",
    (
        Member("type", Text(("AES256", "KMS", "KMS_DSSE")), "`AES256` (default), `KMS` or `KMS_DSSE`.", required=True),
        Member("kmsKey", Text(), "The ARN of a KMS key."),
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

POLICY_STATEMENT_FIELDS = (
    Field("repositoryUrl", Text(), "The repository, `registry/path`.", change=OnChange.REPLACE, required=True),
    Field("sid", Text(), "The statement's Sid. Default: derived from the resource.", change=OnChange.REPLACE),
    Field("statement", Anything(), STATEMENT.doc, change=OnChange.UPDATE, required=True),
    *HANDED_ON_FIELDS,
)

DOCKER_ASSET_FIELDS = SOURCE_FIELDS + DESTINATION_FIELDS
TARBALL_ASSET_FIELDS = ARCHIVE_FIELDS + DESTINATION_FIELDS
IMAGE_FIELDS = SOURCE_FIELDS + ARCHIVE_FIELDS + DESTINATION_FIELDS + HANDED_ON_FIELDS
