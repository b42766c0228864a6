"""ECR's hosts, ARNs and names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_assets.aws.names import RepositoryArn, arn_of, home_region, name_problem, parse_host, repository_name


@pytest.mark.parametrize(
    ("host", "region", "partition"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", "aws"),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "aws"),
        ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2", "aws"),
        ("123456789012.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", "aws"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"),
        ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", "aws-cn"),
        ("123456789012.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"),
        ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso"),
        ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b"),
        ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", "aws-iso-e"),
        ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", "aws-iso-f"),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"),
    ],
)
def test_a_host_of_every_partition_gives_the_arn(host: str, region: str, partition: str) -> None:
    arn = arn_of(host, "team/api")
    assert str(arn) == f"arn:{partition}:ecr:{region}:123456789012:repository/team/api"
    assert RepositoryArn.parse(str(arn)) == arn


@pytest.mark.parametrize(
    "host",
    [
        "ghcr.io",
        "localhost:5000",
        "public.ecr.aws",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.example.org",
        "12345.dkr.ecr.us-east-1.amazonaws.com",
        "x123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.evil.amazonaws.com",
    ],
)
def test_a_host_that_merely_looks_similar_is_not_ecr(host: str) -> None:
    assert parse_host(host) is None


def test_a_text_that_is_no_arn_is_told_how_one_looks() -> None:
    with pytest.raises(ValueError, match="arn:aws:ecr:REGION"):
        RepositoryArn.parse("arn:aws:s3:::bucket")


def test_a_role_is_assumed_in_its_own_partition() -> None:
    assert home_region("arn:aws-us-gov:iam::123456789012:role/x") == "us-gov-west-1"
    assert home_region("arn:aws:iam::123456789012:role/x") == home_region("x") == "us-east-1"


@pytest.mark.parametrize("name", ["api", "team/api", "a1._-"[:2], "proj-dev-api.v2", "0a"])
def test_names_that_ecr_takes_are_taken(name: str) -> None:
    assert name_problem(name, "repositoryName") is None


@pytest.mark.parametrize("name", ["", "a", "Api", "api_", "-api", "a//b", "a__b", "a b", "x" * 257, "é" * 3])
def test_names_that_ecr_refuses_are_refused_with_one_that_it_takes(name: str) -> None:
    problem = name_problem(name, "repositoryName")
    assert problem is not None
    proposed = problem.reason.rpartition('for instance "')[2].rstrip('"')
    assert name_problem(proposed, "") is None


def test_a_plain_name_is_project_stack_and_resource() -> None:
    assert repository_name("shop", "dev", "api") == "shop-dev-api"


@given(st.lists(st.text(max_size=120), min_size=3, max_size=3))
def test_every_made_name_is_one_that_ecr_takes_and_is_short(parts: list[str]) -> None:
    name = repository_name(*parts)
    assert name_problem(name, "") is None
    assert len(name) <= 128
    assert re.match("[a-z]", name)


def test_names_that_differ_only_in_what_ecr_refuses_stay_different() -> None:
    names = {repository_name("p", "dev", name) for name in ("Api", "api", "API", "api_", "x" * 200, "x" * 201)}
    assert len(names) == 6
