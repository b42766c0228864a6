"""An image of several platforms that a fleet builds, each on a node of its own."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.builders import FLEET, BuildKit, add_fleet, node
from tests.support.project import Project, write_docker_config
from tests.support.registry import Registry

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}
      platforms: [linux/arm64, linux/amd64]
      provenance: {provenance}
      builder: {{name: fleet}}
outputs:
  digest: ${{app.imageDigest}}
  platforms: ${{app.platforms}}
  tag: ${{app.imageTag}}
"""


@pytest.fixture
def project(
    new_project: NewProject, busybox_context: NewContext, repository_name: str, fleet_nodes: dict[str, BuildKit]
) -> Project:
    made = new_project("resources: {}")
    write_docker_config(made.private / "docker")
    add_fleet(made.isolated_environ, "fleet", fleet_nodes)
    dockerfile = f"FROM scratch\nCOPY busybox /bin/sh\nRUN : {repository_name}\n"
    busybox_context({}, dockerfile=dockerfile, folder=made.folder / "app")
    return made


@pytest.mark.parametrize("provenance", ["false", pytest.param("min", marks=pytest.mark.slow)])
def test_each_platform_is_built_by_its_node_and_only_our_tag_is_written(
    provenance: str, project: Project, registry: Registry, repository_name: str
) -> None:
    project.write(PROGRAM.format(repository=f"{registry.address}/{repository_name}", provenance=provenance))
    outputs = project.up().outputs
    assert registry.tags(repository_name) == [outputs["tag"]]
    assert registry.digest(repository_name, outputs["tag"]) == outputs["digest"]
    assert sorted(outputs["platforms"]) == sorted(FLEET)
    index = registry.manifest(repository_name, outputs["tag"])
    built = [one for one in map(platform_of, index["manifests"]) if "unknown" not in one]
    # The order in the program does not count.
    assert built == list(FLEET)
    attested = [one for one in map(platform_of, index["manifests"]) if "unknown" in one]
    assert len(attested) == (0 if provenance == "false" else 2)
    project.up(expect_no_changes=True)


CACHING = """
resources:
  kept:
    type: image-assets:DockerImageAsset
    properties: {common}, buildArgs: {{WHO: kept}}, cache: registry}}
  own:
    type: image-assets:DockerImageAsset
    properties: {common}, buildArgs: {{WHO: own}}, cacheFrom: [{cache}], cacheTo: [{cache}]}}
"""
CACHED = """\
FROM scratch
COPY busybox /bin/sh
COPY busybox /bin/busybox
ARG WHO
RUN busybox echo {name} $WHO
LABEL turn={turn}
"""


def test_fresh_nodes_find_every_step_of_their_platforms_in_the_caches(
    new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """One reference for all platforms would hold those of the node that was last alone."""
    project = new_project("resources: {}")
    write_docker_config(project.private / "docker")
    project.set_config("image-assets:buildOutput", "full")
    place = f"{registry.address}/{repository_name}"
    common = f"{{directory: app, repository: {place}, platforms: [linux/arm64, linux/amd64], builder: {{name: BUILDER}}"
    cache = f"{{type: registry, params: {{ref: {place}/cache, mode: max}}}}"
    for turn, builder in enumerate(("first", "second")):
        dockerfile = CACHED.format(name=repository_name, turn=turn)
        busybox_context({}, dockerfile=dockerfile, folder=project.folder / "app")
        project.write(CACHING.format(common=common.replace("BUILDER", builder), cache=cache))
        with contextlib.ExitStack() as exits:
            nodes = {
                platform: exits.enter_context(node(tmp_path / f"{builder}-{name}", platform=platform, name=name))
                for platform, name in FLEET.items()
            }
            add_fleet(project.isolated_environ, builder, nodes)
            run = project.up()
        printed = [line for line in run.messages("info").splitlines() if f" {repository_name} " in line]
        steps = [line.rpartition(" ")[2] for line in printed if "echo" not in line]
        assert sorted(steps) == ([] if turn else ["kept", "kept", "own", "own"])
        assert turn == 0 or run.messages("warning") == ""
    assert registry.tags(f"{repository_name}/cache") == ["latest-linux-amd64", "latest-linux-arm64"]
    assert len([tag for tag in registry.tags(repository_name) if tag.startswith("cache-kept-linux-")]) == len(FLEET)


def platform_of(entry: dict[str, Any]) -> str:
    return f"{entry['platform']['os']}/{entry['platform']['architecture']}"
