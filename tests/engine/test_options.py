"""Pulumi's own options on assets and on their children, and programs whose files are gone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import EcrFront
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

DOCKERFILE = "FROM scratch\nARG V\nCOPY . /\n"


def program(repository: str, options: dict[str, Any] | None = None, name: str = "app", **inputs: Any) -> str:
    properties = {"directory": "app", "repository": repository, **inputs}
    asset = {"type": "image-assets:DockerImageAsset", "properties": properties, "options": options or {}}
    return f"resources: {json.dumps({name: asset})}\noutputs: {{uri: '${{{name}.imageUri}}'}}\n"


@pytest.fixture
def repository(registry: Registry, repository_name: str) -> str:
    return f"{registry.address}/{repository_name}"


def make(new_project: NewProject, text: str) -> Project:
    project = new_project(text)
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE, "a.txt": "one"})
    return project


def image_ops(run: Any) -> list[str]:
    return [step.op for step in run.steps if step.type.endswith("PublishedImage")]


def test_what_is_ignored_changes_nothing(new_project: NewProject, repository: str) -> None:
    project = make(new_project, program(repository, {"ignoreChanges": ["buildArgs.V"]}, buildArgs={"V": "1"}))
    project.up()
    project.write(program(repository, {"ignoreChanges": ["buildArgs.V"]}, buildArgs={"V": "2"}))
    project.up(expect_no_changes=True)
    project.write(program(repository, {"ignoreChanges": ["*"]}, buildArgs={"V": "3"}))
    (project.folder / "app" / "a.txt").write_text("two")
    project.preview(expect_no_changes=True)
    project.up(expect_no_changes=True)
    # What was ignored is not taken for what is there: without the option it is a change.
    project.write(program(repository, buildArgs={"V": "3"}))
    assert image_ops(project.up()) == ["update"]


def test_a_time_limit_ends_the_build(new_project: NewProject, busybox_context: NewContext, repository: str) -> None:
    project = new_project(program(repository, {"customTimeouts": {"create": "3s"}}))
    step = 'FROM scratch\nCOPY . /\nRUN ["/busybox", "sleep", "60"]\n'
    busybox_context({"unique.txt": repository}, dockerfile=step, folder=project.folder / "app")
    failed = project.up(check=False)
    assert failed.code != 0
    assert "within 3 s, the time that `customTimeouts` gives it" in failed.messages("error")
    assert failed.seconds < 25
    busybox_context({"unique.txt": repository}, dockerfile="FROM scratch\nCOPY . /\n", folder=project.folder / "app")
    project.write(program(repository, {"customTimeouts": {"create": "5m"}}))
    project.up()


def test_outputs_can_be_made_secret(new_project: NewProject, repository: str) -> None:
    secret = {"additionalSecretOutputs": ["imageUri", "repositoryUrl", "imageDigest"]}
    project = make(new_project, program(repository, secret))
    project.up()
    for type_ending in ("PublishedImage", "DockerImageAsset"):
        stored = next(r for r in project.state(show_secrets=False) if r["type"].endswith(type_ending))
        assert all("ciphertext" in stored["outputs"][name] for name in secret["additionalSecretOutputs"])
    project.up(expect_no_changes=True)
    project.refresh(expect_no_changes=True)
    stored = next(r for r in project.state(show_secrets=False) if r["type"].endswith("PublishedImage"))
    assert "ciphertext" in stored["outputs"]["imageDigest"]
    (project.folder / "app" / "a.txt").write_text("two")
    assert image_ops(project.up()) == ["update"]
    project.up(expect_no_changes=True)
    project.destroy()


def test_replacing_protecting_and_renaming(new_project: NewProject, repository: str) -> None:
    options: dict[str, Any] = {"replaceOnChanges": ["buildArgs"]}
    project = make(new_project, program(repository, options, buildArgs={"V": "1"}))
    project.up()
    project.write(program(repository, options, buildArgs={"V": "2"}))
    assert "replace" in image_ops(project.up())
    project.write(program(repository, {"aliases": [{"name": "app"}], "protect": True}, "renamed", buildArgs={"V": "2"}))
    assert not {"create", "delete", "replace"} & set(image_ops(project.up()))
    project.up(expect_no_changes=True)
    refused = project.destroy(check=False)
    assert refused.code != 0
    assert "protect" in refused.text
    project.write(program(repository, {"aliases": [{"name": "app"}]}, "renamed", buildArgs={"V": "2"}))
    project.up()
    project.destroy()


def test_a_retained_image_is_not_asked_to_go(
    new_project: NewProject, repository: str, registry: Registry, repository_name: str
) -> None:
    project = make(new_project, program(repository, {"retainOnDelete": True}, retainOnDelete=False))
    project.up()
    project.destroy()
    assert len(registry.tags(repository_name)) == 1


@pytest.mark.parametrize("flags", [[], ["--run-program"]])
def test_a_program_whose_files_are_gone_can_be_refreshed_and_destroyed(
    new_project: NewProject, repository: str, flags: list[str]
) -> None:
    project = make(new_project, program(repository))
    project.up()
    shutil.rmtree(project.folder / "app")
    refused = project.preview(check=False)
    assert "there is no directory at" in refused.messages("error")
    project.refresh(*flags)
    assert len([r for r in project.state() if r["type"].startswith("image-assets:")]) == 2
    project.destroy(*flags)
    assert not any(r["type"].startswith("image-assets:") for r in project.state())


TIED = """
import pulumi, pulumi_aws as aws, pulumi_image_assets as assets

