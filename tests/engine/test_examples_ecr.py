"""The examples that need AWS or run containers, as they stand in the repository."""

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.fakes import aws as fake_aws
from tests.fakes.ecr_front import ACCOUNT, REGION, EcrFront
from tests.support.contexts import busybox
from tests.support.paths import REPO
from tests.support.project import Project, Runtime
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")


def _example(new_project: NewProject, name: str, runtime: Runtime = "yaml", *, project: str = "") -> Project:
    """Copy an example's folder and make a stack of it."""
    made = new_project("", runtime, name=project or name)
    shutil.copytree(REPO / "examples" / name, made.folder, dirs_exist_ok=True)
    return made


def test_a_lambda_function_runs_the_image_that_its_program_builds(new_project: NewProject, aws: EcrFront) -> None:
    project = _example(new_project, "aws-lambda", "python")
    project.environ.update(aws.environ)
    project.set_config("base", "scratch")
    project.up()
    outputs = project.stack_outputs()
    function = aws.client("lambda").get_function(FunctionName=outputs["function"])
    assert function["Code"]["ImageUri"] == outputs["imageUri"]
    (statement,) = aws.statements("aws-lambda-dev-greeter")
    source = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:*"
    assert statement["Condition"] == {"StringLike": {"aws:sourceArn": source}}
    assert manifest_type(aws, outputs["imageUri"]).endswith(("image.manifest.v1+json", "manifest.v2+json"))

    (project.folder / "function" / "app.py").write_text("handler = print\n")
    changed = project.up()
    assert {step.type.rpartition(":")[2] for step in changed.changes} == {"PublishedImage", "Function"}
    images = aws.client("ecr").describe_images(repositoryName="aws-lambda-dev-greeter")["imageDetails"]
    assert len(images) == 2
    function = aws.client("lambda").get_function(FunctionName=outputs["function"])
    assert function["Code"]["ImageUri"] == project.stack_outputs()["imageUri"] != outputs["imageUri"]


def manifest_type(aws: EcrFront, uri: str) -> str:
    """Return what kind of manifest a tag names: Lambda refuses indexes."""
    name, tag = uri.partition("/")[2].rsplit(":", 1)
    answer = aws.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    return str(json.loads(answer["images"][0]["imageManifest"])["mediaType"])


def test_one_stack_publishes_and_another_refers_and_publishes_beside_it(
    new_project: NewProject, aws: EcrFront, tmp_path: Path
) -> None:
    """R31: two stacks on one repository."""
    publisher = _example(new_project, "cross-stack/publisher", project="cross-stack-publisher")
    consumer = _example(new_project, "cross-stack/consumer", project="cross-stack-consumer")
    (tmp_path / "backend").mkdir()
    for project in (publisher, consumer):
        project.environ.update(aws.environ, PULUMI_BACKEND_URL=f"file://{tmp_path / 'backend'}")
    publisher.up()
    published = publisher.stack_outputs()
    consumer.up()
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


def test_one_build_goes_to_two_regions_and_accounts_by_a_role_of_each(
    new_project: NewProject, aws: EcrFront, tmp_path: Path
) -> None:
    """R44: three registries that take no token of each other."""
    with ExitStack() as running:
        regions = {}
        for region in ("eu-west-1", "ap-east-1"):
            (tmp_path / region).mkdir()
            regions[region] = running.enter_context(fake_aws.running(tmp_path / region))
        project = _example(new_project, "several-regions", "python")
        project.environ.update(aws.environ)
        for at, (region, front) in enumerate(regions.items()):
            front.client("ecr").create_repository(repositoryName=f"api-{region}", imageTagMutability="IMMUTABLE")
            role = f"arn:aws:iam::21098765432{at}:role/publisher"
            project.set_config(f"places[{at}].repository", f"{front.address}/api-{region}")
            for key, value in {"assumeRoleArn": role, "region": region, "endpoint": front.endpoint}.items():
                project.set_config(f"places[{at}].aws.{key}", value)
        preview = project.preview()
        project.up()
        outputs = project.stack_outputs()
        tag = outputs["imageUri"].rpartition(":")[2]
        assert preview.outputs["destinationUris"] == outputs["destinationUris"]
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


def test_production_gets_what_staging_has_tested_after_a_preview_by_digest(
    new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    staging = _example(new_project, "promotion/staging", project="promotion-staging")
    production = _example(new_project, "promotion/production", project="promotion-production")
    (tmp_path / "backend").mkdir()
    tested, ours = f"{repository_name}/staging", f"{repository_name}/production"
    for project, place in ((staging, tested), (production, ours)):
        project.environ.update(PULUMI_BACKEND_URL=f"file://{tmp_path / 'backend'}")
        project.set_config("repository", f"{registry.address}/{place}")
    staging.up()
    production.up()
    first = production.stack_outputs()
    assert first["imageDigest"] == staging.stack_outputs()["imageDigestUri"].partition("@")[2]
    production.up(expect_no_changes=True)

    (staging.folder / "api" / "settings.json").write_text('{"greeting": "good day"}')
    staging.up()
    second = staging.stack_outputs()
    shown = production.preview()
    digest = second["imageDigestUri"].partition("@")[2]
    assert f'"{first["imageDigest"]}" => "{digest}"' in " ".join(shown.stdout.split())
    assert registry.digest(ours, second["imageTag"]) is None
    production.up()
    assert registry.digest(ours, second["imageTag"]) == digest
    staging.destroy()
    assert registry.digest(ours, second["imageTag"]) == digest


def test_a_container_runs_the_published_image(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    project = _example(new_project, "docker-container")
    shutil.copy2(busybox(), project.folder / "site" / "busybox")
    project.set_config("repository", f"{registry.address}/{repository_name}")
    project.up()
    try:
        assert page_of(project.stack_outputs()["container"]) == "<h1>Good day</h1>"
        (project.folder / "site" / "pages" / "index.html").write_text("<h1>Good night</h1>\n")
        project.up()
        assert page_of(project.stack_outputs()["container"]) == "<h1>Good night</h1>"
    finally:
        project.destroy()


def page_of(container: str) -> str:
    """Ask a container for its page, from within."""
    from tests.fakes.docker_plugin import docker  # noqa: PLC0415 - grpc takes a moment, and one test needs it

    return docker("exec", container, "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
