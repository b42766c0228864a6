"""The examples that need AWS or run containers, as they stand in the repository."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import NewProject
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
