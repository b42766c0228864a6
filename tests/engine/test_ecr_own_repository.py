"""The repository that an asset makes for itself, on the real engine."""

import json
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import ACCOUNT, EcrFront
from tests.fakes.images import an_image, docker_save
from tests.support.project import Project

Resources = dict[str, dict[str, Any]]


def program(resources: Resources, **outputs: str) -> str:
    return f"resources: {json.dumps(resources)}\noutputs: {json.dumps(outputs)}\n"


def asset(options: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "image-assets:TarballImageAsset",
        "properties": {"tarballFile": "image.tar", **properties},
        **({"options": options} if options else {}),
    }


@pytest.fixture
def project(new_project: NewProject, aws: EcrFront, repository_name: str) -> Project:
    """A project with an archive; its name is unique."""
    made = new_project("", name=repository_name.replace("/", "-"))
    made.environ.update(aws.environ)
    pack(made, "one")
    return made


def pack(project: Project, seed: str) -> None:
    project.folder.mkdir(parents=True, exist_ok=True)
    (project.folder / "image.tar").write_bytes(docker_save(an_image(seed)))


def repositories(aws: EcrFront, project: Project) -> dict[str, Any]:
    found = aws.client("ecr").describe_repositories(maxResults=1000)["repositories"]
    return {item["repositoryName"]: item for item in found if item["repositoryName"].startswith(project.name)}


def tags(aws: EcrFront, repository: str) -> dict[str, str]:
    """Return the digest that each tag holds in the registry itself."""
    links = aws.images(repository).glob("_manifests/tags/*/current/link")
    return {link.parts[-3]: link.read_text() for link in links}


def test_another_name_by_alias_or_of_the_stack_keeps_the_repository(project: Project, aws: EcrFront) -> None:
    project.write(program({"old": asset()}, name="${old.repositoryName}", uri="${old.imageUri}"))
    project.up()
    before = project.stack_outputs()
    for name, earlier in (("new", "old"), ("newer", "new")):
        renamed = asset({"aliases": [{"name": earlier}]})
        project.write(program({name: renamed}, name=f"${{{name}.repositoryName}}", uri=f"${{{name}.imageUri}}"))
        preview = project.preview()
        assert {step.op for step in preview.steps} <= {"same", "update"}
        assert preview.outputs == before
        project.up()
        assert project.stack_outputs() == before
    project.pulumi("stack", "rename", "staging")
    project.stack = "staging"
    preview = project.preview()
    assert {step.op for step in preview.steps} == {"same"}
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=True)
    assert project.stack_outputs() == before
    assert list(repositories(aws, project)) == [before["name"]]


def test_destroying_needs_force_delete_on_the_asset_and_says_so_every_time(project: Project, aws: EcrFront) -> None:
    project.write(program({"api": asset()}))
    project.up()
    for _ in range(2):
        refused = project.destroy(check=False)
        assert refused.code
        assert "set `forceDelete: true` on the asset" in refused.text
        assert len(repositories(aws, project)) == 1
    project.write(program({"api": asset(forceDelete=True)}))
    project.up()
    project.up(expect_no_changes=True)
    project.destroy()
    assert repositories(aws, project) == {}


def test_an_empty_repository_needs_nothing_to_be_destroyed(project: Project, aws: EcrFront) -> None:
    project.write(program({"api": asset(retainOnDelete=False)}))
    project.up()
    project.destroy()
    assert repositories(aws, project) == {}


def test_a_replaced_image_in_a_repository_that_stays_is_no_reason_to_refuse(project: Project, aws: EcrFront) -> None:
    project.write(program({"api": asset()}))
    project.up()
    project.up("--target-replace", project.stored("PublishedImage")["urn"])
    assert len(repositories(aws, project)) == 1


def test_force_delete_is_for_the_assets_own_repository(project: Project) -> None:
    project.write(program({"api": asset(repository="ghcr.io/me/app", forceDelete=True)}))
    refused = project.preview(check=False)
    assert "forceDelete" in refused.text
    assert "it is for the repository that the asset makes" in refused.text


