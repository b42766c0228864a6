"""ECR on the real engine: repositories, logins, grants and policies."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import ACCOUNT, REGION, EcrFront
from tests.support.events import UNKNOWN
from tests.support.paths import REPO
from tests.support.project import Project

AWS_DOC = REPO / "docs" / "aws.md"

PRELUDE = """\
import pulumi
import pulumi_aws as aws
import pulumi_image_assets as assets
"""


@pytest.fixture
def ecr_project(new_project: NewProject, aws: EcrFront, repository_name: str) -> Project:
    """A Python project of a user of the emulated AWS; its name is unique."""
    project = new_project("", "python", name=repository_name.replace("/", "-"))
    project.environ.update(aws.environ)
    return project


def _write(project: Project, program: str) -> None:
    project.write(PRELUDE + program)


# --- a repository that the program owns, shared by two assets, with methods

REPOSITORY = """
elsewhere = aws.Provider("elsewhere", region="us-east-1")
images = assets.ImageRepository(
    "images",
    repository_name="{name}",
    force_delete=True,
    retention={{"keepLast": 50}},
    tags={{"team": "a"}},
    pull_principals=[{{"name": "sister", "accountId": "210987654321"}}],
    opts=pulumi.ResourceOptions(providers=[elsewhere]),
)
role = aws.iam.Role("builder", assume_role_policy='{{"Version":"2012-10-17","Statement":[]}}')
one = assets.DockerImageAsset("one", directory="one", repository=images.repository_url)
two = assets.DockerImageAsset("two", directory="two", repository=images.repository_url)
images.grant_push(name="push", role=role.name)
images.grant(name="look", actions=["ecr:DescribeImages"], arn=role.arn)
one.grant_pull_push(name="both", account_id="111122223333")
two.add_to_resource_policy(
    name="deny", statement={{"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchDeleteImage"}}
)
grant = two.grant_pull(name="lambda", service="lambda.amazonaws.com")
pulumi.export("grant", grant.grant_id)
pulumi.export("uris", [one.image_uri, two.image_uri])
pulumi.export("url", images.repository_url)
pulumi.export("arn", images.repository_arn)
"""


@pytest.mark.usefixtures("docker_engine")
def test_a_shared_repository_with_grants_by_methods_needs_only_the_documented_actions(
    ecr_project: Project, aws: EcrFront, busybox_context: NewContext
) -> None:
    """R8, R21, R36, R47: also `up --plan` under another token."""
    name = ecr_project.name
    _write(ecr_project, REPOSITORY.format(name=name))
    for image in ("one", "two"):
        busybox_context({"which.txt": image}, folder=ecr_project.folder / image)
    aws.allowed = documented("preview")
    preview = ecr_project.preview("--save-plan=plan.json")
    assert [uri.partition(":")[0] for uri in preview.outputs["uris"]] == ["localhost", "localhost"]
    assert "ECR does not know which of them are in use" in preview.text
    assert no_token(aws, (ecr_project.folder / "plan.json").read_text() + preview.text)
    aws.expire_tokens()
    aws.allowed = documented("publish", "grants")
    ecr_project.up("--plan=plan.json")
    outputs = ecr_project.stack_outputs()
    assert outputs["url"] == preview.outputs["url"] == f"{aws.address}/{name}"
    assert outputs["uris"] == preview.outputs["uris"]
    assert outputs["grant"].startswith(f"{outputs['url']}#TwoLambda")
    check_repository(aws, name)
    state = ecr_project.state()
    assert granted(aws, name).keys() == {
        "arn:aws:iam::210987654321:root",
        "arn:aws:iam::111122223333:root",
        role_arn(state),
        "*",
        "lambda.amazonaws.com",
    }
    push, _login = role_statements(aws, state)
    assert "ecr:PutImage" in push["Action"]
    assert push["Resource"] == outputs["arn"]
    providers = {r["type"]: r["provider"] for r in state if r["type"].startswith("aws:")}
    assert "::elsewhere::" in providers["aws:ecr/repository:Repository"]
    assert "::elsewhere::" in providers["aws:iam/rolePolicy:RolePolicy"]
    ecr_project.up(expect_no_changes=True)
    aws.allowed = documented("destroy")
    ecr_project.destroy()
    assert no_token(aws, json.dumps(state))


def no_token(aws: EcrFront, text: str) -> bool:
    """Say whether a text holds none of the tokens given out so far, as they are or as they are sent."""
    spellings = [spelling for token in aws.tokens for spelling in (token, b64encode(f"AWS:{token}".encode()).decode())]
    return bool(spellings) and not any(spelling in text for spelling in spellings)


def check_repository(aws: EcrFront, name: str) -> None:
    """Check what ECR has of the repository."""
    ecr = aws.client("ecr")
    found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])["rules"]
    # Of the two rules for tagged images the first holds the caches of layers back.
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "tagged", "tagged"]


def documented(*headings: str) -> set[str]:
    """Return the actions that docs/aws.md lists for what is done."""
    sections = {part.split("\n")[0].strip("# ").lower(): part for part in AWS_DOC.read_text().split("\n## ")}
    return {action for heading in headings for action in re.findall(r"`((?:ecr|sts):\w+)`", sections[heading])}


# --- an asset of its own, with everything that YAML can declare

ASSET = """
resources:
  partner:
    type: aws:iam:Role
    properties:
      assumeRolePolicy: '{{"Version":"2012-10-17","Statement":[]}}'
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      pullPrincipals:
        - {{name: task, role: "${{partner.name}}"}}
        - {{name: lambda, service: lambda.amazonaws.com}}
        - {{name: sister, accountId: "210987654321"}}
        - {{name: partner, arn: "${{partner.arn}}"}}
      resourcePolicyStatements:
        - name: reader
          statement:
            Effect: Allow
            Principal: "*"
            Action: ecr:DescribeImages
            Condition: {{StringEquals: {{"aws:PrincipalOrgID": o-1}}}}
