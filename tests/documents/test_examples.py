"""The commands of the examples' READMEs do what they say, in each language, with stand-ins for the clouds they need.

Those that need AWS are in test_examples_aws.py.
"""

import json
from pathlib import Path

import pytest

from tests.fakes.docker_plugin import docker
from tests.support.contexts import busybox
from tests.support.examples import EXAMPLES, base_image, in_each_language, play
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")


@pytest.mark.timeout(900)  # Compiling Pulumi's Go SDK for the first time takes minutes on two cores.
@in_each_language("quickstart")
def test_the_quickstart_publishes_what_its_preview_says(
    language: str, tmp_path: Path, registry: Registry, repository_name: str, sdk: Path | None
) -> None:
    meaning = {"localhost:5000/quickstart": f"{registry.address}/{repository_name}"}
    config = {"base": base_image(registry)}
    done = play("quickstart", tmp_path, meaning, program=language, sdk=sdk, config=config)
    root, project = done.root, done.project
    uri = project.stack_outputs()["imageUri"]
    preview, _, up = done.said.partition("Updating (dev)")
    assert uri in preview
    assert uri in up
    assert registry.tags(repository_name) == [uri.rpartition(":")[2]]
    (root / "site" / "notes.md").write_text("not sent\n")
    project.preview(expect_no_changes=True)
    (root / "site" / "pages" / "index.txt").write_text("another page\n")
    changed = project.preview()
    assert "pages/index.txt" in changed.text
    assert changed.outputs["imageUri"] != uri
    project.destroy()


@pytest.mark.timeout(900)
@in_each_language("monorepo", "yaml")
def test_an_edit_of_one_service_changes_its_image_only(
    language: str, tmp_path: Path, registry: Registry, repository_name: str, sdk: Path | None
) -> None:
    meaning = {"localhost:5000": f"{registry.address}/{repository_name}"}
    done = play("monorepo", tmp_path, meaning, program=language, sdk=sdk)
    root, project, shell = done.root, done.project, done.shell
    first = project.stack_outputs()
    for edited, services in {
        "notes.md": set(),
        "services/api/settings.yaml": {"api"},
        "shared/texts.yaml": {"api", "worker"},
    }.items():
        path = root / "repo" / edited
        before = path.read_text()
        path.write_text("changed: true\n")
        shown = project.preview(expect_no_changes=not services)
        assert {name for name, uri in shown.outputs.items() if uri != first[name]} == services
        path.write_text(before)
    shell.folder = root
    said = shell.run("image-assets ls repo --file services/api/Dockerfile --scope dockerfile")
    assert "services/api/settings.yaml" in said
    assert "services/worker" not in said


def test_a_deployment_gets_the_address_that_its_preview_shows(
    tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    meaning = {"registry.example.com/team/web": f"{registry.address}/{repository_name}"}
    environ, config = {"KUBECONFIG": str(cluster / "config")}, {"base": base_image(registry)}
    done = play("kubernetes", tmp_path, meaning, environ=environ, config=config)
    project = done.project
    uri = project.stack_outputs()["imageUri"]
    assert uri in done.said.partition("Updating (dev)")[0]
    assert images(cluster) == [uri]
    (project.folder / "app" / "pages" / "index.html").write_text("<h1>Good night</h1>\n")
    shown = project.preview()
    new = shown.outputs["imageUri"]
    assert f'"{uri}" => "{new}"' in " ".join(shown.stdout.split())
    assert "pages/index.html" in shown.stdout
    project.up()
    assert images(cluster) == [new]
    project.destroy()


def images(cluster: Path) -> list[str]:
    """Return what the containers of the cluster's only deployment run."""
    (file,) = cluster.glob("deployment-*.json")
    pod = json.loads(file.read_text())["spec"]["template"]["spec"]
    return [container["image"] for container in pod["containers"]]


def test_what_another_tool_makes_is_published_without_docker(
    tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    meaning = {"localhost:5000": f"{registry.address}/{repository_name}"}
    done = play("tarball", tmp_path, meaning, environ={"DOCKER_HOST": "tcp://127.0.0.1:1"})
    project = done.project
    outputs = project.stack_outputs()
    assert outputs["hello"] in done.said.partition("Updating (dev)")[0]
    built, ready = f"{repository_name}/hello", f"{repository_name}/ready"
    assert [len(registry.tags(name)) for name in (built, ready)] == [1, 1]
    (project.folder / "hello.tar").unlink()
    project.up(expect_no_changes=True)
    assert not (project.folder / "hello.tar").exists()
    (project.folder / "src" / "hello").write_text("#!/bin/sh\necho good day\n")
    shown = project.preview()
    assert "src/hello" in shown.stdout
    assert (shown.outputs["hello"] != outputs["hello"], shown.outputs["ready"]) == (True, outputs["ready"])
    project.up()
    assert [len(registry.tags(name)) for name in (built, ready)] == [2, 1]


def test_production_gets_what_staging_has_tested_after_a_preview_by_digest(
    tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    ours = f"{repository_name}/production"
    meaning = {
        "registry.example.com/staging/api": f"{registry.address}/{repository_name}/staging",
        "registry.example.com/production/api": f"{registry.address}/{ours}",
        "ORGANIZATION": "organization",
    }
    done = play("promotion", tmp_path, meaning, program="staging")
    staging, production = done.project, done.beside("production")
    first = production.stack_outputs()
    assert first["imageDigest"] == staging.stack_outputs()["imageDigestUri"].partition("@")[2]
    production.up(expect_no_changes=True)

    (staging.folder / "api" / "settings.json").write_text('{"greeting": "good day"}')
    staging.up()
    second = staging.stack_outputs()
    shown = production.preview()
    digest = second["imageDigestUri"].partition("@")[2]
    assert f'"{first["imageDigest"]}" => "{digest}"' in " ".join(shown.stdout.split())
    assert registry.digest(ours, second["imageTag"]) is None
    production.up()
    assert registry.digest(ours, second["imageTag"]) == digest
    staging.destroy()
    assert registry.digest(ours, second["imageTag"]) == digest


def test_a_container_runs_the_published_image(tmp_path: Path, registry: Registry, repository_name: str) -> None:
    meaning = {
        "localhost:5000/docker-container": f"{registry.address}/{repository_name}",
        "/bin/busybox": str(busybox()),
    }
    project = play("docker-container", tmp_path, meaning).project
    try:
        assert page_of(project.stack_outputs()["container"]) == "<h1>Good day</h1>"
        (project.folder / "site" / "pages" / "index.html").write_text("<h1>Good night</h1>\n")
        project.up()
        assert page_of(project.stack_outputs()["container"]) == "<h1>Good night</h1>"
    finally:
        project.destroy()


def page_of(container: str) -> str:
    """Ask a container for its page, from within."""
    return docker("exec", container, "/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")


def test_every_example_has_a_readme_that_says_what_it_needs() -> None:
    folders = [path for path in EXAMPLES.iterdir() if path.is_dir()]
    assert [folder.name for folder in folders if "\nNeeded: " not in (folder / "README.md").read_text()] == []
    index = (EXAMPLES / "README.md").read_text()
    assert [folder.name for folder in folders if f"({folder.name})" not in index] == []