def test_extra_tags_move_with_each_deployment_and_content_tags_do_not(project: Project, aws: EcrFront) -> None:
    """N23: from the first deployment on, or added later; twice in a row."""
    project.write(program({"api": asset()}, uri="${api.imageUri}", digest="${api.imageDigest}"))
    project.up()
    (name,) = repositories(aws, project)
    assert repositories(aws, project)[name]["imageTagMutability"] == "IMMUTABLE"
    for seed, extra in (("one", ["latest"]), ("two", ["latest", "v2"]), ("three", ["latest", "v2"]), ("three", ["v2"])):
        pack(project, seed)
        project.write(program({"api": asset(extraTags=extra)}, uri="${api.imageUri}", digest="${api.imageDigest}"))
        steps = project.up().steps
        assert not {step.op for step in steps} & {"replace", "delete-replaced", "create-replacement"}
        project.up(expect_no_changes=True)
        found = repositories(aws, project)[name]
        assert found["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
        assert [item["filter"] for item in found["imageTagMutabilityExclusionFilters"]] == extra
        digest = project.stack_outputs()["digest"]
        assert {tags(aws, name)[tag] for tag in extra} == {digest}
    assert len(tags(aws, name)) == 5
    project.write(program({"api": asset()}))
    project.up()
    assert repositories(aws, project)[name]["imageTagMutability"] == "IMMUTABLE"


def test_more_tags_than_ecr_exempts_are_refused_in_the_first_preview(project: Project) -> None:
    project.write(program({"api": asset(extraTags=["a", "b", "c", "d", "e", "f"])}))
    refused = project.preview(check=False)
    assert refused.code
    assert "must be at most 5 in the repository that the asset makes" in refused.text


@pytest.mark.usefixtures("docker_engine")
def test_a_cache_of_layers_may_move_beside_four_tags(
    project: Project, aws: EcrFront, busybox_context: NewContext
) -> None:
    """Content tags may not, and after the word is gone nothing may."""
    busybox_context(folder=project.folder / "app")
    kind = "image-assets:DockerImageAsset"
    given: dict[str, Any] = {"directory": "app", "cache": "registry"}
    for extra, more in ((["latest"], {}), ([], {}), ([], {"cache": "gha"})):
        project.write(program({"api": {"type": kind, "properties": {**given, "extraTags": extra, **more}}}))
        project.up()
        (found,) = repositories(aws, project).values()
        filters = [item["filter"] for item in found.get("imageTagMutabilityExclusionFilters") or ()]
        assert filters == ([] if more else sorted([*extra, "cache-*"]))
    project.write(program({"api": {"type": kind, "properties": {**given, "extraTags": ["a", "b", "c", "d", "e"]}}}))
    assert "must be at most 4 in the repository that the asset makes, beside" in project.preview(check=False).text


def test_a_shared_repository_may_have_tags_that_move(project: Project, aws: EcrFront) -> None:
    images = {"type": "image-assets:ImageRepository", "properties": {"forceDelete": True, "mutableTags": ["rel-*"]}}
    for seed in ("one", "two"):
        pack(project, seed)
        shared = asset(repository="${images.repositoryUrl}", extraTags=["rel-1"])
        project.write(program({"images": images, "api": shared}, digest="${api.imageDigest}"))
        project.up()
    (name,) = repositories(aws, project)
    assert tags(aws, name)["rel-1"] == project.stack_outputs()["digest"]
    project.destroy()


# --- grants


ROLE = {"type": "aws:iam:Role", "properties": {"assumeRolePolicy": '{"Version":"2012-10-17","Statement":[]}'}}
PULLER = {"name": "sister", "accountId": "210987654321"}


def test_grants_whose_names_could_be_confused_get_along(project: Project, aws: EcrFront) -> None:
    grants = {"a": "b-c", "a-b": "c"}
    project.write(
        program(
            {
                "role": ROLE,
                **{
                    name: asset(
                        forceDelete=True,
                        pullPrincipals=[{"name": grant, "accountId": "210987654321"}],
                        resourcePolicyStatements=[],
                    )
                    for name, grant in grants.items()
                },
            }
        )
    )
    project.up()
    project.up(expect_no_changes=True)
    found = repositories(aws, project)
    assert {name: len(aws.statements(name)) for name in found} == dict.fromkeys(found, 1)
    assert len(found) == 2
    project.destroy()


LATER = """
import json
import pulumi
import pulumi_aws as aws
import pulumi_image_assets as assets

role = aws.iam.Role("role", assume_role_policy='{{"Version":"2012-10-17","Statement":[]}}')
for number, grants in enumerate([{grants}]):
    assets.TarballImageAsset(f"api{{number}}", tarball_file="image.tar", force_delete=True, pull_principals=grants)
"""

#: A list, an item and a member that are known later; then the same as secrets.
GRANTS_LATER = """
    role.arn.apply(lambda arn: [{"name": "role", "arn": arn}]),
    [role.arn.apply(lambda arn: {"name": "role", "arn": arn})],
    [{"name": "role", "arn": role.arn}],
    pulumi.Output.secret([{"name": "role", "accountId": "210987654321"}]),
    [pulumi.Output.secret({"name": "role", "accountId": "210987654321"})],
    [{"name": "role", "accountId": pulumi.Output.secret("210987654321")}],
"""


def python_project(new_project: NewProject, aws: EcrFront, name: str, grants: str) -> Project:
    made = new_project(LATER.format(grants=grants), "python", name=name.replace("/", "-"))
    made.environ.update(aws.environ)
    pack(made, "one")
    return made


def test_grants_may_be_outputs(new_project: NewProject, aws: EcrFront, repository_name: str) -> None:
    project = python_project(new_project, aws, repository_name, GRANTS_LATER)
    project.preview()
    project.up()
    assert [len(aws.statements(name)) for name in repositories(aws, project)] == [1] * 6
    project.up(expect_no_changes=True)
    stored = [r for r in project.state() if r["type"].endswith("RepositoryPolicyStatement")]
    secret = [r for r in stored if r["urn"].rpartition("::")[2].startswith(("api3", "api4", "api5"))]
    assert [("plaintext" in r["inputs"]["statement"]) for r in secret] == [True] * 3
    shown = [r for r in project.state(show_secrets=False) if r["type"].endswith("RepositoryPolicyStatement")]
    assert (len(shown), "210987654321" in json.dumps(shown)) == (6, False)
    project.destroy()


@pytest.mark.parametrize(
    ("grants", "operation"),
    [
        ('pulumi.Output.from_input([{"name": "x", "accountId": "12"}])', "preview"),
        ('pulumi.Output.secret([{"name": "x", "accountId": "12"}])', "preview"),
        ('role.arn.apply(lambda arn: [{"name": "x", "accountId": "12"}])', "up"),
        ('[role.arn.apply(lambda arn: {"name": "x", "accountId": "12"})]', "up"),
    ],
)
def test_a_mistake_in_a_list_that_is_an_output_is_told(
    new_project: NewProject, aws: EcrFront, repository_name: str, grants: str, operation: str
) -> None:
    project = python_project(new_project, aws, repository_name, grants)
    if operation == "up":
        project.preview()
    refused = getattr(project, operation)(check=False)
    assert refused.code
    assert "is not an AWS account: write its 12 digits" in refused.text
    assert repositories(aws, project) == {}


# --- keys in the stack's configuration


KEYS = {"aws:accessKey": "AKIASTACKKEY", "aws:secretKey": "stack-secret-key", "aws:token": "stack-token"}


@pytest.mark.parametrize("kept", ["secret", pytest.param("plain", marks=pytest.mark.slow)])
def test_keys_in_the_stacks_configuration_sign_and_are_stored_nowhere(
    project: Project, aws: EcrFront, kept: str
) -> None:
    project.environ = {name: value for name, value in project.environ.items() if "KEY" not in name}
    project.environ["HOME"] = str(project.private)
    project.write(program({"api": asset(forceDelete=True, pullPrincipals=[PULLER])}))
    for key, value in KEYS.items():
        project.set_config(key, value, secret=kept == "secret")
    aws.seen.clear()
    project.up()
    project.up(expect_no_changes=True)
    signers = {seen.key for seen in aws.seen} - {"token"}
    assert "AKIASTACKKEY" in signers
    # The provider of pulumi-aws has them, as it always did.
    others = [resource for resource in project.state() if not resource["type"].startswith("pulumi:providers:aws")]
    assert not any(value in json.dumps(others) for value in KEYS.values())
    assert not any(value in project.refresh().text for value in KEYS.values())
    refused = project.destroy(check=False)
    assert "--run-program" in refused.text
    project.destroy("--run-program")
    assert repositories(aws, project) == {}


def test_every_role_of_the_stacks_chain_is_assumed(project: Project, aws: EcrFront) -> None:
    project.write(program({"api": asset(forceDelete=True, pullPrincipals=[PULLER])}))
    arns = [f"arn:aws:iam::{ACCOUNT}:role/{project.name}-{number}" for number in range(2)]
    for number, arn in enumerate(arns):
        project.set_config(f"aws:assumeRoles[{number}].roleArn", arn)
    project.set_config("aws:assumeRoles[1].externalId", "partner-id", secret=True)
    project.up()
    assumed = [arn for arn in aws.assumed if arn in arns]
    assert assumed
    assert assumed[0::2] == [arns[0]] * (len(assumed) // 2)
    assert assumed[1::2] == [arns[1]] * (len(assumed) // 2)
    assert "partner-id" not in json.dumps(project.state(show_secrets=False))
    aws.assumed.clear()
    project.destroy()
    assert arns[1] in aws.assumed


# --- repositories that are not ECR's


STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}


@pytest.mark.parametrize("cloud", ["emulated", "real"])
def test_a_statement_for_a_repository_that_is_not_ecrs_is_refused_in_the_first_preview(
    project: Project, cloud: str
) -> None:
    if cloud == "real":
        del project.environ["AWS_ENDPOINT_URL"]
    wrong = asset(repository="ghcr.io/me/app", resourcePolicyStatements=[{"name": "x", "statement": STATEMENT}])
    project.write(program({"api": wrong}))
    refused = project.preview(check=False)
    assert refused.code
    assert '"ghcr.io/me/app" is not an Amazon ECR repository' in refused.text


METHOD = """
import pulumi_image_assets as assets

api = assets.TarballImageAsset("api", tarball_file="image.tar", repository="ghcr.io/me/app")
api.add_to_resource_policy(name="x", statement={"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"})
"""


def test_a_statement_by_method_is_refused_too(new_project: NewProject, aws: EcrFront) -> None:
    project = new_project(METHOD, "python")
    project.environ.update(aws.environ)
    pack(project, "one")
    refused = project.preview(check=False)
    assert refused.code
    assert '"ghcr.io/me/app" is not an Amazon ECR repository' in refused.text
