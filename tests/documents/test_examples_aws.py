"""The examples that need AWS: their READMEs' commands, over an emulated one."""

import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import aws as fake_aws
from tests.fakes.ecr_front import ACCOUNT, REGION, EcrFront
from tests.support.examples import EXAMPLES, copy_example, in_each_language, play
from tools.artifacts import packages
from tools.kit import node

pytestmark = pytest.mark.usefixtures("docker_engine")


HERE = {"region eu-central-1": f"region {REGION}"}
WITHOUT_BASE = {"base": "scratch"}


@pytest.mark.timeout(900)
@in_each_language("aws-lambda", "python")
def test_a_lambda_function_runs_the_image_that_its_program_builds(
    language: str, tmp_path: Path, aws: EcrFront, sdk: Path | None
) -> None:
    program = {"program": language, "stack": language}
    project = play("aws-lambda", tmp_path, HERE, sdk=sdk, environ=aws.environ, config=WITHOUT_BASE, **program).project
    outputs = project.stack_outputs()
    repository = f"aws-lambda-{language}-greeter"
    function = aws.client("lambda").get_function(FunctionName=outputs["functionName"])
    assert function["Code"]["ImageUri"] == outputs["imageUri"]
    (statement,) = aws.statements(repository)
    source = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:*"
    assert statement["Condition"] == {"StringLike": {"aws:sourceArn": source}}
    assert manifest_type(aws, outputs["imageUri"]).endswith(("image.manifest.v1+json", "manifest.v2+json"))

    (project.folder.parent / "function" / "app.py").write_text("handler = print\n")
    changed = project.up()
    assert {step.type.rpartition(":")[2] for step in changed.changes} == {"PublishedImage", "Function"}
    images = aws.client("ecr").describe_images(repositoryName=repository)["imageDetails"]
    assert len(images) == 2
    function = aws.client("lambda").get_function(FunctionName=outputs["functionName"])
    assert function["Code"]["ImageUri"] == project.stack_outputs()["imageUri"] != outputs["imageUri"]


@pytest.mark.timeout(900)
@in_each_language("aws-ecs", "typescript")
def test_a_service_runs_the_image_that_its_program_builds(
    language: str, tmp_path: Path, aws: EcrFront, sdk: Path | None
) -> None:
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    program = {"program": language, "stack": language}
    project = play(
        "aws-ecs",
        tmp_path,
        {**HERE, "subnet-0123456789abcdef0": subnet},
        sdk=sdk,
        environ=aws.environ,
        config=WITHOUT_BASE,
        **program,
    ).project
    outputs = project.stack_outputs()
    assert running_image(aws, outputs["service"]) == outputs["imageUri"]
    repository = f"aws-ecs-{language}-web"
    (role,) = [name["RoleName"] for name in aws.client("iam").list_roles()["Roles"] if "web-agent" in name["RoleName"]]
    (policy,) = aws.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    document = aws.client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}"
    assert {statement["Resource"] for statement in document["Statement"]} == {arn, "*"}

    (project.folder.parent / "web" / "pages" / "index.html").write_text("<h1>Good night</h1>\n")
    shown = project.preview()
    new = shown.outputs["imageUri"]
    assert new != outputs["imageUri"]
    assert (new in shown.text, "pages/index.html" in shown.text) == (True, True)
    changed = project.up()
    kinds = {step.type.rpartition(":")[2] for step in changed.changes}
    assert kinds == {"PublishedImage", "TaskDefinition", "Service"}
    assert running_image(aws, outputs["service"]) == new
    project.destroy()


def running_image(aws: EcrFront, service: str) -> Any:
    """Return the image that a service's tasks run."""
    ecs = aws.client("ecs")
    for cluster in ecs.list_clusters()["clusterArns"]:
        for found in ecs.describe_services(cluster=cluster, services=[service])["services"]:
            task = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
            return task["containerDefinitions"][0]["image"]
    return None


def manifest_type(aws: EcrFront, uri: str) -> str:
    """Return what kind of manifest a tag names: Lambda refuses indexes."""
    name, tag = uri.partition("/")[2].rsplit(":", 1)
    answer = aws.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    return str(json.loads(answer["images"][0]["imageManifest"])["mediaType"])


