"""Whole programs: many assets, secrets, plans, provider configuration, and the processes behind them."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.usefixtures("docker_engine")


def asset(name: str, directory: str, repository: str, **more: object) -> str:
    properties = json.dumps({"directory": directory, "repository": repository, **more})
    return f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {properties}}}\n"


def counted(project: Project, folder: Path, program: str = "docker") -> Path:
    """Put a wrapper before a program that notes each call, and return the notes."""
    real = shutil.which(program, path=project.isolated_environ["PATH"])
    notes = folder / f"{program}.calls"
    write_files(folder / "bin", {program: f'#!/bin/sh\necho "$@" >> {notes}\nexec {real} "$@"\n'})
    (folder / "bin" / program).chmod(0o755)
    project.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{project.isolated_environ['PATH']}"
    return notes


def test_many_assets_neither_lock_up_nor_start_more_processes(
    new_project: NewProject, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """40 assets on two step workers: registrations and creates do not wait for each other."""
    project = new_project(
        "resources:\n"
        + "".join(asset(f"a{n}", f"a{n}", f"{registry.address}/{repository_name}/{n % 3}") for n in range(40))
    )
    for n in range(40):
        write_files(project.folder / f"a{n}", {"Dockerfile": "FROM scratch\nCOPY . /\n", "n.txt": str(n % 4)})
    started = counted(project, tmp_path / "count", "pulumi-resource-image-assets")
    calls = counted(project, tmp_path / "count")
    project.environ["PULUMI_PARALLEL"] = "2"
    project.up()
    # One process reads the schema for the YAML host, one serves the deployment.
    assert len(started.read_text().splitlines()) <= 2
    # 12 references (3 repositories x 4 contents), each built or copied once (R33).
    builds = [line for line in calls.read_text().splitlines() if "build " in line and "--file" in line]
    assert len(builds) <= 12
    assert sum(len(registry.tags(f"{repository_name}/{n}")) for n in range(3)) == 12
    project.up(expect_no_changes=True)


def test_no_secret_is_in_state_logs_or_plan(
    new_project: NewProject, busybox_context: NewContext, registry_with_auth: Registry, repository_name: str
) -> None:
    """R14, R18, R30, R36: and the build still gets the values."""
    more = {
        "registryAuth": {"username": USER, "password": {"fn::secret": PASSWORD}},
        "buildSecrets": {"token": {"value": {"fn::secret": "s3cr3t-t0ken"}}, "npm": {"env": "OWN_NPM_TOKEN"}},
    }
    repository = f"{registry_with_auth.address}/{repository_name}"
    project = new_project(
        "resources:\n" + asset("app", "app", repository, **more) + "outputs: {uri: '${app.imageUri}'}\n"
    )
    step = 'RUN --mount=type=secret,id=token ["/busybox", "sh", "-c", "/busybox md5sum /run/secrets/token > /sum"]'
    busybox_context(
        {}, dockerfile=f"# syntax=docker/dockerfile:1\nFROM scratch\nCOPY . /\n{step}\n".partition("\n")[2],
        folder=project.folder / "app",
    )  # fmt: skip
    config = project.private / "docker" / "config.json"
    project.pulumi("stack", "ls")
    before = config.read_bytes()
    plan = project.private / "plan.json"
    lacking = "buildSecrets.npm: the environment variable `OWN_NPM_TOKEN` is not set"
    assert lacking in project.preview(f"--save-plan={plan}").messages("warning")
    project.environ["OWN_NPM_TOKEN"] = "0wn-t0ken"
    made = project.up(f"--plan={plan}", "-v=11", "--logtostderr")
    assert "OWN_NPM_TOKEN" not in made.messages("warning")
    assert made.outputs["uri"].startswith(repository)
    assert config.read_bytes() == before
    stored = json.dumps(project.state(show_secrets=True))
    for secret in ("s3cr3t-t0ken", "0wn-t0ken", PASSWORD):
        assert secret not in stored
        assert secret not in made.stdout
        assert secret not in plan.read_text()
    assert "additionalSecretOutputs" not in project.stored("PublishedImage")


def test_a_rotating_argument_makes_no_difference(
    new_project: NewProject, busybox_context: NewContext, registry: Registry, repository_name: str
) -> None:
    """R11, R2: TOKEN changes and nothing differs; V changes and the build gets the new TOKEN."""

    def program(token: str, version: str) -> str:
        return "resources:\n" + asset(
            "app",
            "app",
            f"{registry.address}/{repository_name}",
            buildArgs={"TOKEN": token, "V": version},
            invalidation={"ignoredBuildArgs": ["TOKEN"]},
        )

    project = new_project(program("t1", "1"))
    busybox_context(
        {}, dockerfile="FROM scratch\nARG TOKEN\nARG V\nCOPY . /\nLABEL t=$TOKEN v=$V\n", folder=project.folder / "app"
    )
    project.up()
    project.write(program("t2", "1"))
    project.up(expect_no_changes=True)
    project.write(program("t3", "2"))
    project.up()
    labels = [registry.config(repository_name, tag)["config"]["Labels"] for tag in registry.tags(repository_name)]
    assert sorted((label["v"], label["t"]) for label in labels) == [("1", "t1"), ("2", "t3")]


def test_the_providers_configuration_counts(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str
) -> None:
    """R12, R17: one login serves publish, refresh and delete; bad configuration is refused."""
    repository = f"{registry_with_auth.address}/{repository_name}"
    project = new_project("resources:\n" + asset("app", "app", repository, retainOnDelete=False))
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    refused = project.up(check=False)
    assert "UNAUTHORIZED" in refused.messages("error")
    project.set_config("image-assets:registries[0].address", registry_with_auth.address)
    project.set_config("image-assets:registries[0].username", USER)
    project.set_config("image-assets:registries[0].password", PASSWORD, secret=True)
    project.set_config("image-assets:buildOutput", "quiet")
    made = project.up()
    assert "published" not in made.messages("info")
    project.refresh(expect_no_changes=True)
    project.destroy()
    assert registry_with_auth.tags(repository_name) == []
    project.set_config("image-assets:buildOutput", "full")
    assert "COPY . /" in project.up().messages("info")
    project.set_config("image-assets:buildOutput", "loud")
    assert "must be one of quiet, normal, full" in project.preview(check=False).text


def test_one_content_is_built_once_for_all_its_repositories(
    new_project: NewProject,
    registry: Registry,
    registry_with_auth: Registry,
    repository_name: str,
    tmp_path: Path,
) -> None:
    """R44, R33: two repositories, one build, one digest; a third one later builds nothing."""
    places = [f"{registry.address}/{repository_name}/{n}" for n in range(2)]
    elsewhere = f"{registry_with_auth.address}/{repository_name}"
    login = {"registryAuth": {"username": USER, "password": PASSWORD}}
    two = "resources:\n" + "".join(asset(f"a{n}", "app", place) for n, place in enumerate(places))
    project = new_project(two)
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    calls = counted(project, tmp_path / "count")
    project.up()
    project.write(two + asset("a2", "app", elsewhere, **login))
    project.up()
    assert len([line for line in calls.read_text().splitlines() if "build " in line and "--file" in line]) == 1
    tag = registry.tags(f"{repository_name}/0")[0]
    digests = {registry.digest(f"{repository_name}/{n}", tag) for n in range(2)}
    assert digests == {registry_with_auth.digest(repository_name, tag)}


def test_an_image_can_be_built_on_another_of_the_program(
    new_project: NewProject, registry_with_auth: Registry, repository_name: str
) -> None:
    """R17: the second image's base is the first, which only the first one's own login opens."""
    login = {"registryAuth": {"username": USER, "password": PASSWORD}}
    repository = f"{registry_with_auth.address}/{repository_name}"
    project = new_project(
        "resources:\n"
        + asset("base", "base", f"{repository}/base", **login)
        + asset("app", "app", f"{repository}/app", buildArgs={"BASE": "${base.imageUri}"}, **login)
    )
    write_files(project.folder, {"base/Dockerfile": "FROM scratch\nLABEL of=base\nCOPY . /\n"})
    write_files(project.folder, {"app/Dockerfile": "ARG BASE\nFROM $BASE\nCOPY . /app/\n"})
    project.up()
    tag = registry_with_auth.tags(f"{repository_name}/app")[0]
    assert registry_with_auth.config(f"{repository_name}/app", tag)["config"]["Labels"]["of"] == "base"
