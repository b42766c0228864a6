"""Who may do what with a repository: the inputs, the methods and their arguments, one row each."""

from collections.abc import Mapping

from image_assets.inputs.destination_fields import HANDED_ON_FIELDS
from image_assets.inputs.field import Field, OnChange
from image_assets.inputs.types import Anything, Listing, Property, Record, Text

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
    tuple(Property(row.name, row.shape, row.doc, row.required) for row in (GRANT_NAME, *GRANTEE)),
)

NAMED_STATEMENT = Record(
    "NamedStatement",
    "A statement for the repository's policy.",
    tuple(Property(row.name, row.shape, row.doc, row.required) for row in (GRANT_NAME, STATEMENT)),
)

GRANTS_FIELDS = (
    Field(
        "pullPrincipals",
        Listing(PULL_PRINCIPAL),
        "Who may pull from the repository, which must be one of Amazon ECR; the same as calling `grantPull` for each. "
        "Default: nobody else.",
    ),
    Field(
        "resourcePolicyStatements",
        Listing(NAMED_STATEMENT),
        "Statements for the policy of the repository, which must be one of Amazon ECR; the same as calling "
        "`addToResourcePolicy` for each. Default: none.",
    ),
)

#: The outputs of a component that a method returns again, so that what needs the grant can be given them.
CHAINED = ("imageUri", "repositoryUrl")

#: The methods of assets and repositories: documentation and arguments.
GRANT_METHODS: Mapping[str, tuple[str, tuple[Field, ...]]] = {
    "grantPull": ("Let somebody pull from the ECR repository.", (GRANT_NAME, *GRANTEE)),
    "grantPush": ("Let somebody push to the ECR repository.", (GRANT_NAME, *GRANTEE)),
    "grantPullPush": ("Let somebody pull from the ECR repository and push to it.", (GRANT_NAME, *GRANTEE)),
    "grant": (
        "Let somebody do with the ECR repository what the named actions allow.",
        (
            GRANT_NAME,
            Field("actions", Listing(Text()), "Actions, as in `ecr:DescribeImages`.", required=True),
            *GRANTEE,
        ),
    ),
    "addToResourcePolicy": ("Add a statement to the ECR repository's policy.", (GRANT_NAME, STATEMENT)),
}

POLICY_STATEMENT_FIELDS = (
    Field("repositoryUrl", Text(), "The repository, `registry/path`.", change=OnChange.REPLACE, required=True),
    Field(
        "sid",
        Text(),
        "The statement's Sid in the policy. Default: made of the resource's name.",
        change=OnChange.REPLACE,
    ),
    Field("statement", Anything(), STATEMENT.doc, change=OnChange.UPDATE, required=True),
    *HANDED_ON_FIELDS,
)
