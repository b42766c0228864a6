"""A replica with an ECR repository of its own, and grants on it (R4, R5)."""

from tests.conftest import NewProject
from tests.engine.test_replicas import push
from tests.fakes.ecr_front import EcrFront
from tests.fakes.images import an_image
from tests.support.registry import Registry

PROGRAM = """
import pulumi
import pulumi_image_assets as assets

copy = assets.ImageReplica(
    "copy",
    source="{source}",
    check_source="always",
    force_delete=True,
    pull_principals=[{{"name": "sister", "account_id": "210987654321"}}],
)
grant = copy.grant_pull(name="lambda", service="lambda.amazonaws.com")
pulumi.export("uri", grant.image_uri)
pulumi.export("digest", copy.image_digest)
pulumi.export("arn", copy.repository_arn)
"""


def test_a_replica_owns_a_repository_whose_tag_may_move_with_the_source(
    new_project: NewProject, aws: EcrFront, registry: Registry, repository_name: str
) -> None:
    first = push(registry, repository_name, "1", an_image("first"))
    name = repository_name.replace("/", "-")
    project = new_project(PROGRAM.format(source=f"{registry.address}/{repository_name}:1"), "python", name=name)
    project.environ.update(aws.environ)
    preview = project.preview()
    assert (preview.outputs["uri"], preview.outputs["digest"]) == (f"{aws.address}/{name}-dev-copy:1", first)
    project.up()
    outputs = project.stack_outputs()
    assert {key: outputs[key] for key in ("uri", "digest")} == {"uri": preview.outputs["uri"], "digest": first}
    assert outputs["arn"].endswith(f":repository/{name}-dev-copy")
    assert len(aws.statements(f"{name}-dev-copy")) == 2
    second = push(registry, repository_name, "1", an_image("second"))
    project.up()
    assert project.stack_outputs()["digest"] == second
    images = aws.client("ecr").describe_images(repositoryName=f"{name}-dev-copy")["imageDetails"]
    assert {image["imageDigest"]: image.get("imageTags", []) for image in images}[second] == ["1"]
    project.destroy()
