"""What is refused before any grant is made."""

from typing import Any

import pytest

from image_assets.components.grant_checks import account_text, grant_problems, refuse, twin_problems
from image_assets.errors import InputError


def _told(method: str, **args: Any) -> dict[str, str]:
    return {problem.path: problem.reason for problem in grant_problems(method, args, "")}


@pytest.mark.parametrize(
    "grantee",
    [
        {"role": "builder"},
        {"service": "lambda.amazonaws.com"},
        {"accountId": "123456789012"},
        {"arn": "arn:aws:iam::1:x"},
    ],
)
def test_each_kind_of_grantee_is_taken(grantee: dict[str, str]) -> None:
    assert _told("grantPull", name="g", **grantee) == {}


def test_an_account_may_be_the_number_that_yaml_makes_of_it() -> None:
    assert _told("grantPull", name="g", accountId=2.1e10) == {}
    assert account_text(21098765432.0) == "021098765432"


def test_two_grantees_in_one_grant_are_refused() -> None:
    told = _told("grantPull", name="g", role="r", service="x.amazonaws.com")
    assert told == {"service": "give exactly one of role, service, accountId, arn, not role and service"}


def test_an_empty_name_is_no_output_of_a_resource() -> None:
    assert _told("grantPull", name="", role="r")["name"].startswith("must not be empty: give the grant a name")


def test_a_grant_to_nobody_is_refused() -> None:
    assert _told("grantPush", name="g")["name"].endswith("not none")


@pytest.mark.parametrize(
    ("grantee", "value", "reason"),
    [
        ("accountId", "12345", "12 digits"),
        ("accountId", True, "must be a string"),
        ("accountId", 1e13, "12 digits"),
        ("arn", "builder", "is not an ARN"),
        ("service", "lambda", "write lambda.amazonaws.com"),
        ("role", "", "not empty"),
    ],
)
def test_a_bad_grantee_is_told_what_to_write(grantee: str, value: Any, reason: str) -> None:
    assert reason in _told("grantPull", name="g", **{grantee: value})[grantee]


def test_all_problems_of_a_grant_are_told_at_once() -> None:
    told = _told("grant", actions=["s3:Get", "ecr:PutImage"], account_id="1", role=5)
    assert set(told) == {"name", "account_id", "actions[0]", "role"}
    assert "did you mean accountId" in told["account_id"]


def test_a_statement_is_checked_where_it_is_added() -> None:
    told = _told("addToResourcePolicy", name="g", statement={"Effect": "Allow"})
    assert set(told) == {"statement.Principal", "statement.Action"}


def test_two_declared_grants_of_one_name_are_refused_across_both_inputs() -> None:
    twins = {
        "pullPrincipals": [{"name": "a", "role": "r"}, {"name": "a", "role": "s"}],
        "resourcePolicyStatements": [
            {"name": "a", "statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:PutImage"}}
        ],
    }
    told = {problem.path: problem.reason for problem in twin_problems(twins)}
    assert set(told) == {"pullPrincipals[1].name", "resourcePolicyStatements[0].name"}
    assert "pullPrincipals[0]" in told["pullPrincipals[1].name"]


def test_nothing_is_made_of_a_list_with_one_bad_grant() -> None:
    with pytest.raises(InputError) as caught:
        refuse(twin_problems({"pullPrincipals": [{"name": "a", "role": "r"}, {}, "x"]}))
    assert {problem.path for problem in caught.value.problems} == {
        "pullPrincipals[1].name",
        "pullPrincipals[1]",
        "pullPrincipals[2]",
    }
