"""Which builder builds, as buildx itself would choose (compared with buildx where it is installed)."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from image_assets.docker.builders import Builder, Node, resolve_builder
from image_assets.errors import BuildError
from tests.support.builders import add_buildx, clean_environ


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return clean_environ(tmp_path)


def buildx(environ: dict[str, str], *words: str) -> str:
    if not (Path(environ["DOCKER_CONFIG"]) / "cli-plugins").exists() and not add_buildx(Path(environ["DOCKER_CONFIG"])):
        pytest.skip("no buildx")
    command = ("docker", "buildx", *words)
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def create(environ: dict[str, str], name: str, *more: str) -> None:
    buildx(environ, "create", "--name", name, "--driver", "remote", *more, "tcp://127.0.0.1:1")


def in_use(environ: dict[str, str]) -> str:
    found = re.match(r"Name: +(\S+)", buildx(environ, "inspect"))
    assert found
    return found[1]


def add_context(environ: dict[str, str], name: str) -> None:
    command = ("docker", "context", "create", name, "--docker", "host=tcp://127.0.0.1:1")
    subprocess.run(command, env=environ, check=True, capture_output=True)


def test_without_builders_the_engine_builds(environ: dict[str, str]) -> None:
    assert resolve_builder(None, environ) == Builder("default", "docker", (Node("default", "default"),))


def test_the_builder_that_is_asked_for_is_found(environ: dict[str, str]) -> None:
    create(environ, "far")
    assert resolve_builder("far", environ) == Builder("far", "remote", (Node("far0", "tcp://127.0.0.1:1"),))
    assert resolve_builder(None, environ).name == "default"


@pytest.mark.parametrize("words", [(), ("--global",), ("--default",)])
def test_the_builder_in_use_is_the_one_that_buildx_uses(words: tuple[str, ...], environ: dict[str, str]) -> None:
    create(environ, "far")
    buildx(environ, "use", *words, "far")
    # An empty variable is none.
    for variables in (environ, environ | {"DOCKER_HOST": ""}):
        assert resolve_builder(None, variables).name == in_use(variables)
        assert resolve_builder(None, variables).name == "far"


@pytest.mark.parametrize("words", [(), ("--global",), ("--default",)])
def test_with_another_engine_the_choice_is_buildxs_too(words: tuple[str, ...], environ: dict[str, str]) -> None:
    create(environ, "far")
    buildx(environ, "use", *words, "far")
    elsewhere = environ | {"DOCKER_HOST": "tcp://127.0.0.1:1"}
    chosen = resolve_builder(None, elsewhere).name
    assert chosen == ("far" if "--global" in words else "default")
    assert chosen == in_use(elsewhere)


def test_a_removed_builder_is_in_use_no_longer(environ: dict[str, str]) -> None:
    create(environ, "far", "--use")
    buildx(environ, "rm", "far")
    assert resolve_builder(None, environ).name == "default"


def test_the_environment_may_name_the_builder_and_its_folder(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"BUILDX_CONFIG": str(tmp_path / "elsewhere")}
    create(environ, "far")
    assert resolve_builder(None, environ | {"BUILDX_BUILDER": "far"}).driver == "remote"


def test_a_docker_context_is_a_builder(environ: dict[str, str]) -> None:
    add_context(environ, "office")
    assert resolve_builder("office", environ) == Builder("office", "docker", (Node("office", "office"),))
    assert resolve_builder(None, environ | {"DOCKER_CONTEXT": "office"}).name == "office"
    (Path(environ["DOCKER_CONFIG"]) / "config.json").write_text(json.dumps({"currentContext": "office"}))
    assert resolve_builder(None, environ).name == "office"
    assert resolve_builder(None, environ | {"DOCKER_HOST": "tcp://127.0.0.1:1"}).name == "default"


@pytest.mark.parametrize("name", ["fra", "../../config.json", ""])
def test_a_builder_that_does_not_exist_is_an_error_that_names_the_others(name: str, environ: dict[str, str]) -> None:
    create(environ, "far")
    if not name:
        assert resolve_builder(name, environ).name == "default"
        return
    with pytest.raises(BuildError, match=r"does not exist.*default, far") as caught:
        resolve_builder(name, environ)
    assert ("did you mean `far`?" in str(caught.value)) == (name == "fra")
