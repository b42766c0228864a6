"""A machine whose way to the world is a proxy: what is local does not go through it."""

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.registry import Registry
from tools.kit.ports import free_port


@pytest.mark.usefixtures("docker_engine")
def test_a_proxy_without_exceptions_does_not_stand_between_plugin_and_engine(
    new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    """R23: nobody listens at the proxy, so that whatever asks it fails; `published` comes through the engine's log."""
    project = new_project(
        "\nresources:\n  app:\n    type: image-assets:DockerImageAsset\n    properties:\n      directory: app\n"
        f"      repository: {registry.address}/{repository_name}\n"
    )
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    proxy = f"http://127.0.0.1:{free_port()}"
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        project.environ |= {name: proxy, name.upper(): proxy}
    project.environ |= {"no_proxy": "", "NO_PROXY": "", "no_grpc_proxy": ""}
    project.preview()
    made = project.up()
    assert "published" in made.messages("info")
    assert len(registry.tags(repository_name)) == 1
