"""Contexts, flags and platforms as users have them: odd names, other spellings, habits of other tools."""

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: {directory}
      repository: {repository}
      {more}
outputs:
  imageUri: ${{app.imageUri}}
  platforms: ${{app.platforms}}
"""


@pytest.fixture
def repository(registry: Registry, repository_name: str) -> str:
    return f"{registry.address}/{repository_name}"


@pytest.fixture
def project(new_project: NewProject, repository: str) -> Project:
    return new_project(program(repository))


def program(repository: str, more: str = "", directory: str = "app") -> str:
    return PROGRAM.format(repository=repository, more=more, directory=directory)


def test_a_root_of_odd_names_is_published_and_a_platform_has_one_name(
    project: Project, busybox_context: NewContext, registry: Registry, repository_name: str, repository: str
) -> None:
    """N52 too: the file is called `dockerfile`."""
    files = {"[slug].html": "x", "{{x}}": repository_name}
    context = busybox_context(files, dockerfile="FROM scratch\nCOPY . /\n", folder=project.folder / "app")
    (context / "Dockerfile").rename(context / "dockerfile")
    project.write(program(repository, "platform: linux/x86_64"))
    made = project.up()
    assert made.outputs["platforms"] == ["linux/amd64"]
    config = registry.config(repository_name, made.outputs["imageUri"].rpartition(":")[2])
    assert len(config["rootfs"]["diff_ids"]) == 1
    for more in ("platform: linux/amd64", "platforms: [linux/amd64/v1, linux/x86-64]", ""):
        project.write(program(repository, more))
        assert project.preview(expect_no_changes=True).outputs == made.outputs


@pytest.mark.parametrize(
    ("more", "directory", "reason"),
    [
        ("buildFlags: [--push]", "app", "`--push` is not possible here"),
        ("platform: linux/amd46", "app", "did you mean linux/amd64?"),
        ("", "https://example.com/context.tar", "is a URL, not a path"),
        ("cacheFrom: [null, {type: registr}]", "app", "did you mean registry?"),
        ("buildArgs: {'a\"=b': x}", "app", 'buildArgs["a\\"=b"]'),
    ],
)
def test_what_cannot_be_is_refused_in_the_preview(
    project: Project, repository: str, more: str, directory: str, reason: str
) -> None:
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\n"})
    project.write(program(repository, more, directory))
    failed = project.preview(check=False)
    assert failed.code != 0
    assert reason in failed.messages("error")
    assert "Traceback" not in failed.text


def test_an_image_without_layers_fails_in_the_engines_words(
    project: Project, registry: Registry, repository_name: str
) -> None:
    """N51."""
    write_files(project.folder / "app", {"Dockerfile": f"FROM scratch\nLABEL name={repository_name}\n"})
    failed = project.up(check=False)
    assert "which has no layers" in failed.messages("error")
    assert "empty export" in failed.messages("error")
    assert registry.tags(repository_name) == []