# Of resources that are deleted first, the engine deletes what is tied to them before it knows their providers.
repo = aws.ecr.Repository("repo", name="{name}", opts=pulumi.ResourceOptions(delete_before_replace=False))
assets.DockerImageAsset("app", directory="app", repository="{repository}", retain_on_delete=False,
    opts=pulumi.ResourceOptions({option}))
"""


def test_an_image_is_replaced_with_another_resource(
    new_project: NewProject, repository: str, repository_name: str, aws: EcrFront
) -> None:
    """`replaceWith`: the other one's replacement is enough."""
    name = repository_name.replace("/", "-")
    project: Project = new_project("", "python")
    project.environ.update(aws.environ)
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE, "a.txt": "one"})
    for suffix, operations in (("-1", {"create"}), ("-1", {"same"}), ("-2", {"replace"})):
        project.write(TIED.format(name=name + suffix, repository=repository, option="replace_with=[repo]"))
        assert operations <= set(image_ops(project.up()))
    project.up(expect_no_changes=True)
    project.destroy()


def test_an_image_that_goes_with_another_resource_is_not_deleted_itself(
    new_project: NewProject, repository: str, repository_name: str, registry: Registry, aws: EcrFront
) -> None:
    """`deletedWith`: without it the tag goes, as `retainOnDelete: false` asks for."""
    project: Project = new_project("", "python")
    project.environ.update(aws.environ)
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE, "a.txt": "one"})
    for option, tags in (("", 0), ("deleted_with=repo", 1)):
        name = repository_name.replace("/", "-")
        project.write(TIED.format(name=name, repository=repository, option=option))
        project.up()
        project.destroy()
        assert len(registry.tags(repository_name)) == tags


TRANSFORMED = """
import pulumi, pulumi_image_assets as assets

def keep(args):
    if args.type_.endswith("PublishedImage"):
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(
            ignore_changes=["*"], additional_secret_outputs=["imageTag"], protect=True))
        return pulumi.ResourceTransformResult(args.props, opts)
    return None

assets.DockerImageAsset("app", directory="app", repository="{repository}",
    opts=pulumi.ResourceOptions(transforms=[keep]))
"""


def test_transforms_reach_the_image(new_project: NewProject, repository: str) -> None:
    project: Project = new_project(TRANSFORMED.format(repository=repository), "python")
    folder: Path = project.folder
    write_files(folder / "app", {"Dockerfile": DOCKERFILE, "a.txt": "one"})
    project.up()
    stored = project.stored("PublishedImage")
    assert stored["protect"] is True
    assert stored["additionalSecretOutputs"] == ["imageTag"]
    (folder / "app" / "a.txt").write_text("two")
    project.up(expect_no_changes=True)


def test_a_target_leaves_the_others_alone(new_project: NewProject, repository: str) -> None:
    one = program(repository).partition("\n")[0]
    both = json.loads(one.removeprefix("resources: "))
    both["other"] = {**both["app"], "properties": {**both["app"]["properties"], "directory": "other"}}
    project = make(new_project, f"resources: {json.dumps(both)}\n")
    write_files(project.folder / "other", {"Dockerfile": DOCKERFILE, "b.txt": "one"})
    component = "urn:pulumi:dev::proj::image-assets:index:DockerImageAsset::app"
    project.up(f"--target={component}", "--target-dependents")
    names = {r["urn"].rpartition("::")[2] for r in project.state() if r["type"].startswith("image-assets:")}
    assert names == {"app"}
    project.up()
    for folder in ("app", "other"):
        (project.folder / folder / "new.txt").write_text("new")
    changed = project.up(f"--target={component}", "--target-dependents")
    assert {step.name for step in changed.changes} <= {"app"}
    assert {step.name for step in project.up().changes} >= {"other"}


HOOKED = """
import pulumi, pulumi_image_assets as assets

def told(args):
    with open("told.txt", "a") as file:
        file.write(args.name + "\\n")

hook = pulumi.ResourceHook("told", told)
first = assets.DockerImageAsset("first", directory="app", repository="{repository}")
assets.DockerImageAsset("second", directory="app", repository="{repository}-2", opts=pulumi.ResourceOptions(
    depends_on=[first], hooks=pulumi.ResourceHookBinding(after_create=[hook])))
"""


def test_hooks_run_once_and_dependencies_come_first(new_project: NewProject, repository: str) -> None:
    project: Project = new_project(HOOKED.format(repository=repository), "python")
    write_files(project.folder / "app", {"Dockerfile": DOCKERFILE, "a.txt": "one"})
    run = project.up()
    assert (project.folder / "told.txt").read_text().split() == ["second"]
    images = [step.name for step in run.steps if step.type.endswith("PublishedImage")]
    assert images == ["first", "second"]
    component = project.stored("DockerImageAsset", "second")
    assert [urn.rpartition("::")[2] for urn in component["dependencies"]] != []
    project.up(expect_no_changes=True)
    project.destroy()
