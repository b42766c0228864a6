"""The harness itself, against the real engine and registry."""

import json
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import EcrFront
from tests.support.project import CommandFailedError
from tests.support.registry import Registry


def _program(context: str, repository: str) -> str:
    return f"""\
    resources:
      api:
        type: image-assets:DockerImageAsset
        properties:
          directory: {context}
          repository: {repository}
    outputs:
      uri: ${{api.imageUri}}
    """


def test_a_preview_gives_steps_diffs_and_outputs(new_project: NewProject, busybox_context: NewContext) -> None:
    context = busybox_context({"a.txt": "1"})
    project = new_project(_program(str(context), "localhost:1/x"))
    first = project.preview()
    assert first.step("PublishedImage", "api").op == "create"
    assert first.outputs["uri"].startswith("localhost:1/x:")


def test_a_failing_command_shows_what_it_printed(new_project: NewProject) -> None:
    project = new_project("resources: {a: {type: image-assets:NoSuchThing}}\n")
    with pytest.raises(CommandFailedError, match="NoSuchThing"):
        project.preview()


def test_a_python_program_runs(new_project: NewProject) -> None:
    project = new_project("import pulumi\npulumi.export('two', 1 + 1)\n", "python")
    assert project.up().outputs == {"two": 2}
    assert project.stack_outputs() == {"two": 2}
    project.up(expect_no_changes=True)
    project.destroy()


def test_the_registry_serves_what_was_put(registry: Registry, repository_name: str) -> None:
    content = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
    media_type = "application/vnd.oci.image.index.v1+json"
    digest = registry.put_manifest(repository_name, "v1", content.encode(), media_type)
    assert registry.tags(repository_name) == ["v1"]
    assert registry.digest(repository_name, "v1") == digest
    registry.delete_tag(repository_name, "v1")
    assert registry.digest(repository_name, "v1") is None


def test_a_registry_with_logins_refuses_strangers(registry_with_auth: Registry) -> None:
    assert Registry(registry_with_auth.local).ask("GET", "/v2/").status == 401
    assert registry_with_auth.ask("GET", "/v2/").status == 200


def test_an_interrupted_up_ends_soon(new_project: NewProject, tmp_path: Path) -> None:
    started = tmp_path / "started"
    project = new_project(f"import time\nopen({str(started)!r}, 'w').close()\ntime.sleep(120)\n", "python")
    run = project.interrupt_up(started.exists)
    assert run.code != 0
    assert run.seconds < 10


@pytest.fixture(scope="module")
def left_over(aws: EcrFront) -> EcrFront:
    aws.allowed, aws.refuse_tokens, aws.token_seconds = set(), True, 1.0
    aws.throttle["ecr:PutImage"] = 3
    return aws


@pytest.mark.xdist_group("left-over")
@pytest.mark.parametrize("disturbed", [True, False], ids=["first", "second"])
def test_no_test_leaves_a_disturbed_aws_to_the_next(left_over: EcrFront, aws: EcrFront, *, disturbed: bool) -> None:
    assert left_over is aws
    assert (aws.allowed == set(), aws.refuse_tokens, aws.token_seconds == 1.0, bool(aws.throttle)) == (disturbed,) * 4
