"""Where an image goes, one row an input, and how its registry is reached."""

from image_assets.inputs.field import Field, OnChange
from image_assets.inputs.types import Flag, Listing, Property, Record, Text
from image_assets.reference import Repository, check_tag


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


REGISTRY_AUTH = Record(
    "RegistryAuth",
    "A login for the repository's registry. It is never stored; refresh and destroy use the provider's `registries`.",
    (
        Property("username", Text(), "The user's name.", required=True),
        Property("password", Text(), "The password or token.", required=True, secret=True),
    ),
)

AWS = Record(
    "AwsOptions",
    "How AWS is reached for ECR. Default: as the AWS CLI does.",
    (
        Property("region", Text(), "The region; default: the one in the registry's host name."),
        Property("profile", Text(), "A profile of the AWS configuration files."),
        Property("assumeRoleArn", Text(), "A role to assume first."),
        Property("externalId", Text(), "The external id for assuming the role."),
        Property("endpoint", Text(), "Another endpoint for every AWS service, as emulators need."),
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
    Field("tagPrefix", Text(check=_check_tag_prefix), "What the tag begins with.", change=OnChange.UPDATE),
    Field(
        "extraTags",
        Listing(Text(check=_check_tag)),
        "More tags for the same image. Changing them builds nothing.",
        change=OnChange.UPDATE,
    ),
    Field("registryAuth", REGISTRY_AUTH, REGISTRY_AUTH.doc, secret=True, in_memory=True),
    Field(
        "retainOnDelete",
        Flag(),
        "Whether the tags stay in the registry when the resource is deleted. If not, those go that it wrote itself and "
        "that no other asset of the program has. Default: true.",
        change=OnChange.UPDATE,
    ),
)

HANDED_ON_FIELDS = (Field("aws", AWS, "What the component hands on of the stack's `aws:` configuration."),)