outputs:
  imageUri: ${{api.imageUri}}
  imageDigest: ${{api.imageDigest}}
  repositoryName: ${{api.repositoryName}}
"""


@pytest.mark.usefixtures("docker_engine")
def test_an_asset_without_a_repository_owns_one_and_its_grants_are_real(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront, repository_name: str
) -> None:
    """R4, R5, R8, R12, R31, R36, R47: on an AWS that only the stack's `aws:` configuration tells of."""
    project = new_project(ASSET.format(context=busybox_context()), name=repository_name.replace("/", "-"))
    project.environ.update({name: value for name, value in aws.environ.items() if name != "AWS_ENDPOINT_URL"})
    project.set_config("aws:endpoints[0].ecr", aws.endpoint)
    preview = project.preview()
    name = f"{project.name}-dev-api"
    assert preview.outputs["imageUri"].startswith(f"{aws.address}/{name}:")
    project.up()
    outputs = project.stack_outputs()
    assert outputs["imageUri"] == preview.outputs["imageUri"]
    assert outputs["repositoryName"] == name
    state = project.state()
    assert granted(aws, name) == {
        "lambda.amazonaws.com": ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        "arn:aws:iam::210987654321:root": PULL,
        role_arn(state): PULL,
        "*": ("ecr:DescribeImages",),
    }
    here, login = role_statements(aws, state)
    assert here["Resource"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    assert (login["Action"], login["Resource"]) == ("ecr:GetAuthorizationToken", "*")
    assert no_token(aws, json.dumps(state))

    disturb(aws, name)
    aws.expire_tokens()
    drifted = project.refresh()
    assert {step.name for step in drifted.steps if step.op in ("delete", "update")} == {"api-reader", "api-sister"}
    project.up()
    assert len(aws.statements(name)) == 5
    project.refresh(expect_no_changes=True)
    refused = project.destroy(check=False)
    assert "RepositoryNotEmptyException" in refused.text
    assert "LambdaECRImageRetrievalPolicy" in [statement["Sid"] for statement in aws.statements(name)]


PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def granted(aws: EcrFront, repository: str) -> dict[str, tuple[str, ...]]:
    """Return who may do what by a repository's policy."""
    found = {}
    for statement in aws.statements(repository):
        who = statement["Principal"]
        name = who if isinstance(who, str) else next(iter(who.values()))
        actions = statement["Action"]
        found[name] = (actions,) if isinstance(actions, str) else tuple(sorted(actions))
    return found


def outputs_of(state: Sequence[Mapping[str, Any]], type_ending: str) -> Mapping[str, Any]:
    """Return the outputs of the only resource of a type."""
    (found,) = [resource["outputs"] for resource in state if resource["type"].endswith(type_ending)]
    return dict(found)


def role_arn(state: Sequence[Mapping[str, Any]]) -> str:
    return str(outputs_of(state, "iam/role:Role")["arn"])


def role_statements(aws: EcrFront, state: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what the role's policy says."""
    stored = outputs_of(state, "iam/rolePolicy:RolePolicy")
    found = aws.client("iam").get_role_policy(RoleName=stored["role"], PolicyName=stored["name"])
    return list(found["PolicyDocument"]["Statement"])


def disturb(aws: EcrFront, repository: str) -> None:
    """Do by hand what people and Lambda do: remove a statement, edit another, add one."""
    kept = [s for s in aws.statements(repository) if s["Principal"] != "*"]
    for statement in kept:
        if "210987654321" in json.dumps(statement):
            statement["Action"] = "ecr:*"
    lambdas = next(s for s in kept if s["Principal"] == {"Service": "lambda.amazonaws.com"})
    text = json.dumps(
        {"Version": "2008-10-17", "Statement": [*kept, {**lambdas, "Sid": "LambdaECRImageRetrievalPolicy"}]}
    )
    aws.client("ecr").set_repository_policy(repositoryName=repository, policyText=text)


# --- what becomes unknown, or goes away


REPLACED = """
resources:
  images:
    type: image-assets:ImageRepository
    properties:
      forceDelete: true
      encryption: {{type: {encryption}}}
      pullPrincipals: [{{name: sister, accountId: 210987654321}}]
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      repository: ${{images.repositoryUrl}}
outputs:
  imageUri: ${{api.imageUri}}
  repositoryName: ${{images.repositoryName}}
"""


@pytest.mark.usefixtures("docker_engine")
def test_a_replaced_repository_gets_its_images_and_statements_again(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront, repository_name: str
) -> None:
    """The names stay the same, so nothing but the replacement says that the content is gone."""
    context = busybox_context()
    project = new_project(REPLACED.format(context=context, encryption="AES256"), name=repository_name.replace("/", "-"))
    project.environ.update(aws.environ)
    project.up()
    outputs = project.stack_outputs()
    project.write(REPLACED.format(context=context, encryption="KMS"))
    project.up()
    assert project.stack_outputs() == outputs
    ecr, name = aws.client("ecr"), outputs["repositoryName"]
    found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    assert found["encryptionConfiguration"]["encryptionType"] == "KMS"
    assert [
        tag for image in ecr.describe_images(repositoryName=name)["imageDetails"] for tag in image["imageTags"]
    ] == [outputs["imageUri"].rpartition(":")[2]]
    assert len(aws.statements(name)) == 1


UNKNOWN_REGION = """
resources:
  role:
    type: aws:iam:Role
    properties: {{assumeRolePolicy: "x"}}
  elsewhere:
    type: pulumi:providers:aws
    properties: {{region: "${{role.arn}}"}}
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      pullPrincipals: [{{name: lambda, service: lambda.amazonaws.com}}]
    options: {{providers: ["${{elsewhere}}"]}}
outputs:
  imageUri: ${{api.imageUri}}
  imageTag: ${{api.imageTag}}
"""


def test_under_an_aws_provider_that_is_unknown_yet_the_registry_is_unknown(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront
) -> None:
    project = new_project(UNKNOWN_REGION.format(context=busybox_context()))
    project.environ.update(aws.environ)
    outputs = project.preview().outputs
    assert outputs["imageUri"] == UNKNOWN
    assert len(outputs["imageTag"]) == 32


NO_LOGIN = """
resources:
  api:
    type: image-assets:DockerImageAsset
    properties:
      directory: {context}
      repository: {repository}
"""


def test_without_credentials_the_error_says_which_settings_were_looked_at(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront
) -> None:
    project = new_project(NO_LOGIN.format(context=busybox_context(), repository=f"{aws.address}/api"))
    keyless = {name: value for name, value in aws.environ.items() if "KEY" not in name}
    project.environ.update(keyless, HOME=str(project.private))
    refused = project.up(check=False)
    assert refused.code
    assert "ecr:GetAuthorizationToken on *: no AWS credentials" in refused.text
    assert "AWS_PROFILE" in refused.text
    assert "Traceback" not in refused.text
