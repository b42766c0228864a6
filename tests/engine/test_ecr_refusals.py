"""What ECR programs are refused, and how it reads: on the real engine."""

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import EcrFront

ELSEWHERE = """
resources:
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      repository: ghcr.io/me/app
      pullPrincipals:
        - {{name: a, {grantee}}}
"""


@pytest.mark.parametrize("grantee", ["service: lambda.amazonaws.com", "role: builder"])
def test_a_grant_on_a_repository_that_is_not_ecr_says_so(
    new_project: NewProject, busybox_context: NewContext, grantee: str
) -> None:
    """R8: a grant that does nothing is impossible."""
    project = new_project(ELSEWHERE.format(context=busybox_context(), grantee=grantee))
    refused = project.preview(check=False)
    assert refused.code
    assert '"ghcr.io/me/app" is not an Amazon ECR repository' in refused.text
    assert "resource monitor" not in refused.text
    assert "Traceback" not in refused.text
    assert "prematurely" not in refused.text


LATE = """
import pulumi_image_assets as assets
assets.ImageRepository("fine")
assets.ImageRepository("late", pull_principals=[{"name": "g", "service": "x.amazonaws.com"}])
"""


def test_a_component_that_fails_after_its_registration_is_one_clear_line(
    new_project: NewProject, aws: EcrFront
) -> None:
    """An emulator is asked whose it is once the repository is there, and nobody listens where it should answer."""
    project = new_project(LATE, "python")
    project.environ.update(aws.environ, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    refused = project.preview(check=False)
    assert refused.code
    told = [one for one in refused.diagnostics if one.severity == "error"]
    assert [one.urn.rpartition("::")[2] for one in told] == ["late"]
    assert "sts:GetCallerIdentity" in told[0].message
    assert "http://127.0.0.1:9" in told[0].message
    assert "Traceback" not in refused.text


BAD = """
resources:
  images:
    type: image-assets:ImageRepository
    properties:
      repositoryName: Bad_Name_
      retention: {keepLast: 3, minAgeDays: 4}
      pullPrincipals:
        - {name: a, role: r, service: s.amazonaws.com}
        - {name: a, accountId: "1"}
      resourcePolicyStatements:
        - {name: b, statement: {Effect: Allow}}
"""


def test_all_bad_inputs_of_a_repository_are_told_at_once(new_project: NewProject, aws: EcrFront) -> None:
    project = new_project(BAD)
    project.environ.update(aws.environ)
    refused = project.preview(check=False)
    for path in (
        "repositoryName",
        "retention",
        "pullPrincipals[0]",
        "pullPrincipals[1].name",
        "accountId",
        "Principal",
    ):
        assert path in refused.text
    assert "Traceback" not in refused.text


NO_REPOSITORY = """
resources:
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      repository: {repository}
"""


@pytest.mark.usefixtures("docker_engine")
def test_a_repository_that_does_not_exist_says_what_to_do(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront
) -> None:
    """From a directory, so that a builder or docker itself may be who is refused."""
    project = new_project(NO_REPOSITORY.format(context=busybox_context(), repository=f"{aws.address}/absent/api"))
    project.environ.update(aws.environ)
    refused = project.up(check=False)
    assert refused.code
    assert (
        "make it first (an ImageRepository, or `aws ecr create-repository --repository-name absent/api`" in refused.text
    )


METHODS = """
import pulumi
import pulumi_image_assets as assets

repo = assets.ImageRepository("repo")
repo.grant_pull(name="twice", account_id="210987654321")
repo.{method}
"""


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ('grant_push(name="x", role="r", arn="arn:aws:iam::1:role/r")', "give exactly one of role, service"),
        ('grant_pull(name="twice", account_id="111122223333")', "repo-twice"),
    ],
)
def test_a_bad_call_is_refused(new_project: NewProject, aws: EcrFront, method: str, said: str) -> None:
    project = new_project(METHODS.format(method=method), "python")
    project.environ.update(aws.environ)
    refused = project.preview(check=False)
    assert refused.code
    assert said in refused.text


REPOSITORY = """
resources:
  images:
    type: image-assets:ImageRepository
    properties: {properties}
"""


def test_a_repository_that_becomes_wrong_stays_as_it_is(
    new_project: NewProject, aws: EcrFront, repository_name: str
) -> None:
    project = new_project(REPOSITORY.format(properties="{forceDelete: true}"), name=repository_name.replace("/", "-"))
    project.environ.update(aws.environ)
    project.up()
    before = [resource["urn"] for resource in project.state()]
    project.write(REPOSITORY.format(properties="{forceDelete: true, retention: {keepLast: 0}}"))
    for refused in (project.preview(check=False), project.up(check=False)):
        assert refused.code
        assert "keepLast" in refused.messages("error")
        assert "Traceback" not in refused.text
    assert [resource["urn"] for resource in project.state()] == before
    project.write(REPOSITORY.format(properties="{forceDelete: true}"))
    project.up(expect_no_changes=True)
    project.write(REPOSITORY.format(properties="{forceDelete: true, retention: {keepLast: 0}}"))
    project.destroy()
    assert not any(resource["type"].endswith("Repository") for resource in project.state())


NO_KEYS = """
import pulumi_image_assets as assets

assets.ImageRepository("images")
assets.DockerImageAsset("api", directory="api")
"""


def test_an_aws_provider_that_has_no_keys_is_told_once(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront
) -> None:
    project = new_project(NO_KEYS, "python")
    busybox_context(folder=project.folder / "api")
    project.environ.update({**aws.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    refused = project.preview(check=False)
    assert refused.code
    assert "getAuthorizationToken" in refused.messages("error")
    assert "Traceback" not in refused.text
    assert "resource monitor" not in refused.text