def test_one_stack_publishes_and_another_refers_and_publishes_beside_it(aws: EcrFront, tmp_path: Path) -> None:
    """R31: two stacks on one repository."""
    meaning = {**HERE, "ORGANIZATION": "organization"}
    done = play("cross-stack", tmp_path, meaning, program="publisher", environ=aws.environ)
    publisher, consumer = done.project, done.beside("consumer")
    published = publisher.stack_outputs()
    outputs = consumer.stack_outputs()
    name = "cross-stack-publisher-dev-images"
    assert outputs["jobUri"] == published["imageUri"]
    assert outputs["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    assert outputs["reportUri"].startswith(published["repositoryUrl"] + ":")
    assert [statement["Effect"] for statement in aws.statements(name)] == ["Allow", "Allow"]
    consumer.destroy()
    (left,) = aws.statements(name)
    assert "210987654321" in json.dumps(left["Principal"])
    assert len(aws.client("ecr").describe_images(repositoryName=name)["imageDetails"]) == 2
    publisher.destroy()
    assert name not in str(aws.client("ecr").describe_repositories())


def test_one_build_goes_to_two_regions_and_accounts_by_a_role_of_each(aws: EcrFront, tmp_path: Path) -> None:
    """R44: three registries that take no token of each other."""
    with ExitStack() as running:
        regions = {}
        for region in ("eu-west-1", "ap-east-1"):
            (tmp_path / region).mkdir()
            regions[region] = running.enter_context(fake_aws.running(tmp_path / region))
        more = []
        for at, (region, front) in enumerate(regions.items()):
            front.client("ecr").create_repository(repositoryName=f"api-{region}", imageTagMutability="IMMUTABLE")
            place = {"repository": f"{front.address}/api-{region}", "aws.endpoint": front.endpoint}
            place |= {"aws.assumeRoleArn": f"arn:aws:iam::21098765432{at}:role/publisher", "aws.region": region}
            more += [f"pulumi config set --path 'places[{at}].{key}' {value}" for key, value in place.items()]
        meaning = {**HERE, "pulumi preview": "; ".join([*more, "pulumi preview"])}
        done = play("several-regions", tmp_path, meaning, environ=aws.environ)
        project = done.project
        outputs = project.stack_outputs()
        tag = outputs["imageUri"].rpartition(":")[2]
        preview = done.said.partition("Updating (dev)")[0]
        assert [uri in preview for uri in outputs["destinationUris"]] == [True, True]
        assert outputs["destinationUris"] == [
            f"{front.address}/api-{region}:{tag}" for region, front in regions.items()
        ]
        for at, (region, front) in enumerate(regions.items()):
            (image,) = front.client("ecr").describe_images(repositoryName=f"api-{region}")["imageDetails"]
            assert (image["imageDigest"], image["imageTags"]) == (outputs["imageDigest"], [tag])
            assert set(front.assumed) == {f"arn:aws:iam::21098765432{at}:role/publisher"}
            asked = {seen.region for seen in front.seen if seen.action == "ecr:GetAuthorizationToken"}
            assert asked == {region}
        assert not [role for role in aws.assumed if role.endswith("role/publisher") and "2109876543" in role]
        project.up(expect_no_changes=True)


@pytest.mark.slow
@pytest.mark.timeout(900)  # The real SDK has 100 MB.
def test_programs_in_typescript_compile_with_the_real_sdk_of_aws(tmp_path: Path) -> None:
    """As a user installs them from a clone."""
    found = node.node()
    tarball = packages.npm(tmp_path / "scratch", tmp_path)
    folder = copy_example("aws-lambda", tmp_path / "aws-lambda") / "typescript"
    install: list[str | Path] = [*found.npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", tarball]
    subprocess.run(install, cwd=folder, env={**os.environ, **found.environ}, check=True, capture_output=True)
    for name in ("aws-lambda", "aws-ecs"):
        shutil.copy2(EXAMPLES / name / "typescript" / "index.ts", folder)
        tsc: list[str | Path] = [folder / "node_modules" / ".bin" / "tsc", "--project", folder]
        done = subprocess.run(tsc, env=found.environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
