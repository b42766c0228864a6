"""An image of several platforms that a fleet builds, each on a node of its own."""

from typing import Any

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.builders import FLEET, BuildKit, add_fleet
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


def platform_of(entry: dict[str, Any]) -> str:
    return f"{entry['platform']['os']}/{entry['platform']['architecture']}"
