"""The engine's own API, beside what docker itself says of the same engine."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.docker.engine_api import EngineApi, EngineApiError, engine_api
from image_assets.docker.probe import Engine
from image_assets.docker.program import Program
from image_assets.docker.store import Store
from image_assets.task import Task
from tests.fakes.cli_image import CliImage, docker
from tests.support.builders import clean_environ

NOBODY = "image-assets.invalid/nobody:has-this"


@pytest.fixture
def name(docker_engine: None, tmp_path: Path, repository_name: str) -> Iterator[str]:
    (tmp_path / "content").write_text(repository_name)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY content /content\n")
    docker("build", "-q", "-t", f"{repository_name}:built", str(tmp_path))
    yield f"{repository_name}:built"
    docker("image", "rm", "-f", f"{repository_name}:built")


def api_of(environ: Mapping[str, str]) -> EngineApi:
    api = engine_api(Program("docker", EMBEDDED), environ)
    assert api
    return api


def names_of(image_id: str) -> list[str]:
    words = ("docker", "image", "inspect", "--format", "{{json .RepoTags}}", image_id)
    return list(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))


def test_it_says_and_does_what_docker_says_and_does(name: str) -> None:
    api = api_of(os.environ)
    found = api.inspect(name)
    assert found
    assert found["Id"] == CliImage.of(name).image_id
    assert api.inspect(NOBODY) is None
    other = f"localhost:5000/{name.partition(':')[0]}:other"
    api.tag(name, other)
    assert set(names_of(found["Id"])) == {name, other}
    api.remove(other)
    assert names_of(found["Id"]) == [name]
    with pytest.raises(EngineApiError, match="404"):
        api.tag(NOBODY, other)
    with pytest.raises(EngineApiError, match="404"):
        api.remove(NOBODY)


def test_a_store_uses_it_only_if_it_is_the_programs_engine(name: str) -> None:
    store = Store(Engine(Program("docker", BUILDX), None, dict(os.environ)), {}, Task())
    assert store.over_api(name).api == api_of(os.environ)
    # A program of that name that talks to another engine, or to none.
    assert store.over_api(NOBODY).api is None


def test_an_engine_that_does_not_answer_is_asked_by_the_program(name: str, tmp_path: Path) -> None:
    gone = EngineApi(str(tmp_path / "nobody.sock"))
    with pytest.raises(EngineApiError):
        gone.inspect(name)
    store = Store(Engine(Program("docker", BUILDX), None, dict(os.environ)), {}, Task(), gone)
    facts = store.inspect(name)
    assert facts
    assert facts.image_id == CliImage.of(name).image_id
    other = f"{name.partition(':')[0]}:other"
    docker("tag", name, other)
    store.remove(other)
    assert names_of(facts.image_id) == [name]


@pytest.mark.parametrize(
    ("variables", "socket"),
    [
        ({}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": "unix:///run/user/1/docker.sock"}, "/run/user/1/docker.sock"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, None),
        ({"DOCKER_HOST": "ssh://far"}, None),
        ({"DOCKER_CONTEXT": "here"}, "/somewhere/docker.sock"),
        ({"DOCKER_CONTEXT": "far"}, None),
        ({"DOCKER_CONTEXT": "nowhere"}, None),
        ({"DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///x.sock"}, "/x.sock"),
    ],
)
def test_the_engine_is_the_one_that_docker_talks_to(
    variables: Mapping[str, str], socket: str | None, tmp_path: Path
) -> None:
    environ = {**clean_environ(tmp_path), **variables}
    environ.pop("DOCKER_HOST", None)
    for context, host in (("here", "unix:///somewhere/docker.sock"), ("far", "tcp://127.0.0.1:1")):
        words = ("docker", "context", "create", context, "--docker", f"host={host}")
        made = {key: value for key, value in environ.items() if key != "DOCKER_CONTEXT"}
        subprocess.run(words, env=made, check=True, capture_output=True)
    api = engine_api(Program("docker", BUILDX), {**environ, **variables})
    assert (api.path if api else None) == socket


@pytest.mark.parametrize("dialect", [PODMAN, NERDCTL])
def test_programs_with_engines_of_their_own_are_asked_themselves(dialect: Dialect, tmp_path: Path) -> None:
    assert engine_api(Program("other", dialect), clean_environ(tmp_path)) is None
