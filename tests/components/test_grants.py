"""What a grant says, as far as it is known without an engine."""

import json

import pytest

from image_assets.aws.names import RepositoryArn
from image_assets.components.grants import find_arn, role_name, role_policy, statement_for
from image_assets.repository_policy import rules

ARN = RepositoryArn("aws-cn", "cn-north-1", "123456789012", "team/api")


def test_lambda_gets_the_statement_that_it_would_add_itself() -> None:
    assert statement_for("service", "lambda.amazonaws.com", ARN, rules.PULL_ACTIONS) == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"StringLike": {"aws:sourceArn": "arn:aws-cn:lambda:cn-north-1:123456789012:function:*"}},
    }


def test_another_service_gets_the_actions_without_a_condition() -> None:
    statement = statement_for("service", "codebuild.amazonaws.com", ARN, rules.PUSH_ACTIONS)
    assert statement["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert "Condition" not in statement


@pytest.mark.parametrize(
    ("kind", "who", "principal"),
    [
        ("accountId", "210987654321", "arn:aws-cn:iam::210987654321:root"),
        ("arn", "arn:aws-cn:iam::210987654321:role/x", "arn:aws-cn:iam::210987654321:role/x"),
    ],
)
def test_accounts_and_arns_are_principals_of_the_repositorys_partition(kind: str, who: str, principal: str) -> None:
    statement = statement_for(kind, who, ARN, ["ecr:PutImage"])
    assert statement == {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": ["ecr:PutImage"]}


def test_a_roles_policy_names_only_the_repository_and_the_login() -> None:
    """R47."""
    here, login = json.loads(role_policy(ARN, rules.PULL_ACTIONS))["Statement"]
    assert here == {"Effect": "Allow", "Action": list(rules.PULL_ACTIONS), "Resource": str(ARN)}
    assert login == {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}


@pytest.mark.parametrize("role", ["builder", "arn:aws:iam::1:role/builder", "arn:aws:iam::1:role/ci/builder"])
def test_a_role_may_be_named_by_its_arn(role: str) -> None:
    assert role_name(role) == "builder"


def test_a_real_registrys_arn_is_known_from_its_host_alone() -> None:
    url = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/api"
    assert find_arn(url) == ARN
