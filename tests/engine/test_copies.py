"""An image is copied from another repository only if everything that reaches the build is the same (R44, R2)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.engine.test_program import asset, counted
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

STAGES = """\
FROM scratch AS dev
COPY a.txt /
LABEL stage=dev
FROM scratch AS prod
COPY a.txt /
LABEL stage=prod
"""
WITH_ARGUMENT = "FROM scratch\nARG ENV\nCOPY a.txt /\nLABEL env=$ENV\n"


@pytest.fixture
def project(new_project: NewProject) -> Project:
    made = new_project("outputs: {}\n")
    write_files(made.folder / "app", {"Dockerfile": STAGES, "a.txt": "a"})
    return made


def publish(project: Project, registry: Registry, name: str, *given: dict[str, Any]) -> list[dict[str, Any]]:
    """Bring assets of one directory up, each in a repository of its own, and return the configs of their images."""
    places = [f"{name}/{number}" for number in range(len(given))]
    assets = (asset(f"a{n}", "app", f"{registry.address}/{place}", **given[n]) for n, place in enumerate(places))
    project.write("resources:\n" + "".join(assets))
    project.up()
    project.up(expect_no_changes=True)
    return [registry.config(place, registry.tags(place)[0]) for place in places]


def labels(configs: list[dict[str, Any]], name: str) -> list[str]:
    return [config["config"]["Labels"].get(name) for config in configs]


def test_a_stage_that_does_not_count_is_still_the_one_that_is_built(
    project: Project, registry: Registry, repository_name: str
) -> None:
    off = {"invalidation": {"target": False}}
    found = publish(project, registry, repository_name, {"target": "dev", **off}, {"target": "prod", **off}, off)
    assert labels(found, "stage") == ["dev", "prod", "prod"]


@pytest.mark.parametrize("off", [{"ignoredBuildArgs": ["ENV"]}, {"buildArgs": False}])
def test_an_ignored_argument_has_each_assets_value(
    off: dict[str, Any], project: Project, registry: Registry, repository_name: str
) -> None:
    write_files(project.folder / "app", {"Dockerfile": WITH_ARGUMENT})
    given = [{"buildArgs": {"ENV": env}, "invalidation": off} for env in ("staging", "production", "staging")]
    assert labels(publish(project, registry, repository_name, *given), "env") == ["staging", "production", "staging"]


def test_an_ignored_argument_that_changed_without_a_build_is_not_that_of_the_image(
    project: Project, registry: Registry, repository_name: str
) -> None:
    write_files(project.folder / "app", {"Dockerfile": WITH_ARGUMENT})
    off = {"invalidation": {"ignoredBuildArgs": ["ENV"]}}
    staging, production = ({"buildArgs": {"ENV": env}, **off} for env in ("staging", "production"))
    assert labels(publish(project, registry, repository_name, staging), "env") == ["staging"]
    assert labels(publish(project, registry, repository_name, production), "env") == ["staging"]
    assert labels(publish(project, registry, repository_name, production, production), "env")[1] == "production"


def test_a_platform_that_does_not_count_is_still_the_one_that_is_built(
    project: Project, registry: Registry, repository_name: str
) -> None:
    off = {"invalidation": {"platform": False}}
    found = publish(project, registry, repository_name, off, {"platform": "linux/arm64", **off})
    assert [config["architecture"] for config in found] == ["amd64", "arm64"]


def test_each_image_has_its_assets_labels(project: Project, registry: Registry, repository_name: str) -> None:
    found = publish(project, registry, repository_name, {"labels": {"of": "one"}}, {"labels": {"of": "two"}}, {})
    assert labels(found, "of") == ["one", "two", None]


def test_a_dockerfile_that_does_not_count_is_still_the_one_that_is_built(
    project: Project, registry: Registry, repository_name: str
) -> None:
    write_files(project.folder, {f"docker/{n}": f"FROM scratch\nCOPY a.txt /\nLABEL of={n}\n" for n in ("one", "two")})
    off = {"invalidation": {"file": False}}
    given = [{"file": f"../docker/{name}", **off} for name in ("one", "two")]
    assert labels(publish(project, registry, repository_name, *given), "of") == ["one", "two"]


def test_another_secret_is_another_build(
    project: Project, busybox_context: NewContext, registry: Registry, repository_name: str
) -> None:
    """BuildKit itself does not look at a secret's value: it reuses a cached step, and one that another build runs."""
    project.environ["PULUMI_PARALLEL"] = "1"
    step = 'RUN --mount=type=secret,id=t ["/busybox", "cp", "/run/secrets/t", "/copy"]'
    busybox_context({}, dockerfile=f"FROM scratch\nCOPY . /\n{step}\n", folder=project.folder / "app")
    secrets = [{"t": {"value": value}} for value in ("first", "second", "first")]
    given = [{"buildSecrets": secret, "cacheDisabled": True} for secret in secrets]
    layers = [config["rootfs"]["diff_ids"] for config in publish(project, registry, repository_name, *given)]
    assert layers[0] == layers[2] != layers[1]


def test_somebody_elses_image_is_not_copied(project: Project, registry: Registry, repository_name: str) -> None:
    publish(project, registry, repository_name, {})
    place = f"{repository_name}/0"
    (tag,) = registry.tags(place)
    manifest = registry.manifest(place, tag)
    theirs = json.dumps({**manifest, "annotations": {"by": "them"}}).encode()
    registry.put_manifest(place, tag, theirs, manifest["mediaType"])
    project.refresh()
    publish(project, registry, repository_name, {}, {})
    assert "annotations" not in registry.manifest(f"{repository_name}/1", tag)


def test_what_is_the_same_is_built_once(
    project: Project, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """Other repositories, another prefix in one repository, and the order of keys."""
    calls = counted(project, tmp_path / "count")
    more = {"labels": {"x": "1", "y": "2"}, "buildArgs": {"A": "1"}, "invalidation": {"ignoredBuildArgs": ["A"]}}
    turned = {"labels": {"y": "2", "x": "1"}, "buildArgs": {"A": "1"}, "invalidation": {"buildArgs": False}}
    publish(project, registry, repository_name, more, turned, more)
    place = f"{registry.address}/{repository_name}/0"
    project.write("resources:\n" + asset("a0", "app", place, **more) + asset("b", "app", place, tagPrefix="v-", **more))
    project.up()
    assert len(registry.tags(f"{repository_name}/0")) == 2
    assert len([line for line in calls.read_text().splitlines() if "build " in line and "--file" in line]) == 1
