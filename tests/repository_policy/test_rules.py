"""Statements of repositories' policies, apart from AWS."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_assets.repository_policy import rules
from image_assets.values import UNKNOWN, Secret

GOOD: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "ecr:BatchGetImage"}


def _paths(statement: Any) -> list[str]:
    return [problem.path for problem in rules.statement_problems(statement, "statement")]


@pytest.mark.parametrize(
    "statement",
    [
        GOOD,
        {**GOOD, "Sid": "My statement 1"},
        {**GOOD, "Sid": "Add-staging-right"},
        {**GOOD, "Sid": "team_a/ci:pull.#1 " + "x" * 200},
        {**GOOD, "Principal": "*"},
        {**GOOD, "Action": ["ecr:*", "ecr:Get*", "*"]},
        {"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::1:root"]}, "NotAction": "ecr:PutImage"},
        {**GOOD, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {**GOOD, "Principal": {"AWS": UNKNOWN}, "Action": [UNKNOWN], "Condition": UNKNOWN},
        {**GOOD, "Principal": UNKNOWN, "Effect": UNKNOWN},
        Secret(GOOD),
        UNKNOWN,
    ],
)
def test_a_good_statement_has_no_problems_known_or_not(statement: Any) -> None:
    assert _paths(statement) == []


def test_every_problem_of_a_statement_is_told_at_once() -> None:
    bad = {"effect": "Allow", "Action": ["s3:GetObject"], "Principal": {"User": "x"}, "Resource": "*", "Condition": 1}
    assert sorted(_paths(bad)) == [
        "statement.Action[0]",
        "statement.Condition",
        "statement.Effect",
        "statement.Principal.User",
        "statement.Resource",
        "statement.effect",
    ]


def test_an_empty_statement_lacks_effect_principal_and_action() -> None:
    assert _paths({}) == ["statement.Effect", "statement.Principal", "statement.Action"]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("Effect", "allow"),
        ("Principal", {}),
        ("Principal", {"AWS": []}),
        ("Principal", 7),
        ("Action", ""),
        ("Action", [1]),
        ("Action", "ecr"),
        ("Sid", "not\nallowed"),
        ("NotAction", "ecr:PutImage"),
        ("NotPrincipal", "*"),
    ],
)
def test_a_bad_element_is_named(element: str, value: Any) -> None:
    assert any(path.startswith(f"statement.{element}") for path in _paths({**GOOD, element: value}))


def test_a_misspelt_element_is_told_the_right_one() -> None:
    (problem,) = rules.statement_problems({**GOOD, "Conditions": {}}, "s")
    assert problem.reason.endswith("did you mean Condition?")


def test_the_actions_are_those_of_cdk() -> None:
    assert set(rules.PULL_ACTIONS) == {
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
    }
    assert set(rules.PUSH_ACTIONS) == {
        "ecr:CompleteLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:InitiateLayerUpload",
        "ecr:BatchCheckLayerAvailability",
        "ecr:PutImage",
    }
    assert len(rules.PULL_PUSH_ACTIONS) == len(set(rules.PULL_PUSH_ACTIONS)) == 7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "ecr:PutImage"}, {"Action": ["ecr:PutImage"]}),
        ({"Action": ["ecr:A", "ecr:B"]}, {"Action": ["ecr:b", "ecr:a"]}),
        ({"Principal": {"AWS": "123456789012"}}, {"Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}),
        ({"Principal": {"AWS": "123456789012"}}, {"Principal": {"AWS": "arn:aws-cn:iam::123456789012:root"}}),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
        ({"Sid": "a"}, {"Sid": "b"}),
        ({"Condition": {"Bool": {"aws:X": True}}}, {"Condition": {"Bool": {"AWS:x": ["true"]}}}),
    ],
)
def test_spellings_of_the_same_meaning_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert rules.same({**GOOD, **one}, {**GOOD, **other})


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Action": ["ecr:BatchGetImage", "ecr:PutImage"]},
        {"Principal": {"AWS": "210987654321"}},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:role/x"}},
        {"Principal": {"Service": "123456789012"}},
        {"Condition": {"StringEquals": {"a": "b"}}},
    ],
)
def test_another_meaning_is_not_the_same(change: dict[str, Any]) -> None:
    assert not rules.same(GOOD, {**GOOD, **change})


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_sid_is_letters_and_digits_and_bounded(urn: str, name: str) -> None:
    sid = rules.make_sid(urn, name)
    assert sid.isascii()
    assert sid.isalnum()
    assert len(sid) <= 100


def test_sids_of_two_stacks_differ() -> None:
    one, other = (rules.make_sid(f"urn:pulumi:{stack}::p::t::api-lambda", "api-lambda") for stack in ("dev", "prod"))
    assert one != other
    assert one.startswith("ApiLambda")
