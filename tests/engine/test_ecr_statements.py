"""Statements of policies on the real engine: what a resource of the program has is not taken away by another."""

import json
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.fakes.ecr_front import ACCOUNT, EcrFront
from tests.support.project import Project

STATEMENT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "210987654321"},
    "Action": "ecr:BatchGetImage",
}


def statements(**resources: str) -> str:
    """Return a program of statements, each given as the properties that it has beside the statement."""
    found = {
        name: {
            "type": "image-assets:RepositoryPolicyStatement",
            "properties": {"statement": STATEMENT, **json.loads(properties)},
        }
        for name, properties in resources.items()
    }
    return "resources: " + json.dumps(found) + "\n"


@pytest.fixture
def url(aws: EcrFront, repository_name: str) -> str:
    """A new repository."""
    aws.client("ecr").create_repository(repositoryName=repository_name)
    return f"{aws.address}/{repository_name}"


def sids(aws: EcrFront, url: str) -> list[str]:
    return [statement["Sid"] for statement in aws.statements(url.partition("/")[2])]


def given(url: str, **more: Any) -> str:
    return json.dumps({"repositoryUrl": url, **more})


def start(new_project: NewProject, aws: EcrFront, program: str) -> Project:
    project = new_project(program)
    project.environ.update(aws.environ)
    return project


@pytest.mark.parametrize("sid", [{}, {"sid": "Add-staging-right"}], ids=["made", "chosen"])
def test_a_replaced_statement_is_still_there_twice_in_a_row(
    new_project: NewProject, aws: EcrFront, url: str, sid: dict[str, str]
) -> None:
    project = start(new_project, aws, statements(a=given(url, **sid)))
    project.up()
    before = sids(aws, url)
    (urn,) = [r["urn"] for r in project.state() if r["type"].endswith("RepositoryPolicyStatement")]
    for _ in range(2):
        project.up("--target-replace", urn)
        assert sids(aws, url) == before
        project.refresh(expect_no_changes=True)
    project.destroy()
    assert sids(aws, url) == []


def test_a_statement_under_a_new_name_keeps_its_sid_twice_in_a_row(
    new_project: NewProject, aws: EcrFront, url: str
) -> None:
    project = start(new_project, aws, statements(a=given(url, sid="mine")))
    project.up()
    for name in ("b", "c"):
        project.write(statements(**{name: given(url, sid="mine")}))
        project.up()
        assert sids(aws, url) == ["mine"]
        project.refresh(expect_no_changes=True)
        project.up(expect_no_changes=True)
    project.destroy()
    assert sids(aws, url) == []


def test_one_of_two_equal_statements_is_taken_out(new_project: NewProject, aws: EcrFront, url: str) -> None:
    project = start(new_project, aws, statements(a=given(url, sid="mine"), b=given(url, sid="mine")))
    project.up()
    project.write(statements(b=given(url, sid="mine")))
    project.up()
    assert sids(aws, url) == ["mine"]
    project.refresh(expect_no_changes=True)


@pytest.mark.parametrize("flags", [(), ("--refresh",), ("--run-program",)])
def test_destroying_takes_every_statement_away(
    new_project: NewProject, aws: EcrFront, url: str, flags: tuple[str, ...]
) -> None:
    project = start(new_project, aws, statements(a=given(url), b=given(url, sid="mine")))
    project.up()
    assert len(sids(aws, url)) == 2
    project.destroy(*flags)
    assert sids(aws, url) == []


def test_a_sid_that_is_taken_is_told(new_project: NewProject, aws: EcrFront, url: str) -> None:
    foreign = {**STATEMENT, "Sid": "mine", "Effect": "Deny"}
    aws.client("ecr").set_repository_policy(
        repositoryName=url.partition("/")[2], policyText=json.dumps({"Version": "2012-10-17", "Statement": [foreign]})
    )
    refused = start(new_project, aws, statements(a=given(url, sid="mine"))).up(check=False)
    assert refused.code
    assert f'the policy of {url} has another statement with the Sid "mine": choose another' in refused.text


@pytest.mark.parametrize("resource_id", ["nothing", "UPPER/case#sid"])
def test_a_bad_id_to_import_is_told(new_project: NewProject, aws: EcrFront, resource_id: str) -> None:
    project = start(new_project, aws, statements())
    refused = project.import_resource("image-assets:index:RepositoryPolicyStatement", "x", resource_id, check=False)
    assert refused.code
    assert f'the id to import is REPOSITORY_URL#SID, not "{resource_id}"' in refused.text


def test_a_statement_is_imported(new_project: NewProject, aws: EcrFront, url: str) -> None:
    foreign = {**STATEMENT, "Sid": "by #hand", "Principal": {"AWS": ACCOUNT}}
    aws.client("ecr").set_repository_policy(
        repositoryName=url.partition("/")[2], policyText=json.dumps({"Version": "2012-10-17", "Statement": [foreign]})
    )
    project = start(new_project, aws, statements())
    project.import_resource("image-assets:index:RepositoryPolicyStatement", "x", f"{url}#by #hand")
    assert project.stored("RepositoryPolicyStatement")["inputs"]["sid"] == "by #hand"
