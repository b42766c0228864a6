"""The life of a program on a real AWS account; only when asked for.

`IMAGE_ASSETS_TEST_AWS=1 pytest -m aws_account tests/engine/test_real_aws.py` uses the credentials and the region of the
environment and the `pulumi-resource-aws` on PATH, and leaves nothing behind.
"""

import os
import shutil
import uuid

import pytest

from tests.conftest import NewContext, NewProject

pytestmark = [
    pytest.mark.aws_account,
    pytest.mark.usefixtures("docker_engine"),
    pytest.mark.skipif("IMAGE_ASSETS_TEST_AWS" not in os.environ, reason="asked for with IMAGE_ASSETS_TEST_AWS=1"),
    pytest.mark.skipif(shutil.which("pulumi-resource-aws") is None, reason="needs pulumi-resource-aws on PATH"),
]

PROGRAM = """
import json

import pulumi
import pulumi_aws as aws
import pulumi_image_assets as assets

images = assets.ImageRepository("images", force_delete=True)
role = aws.iam.Role(
    "puller",
    assume_role_policy=json.dumps({{
        "Version": "2012-10-17",
        "Statement": [
            {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {{"Service": "lambda.amazonaws.com"}}}}
        ],
    }}),
)
images.grant_pull(name="role", role=role.name)
images.grant_pull(name="principal", arn=role.arn)
images.grant_pull(name="account", account_id=aws.get_caller_identity().account_id)
one = assets.DockerImageAsset("one", directory="one", repository=images.repository_url)
own = assets.DockerImageAsset("own", directory="one", pull_principals=[
    {{"name": "lambda", "service": "lambda.amazonaws.com"}}
])
pulumi.export("uris", [one.image_uri, own.image_uri])
pulumi.export("digests", [one.image_digest, own.image_digest])
pulumi.export("own", own.repository_name)
"""


def test_a_program_lives_on_a_real_account(new_project: NewProject, busybox_context: NewContext) -> None:
    project = new_project(PROGRAM.format(), "python", name=f"image-assets-{uuid.uuid4().hex[:8]}")
    project.environ.update({name: value for name, value in os.environ.items() if name.startswith("AWS_")})
    context = busybox_context(folder=project.folder / "one")
    try:
        preview = project.preview()
        assert all(".dkr.ecr." in uri for uri in preview.outputs["uris"])
        project.up()
        first = project.stack_outputs()
        assert first["uris"] == preview.outputs["uris"]
        assert len(set(first["digests"])) == 1
        project.up(expect_no_changes=True)
        project.refresh(expect_no_changes=True)
        (context / "more.txt").write_text("more")
        project.up()
        assert project.stack_outputs()["uris"] != first["uris"]
    finally:
        empty(first_repository(project.state()))
        project.destroy()


def first_repository(state: list[dict[str, object]]) -> str:
    """Return the name of the repository that the asset owns: destroying it with its images is not ours to force."""
    names = [r["id"] for r in state if r["type"] == "aws:ecr/repository:Repository" and "own" in str(r["urn"])]
    return str(names[0]) if names else ""


def empty(repository: str) -> None:
    """Delete a repository's images."""
    import boto3  # noqa: PLC0415 - only this test needs it

    ecr = boto3.client("ecr")
    images = ecr.list_images(repositoryName=repository)["imageIds"] if repository else []
    if images:
        ecr.batch_delete_image(repositoryName=repository, imageIds=images)
