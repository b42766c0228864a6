"""Where an image goes, one row an input, and how its registry is reached."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from image_assets.errors import Problem
from image_assets.inputs.checks import parsed_by
from image_assets.inputs.field import Field, OnChange
from image_assets.inputs.types import Flag, Listing, Mapped, Property, Record, Text
from image_assets.reference import Repository, check_tag

check_tag_name = parsed_by(check_tag)


def _check_tag_prefix(value: str) -> str | None:
    if len(value) > 128 - 32:
        return "must not be longer than 96 characters, so that the tag stays within 128"
    return check_tag_name(value)


REGISTRY_AUTH = Record(
    "RegistryAuth",
    "A login for a registry. It is never stored; refresh and destroy use the provider's `registries`.",
    (
        Property("username", Text(), "The user's name.", required=True),
        Property("password", Text(), "The password or token.", required=True, secret=True),
    ),
)


def _check_region(value: str) -> str | None:
    return None if re.fullmatch("[a-z0-9-]+", value) else "must be the code of a region, as in `eu-central-1`"


def _check_role(value: str) -> str | None:
    return None if re.match("arn:[^:]+:iam:", value) else "must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME"


def _check_endpoint(value: str) -> str | None:
    return None if re.match(r"https?://[^/\s]", value) else "must be a URL, as in `http://localhost:4566`"


def _id_without_role(aws: Mapping[str, Any]) -> Iterator[Problem]:
    if "externalId" in aws and "assumeRoleArn" not in aws:
        yield Problem("externalId", "is for assuming a role: give `assumeRoleArn`, too, or leave it out")


AWS = Record(
    "AwsOptions",
    "How AWS is reached for ECR. Default: as the AWS CLI does.",
    (
        Property(
            "region",
            Text(check=_check_region),
            "The region. Default: the one in the registry's host name, else that of the AWS CLI.",
        ),
        Property(
            "profile", Text(), "A profile of the AWS configuration files. Default: `AWS_PROFILE`, else `default`."
        ),
        Property("assumeRoleArn", Text(check=_check_role), "The ARN of a role to assume first. Default: none."),
        Property("externalId", Text(), "The external id for assuming the role. Default: none."),
        Property(
            "endpoint",
            Text(check=_check_endpoint),
            "The URL of another endpoint for every AWS service, as emulators need. Default: AWS itself.",
        ),
    ),
    _id_without_role,
)

ASSUME_ROLE = Record(
    "AssumeRole",
    "A role to assume, as pulumi-aws has it.",
    (
        Property("roleArn", Text(), "The role's ARN.", required=True),
        Property("externalId", Text(), "The external id for assuming it."),
        Property("sessionName", Text(), "The session's name."),
        Property("sourceIdentity", Text(), "The source identity of the session."),
        Property("duration", Text(), "How long the session lasts, such as `1h`."),
        Property("policy", Text(), "A policy that restricts the session."),
        Property("policyArns", Listing(Text()), "ARNs of policies that restrict the session."),
        Property("tags", Mapped(Text(allow_empty=True)), "Tags of the session."),
        Property("transitiveTagKeys", Listing(Text()), "The tags that go on to further roles."),
    ),
)

STACK_AWS = Record(
    "StackAwsOptions",
    "How AWS is reached for ECR by the stack's `aws:` configuration.",
    (
        *AWS.members,
        Property("assumeRoles", Listing(ASSUME_ROLE), "Roles to assume, one after the other."),
        Property("keysOf", Text(), "The stack, PROJECT/STACK, whose access key to use; it is known in memory only."),
    ),
)

OWN_REPOSITORY = Record(
    "OwnRepository",
    "The repository that the asset made for itself.",
    (Property("forceDelete", Flag(), "Whether it may be deleted with the images in it.", required=True),),
)

DESTINATION_FIELDS = (
    Field(
        "repository",
        Text(check=parsed_by(Repository.parse)),
        "The repository to publish to, as `registry/path` without a tag. "
        "Default: an ECR repository of the asset's own. Changing it replaces the resource.",
        change=OnChange.REPLACE,
    ),
    Field(
        "tagPrefix",
        Text(check=_check_tag_prefix),
        "What the tag begins with. Default: nothing.",
        change=OnChange.UPDATE,
    ),
    Field(
        "extraTags",
        Listing(Text(check=check_tag_name), is_set=True),
        "More tags for the same image; a change moves them and builds nothing. Default: none.",
        change=OnChange.UPDATE,
    ),
    Field(
        "registryAuth",
        REGISTRY_AUTH,
        "A login for the repository's registry. Default: the provider's own logins. It is never stored; refresh and "
        "destroy use the provider's `registries`.",
        secret=True,
        in_memory=True,
    ),
    Field(
        "retainOnDelete",
        Flag(),
        "Whether the tags stay in the registry when the resource is deleted. If not, those go that it wrote itself and "
        "that no other asset of the program has. Default: true.",
        change=OnChange.UPDATE,
    ),
)

OWN_REPOSITORY_FIELDS = (
    Field(
        "forceDelete",
        Flag(),
        "Whether the repository that the asset makes for itself may be deleted with the images in it. Default: false.",
    ),
)

HANDED_ON_FIELDS = (Field("aws", STACK_AWS, "What the component hands on of the stack's `aws:` configuration."),)
OWNER_FIELDS = (Field("ownRepository", OWN_REPOSITORY, OWN_REPOSITORY.doc),)
