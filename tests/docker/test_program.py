"""Which program builds, told by programs that answer as the real ones do."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.docker.program import find_program
from image_assets.errors import BuildError
from tests.support.builders import add_buildx, clean_environ

NEW = 'test "$1" = --version && echo "Docker version 28.2.2, build e6534b4" || exit 1'
NEW_WITH_BUILDX = 'test "$1" = buildx && echo github.com/docker/buildx v0.30 || echo Docker version 28.2.2, build x'
OLD = 'test "$1" = --version && echo "Docker version 20.10.24+dfsg1, build 297e128" || exit 1'


def install(folder: Path, name: str, script: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("name", "script", "dialect"),
    [
        ("docker", NEW_WITH_BUILDX, BUILDX),
        ("docker", OLD, EMBEDDED),
        ("podman", "echo podman version 4.3.1", PODMAN),
        ("docker", "echo podman version 4.3.1", PODMAN),
        ("nerdctl", "echo nerdctl version 2.0.0", NERDCTL),
        ("finch", "echo finch version v1.4.0", NERDCTL),
    ],
)
def test_a_program_is_known_by_what_it_says_of_itself(name: str, script: str, dialect: Dialect, tmp_path: Path) -> None:
    path = install(tmp_path, name, script)
    program = find_program(name, {"PATH": path})
    assert (program.path, program.dialect) == (str(tmp_path / name), dialect)


@pytest.mark.parametrize(("name", "asked"), [("podman", ["--version"]), ("docker", ["--version", "buildx version"])])
def test_a_program_of_another_name_than_dockers_is_not_asked_for_buildx(
    name: str, asked: list[str], tmp_path: Path
) -> None:
    real = f"{name}-of-the-distribution"
    install(tmp_path / "real", real, f'echo "$@" >> {tmp_path}/asked; echo podman version 4.3.1')
    (tmp_path / name).symlink_to(tmp_path / "real" / real)
    assert find_program(name, {"PATH": str(tmp_path)}).dialect is PODMAN
    assert sorted((tmp_path / "asked").read_text().splitlines()) == asked


def test_all_questions_are_asked_at_once_as_the_first_build_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meeting")
    meet = f'if test "$1" = --version; then echo here > {tmp_path}/meeting; else read -r line < {tmp_path}/meeting; fi'
    path = install(tmp_path, "docker", f"{meet}\n{NEW_WITH_BUILDX}")
    assert find_program("docker", {"PATH": path}).dialect is BUILDX


def test_a_docker_with_the_old_builder_only_is_passed_over(tmp_path: Path) -> None:
    search = f"{install(tmp_path / 'new', 'docker', NEW)}:{install(tmp_path / 'old', 'docker', OLD)}"
    assert find_program("docker", {"PATH": search}).path == str(tmp_path / "old" / "docker")


def test_a_buildx_beside_docker_is_used_where_docker_does_not_know_it(tmp_path: Path) -> None:
    search = install(tmp_path, "docker", NEW)
    plugin = install(tmp_path, "docker-buildx", "exit 0")
    assert find_program("docker", {"PATH": search}).build == (f"{plugin}/docker-buildx", "build")


def test_a_docker_that_cannot_build_with_buildkit_is_an_error_with_the_cure(tmp_path: Path) -> None:
    search = install(tmp_path, "docker", NEW)
    with pytest.raises(BuildError, match=r"buildx version` fails.*Install docker's buildx component"):
        find_program("docker", {"PATH": search})


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"`dockre` is not installed.*builder\.executable"):
        find_program("dockre", {"PATH": str(tmp_path)})


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    install(tmp_path, "my-docker", OLD)
    assert find_program(str(tmp_path / "my-docker"), {"PATH": "/nowhere"}).dialect is EMBEDDED


@pytest.fixture
def real_docker(tmp_path: Path) -> tuple[str, dict[str, str]]:
    """Docker itself, which finds buildx beside its configuration."""
    environ = clean_environ(tmp_path)
    docker = shutil.which("docker")
    if not docker or not add_buildx(Path(environ["DOCKER_CONFIG"])):
        pytest.skip("needs docker and buildx")
    return docker, environ


def test_buildx_is_started_without_docker_and_shown_with_it(real_docker: tuple[str, dict[str, str]]) -> None:
    docker, environ = real_docker
    program = find_program(docker, environ)
    assert program.buildx == (f"{environ['DOCKER_CONFIG']}/cli-plugins/docker-buildx",)
    assert program.by_hand.build == (docker, "buildx", "build")


def test_a_script_around_docker_keeps_its_say(real_docker: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    docker, environ = real_docker
    path = install(tmp_path / "bin", "docker", f'exec {docker} "$@"')
    assert find_program("docker", {**environ, "PATH": path}).build == (f"{path}/docker", "buildx", "build")


ANOTHER_BUILDX = """\
if test "$1" = docker-cli-plugin-metadata
then echo '{"SchemaVersion":"0.1.0","Vendor":"a","Version":"1"}'
else echo another
fi"""


def test_of_two_buildx_the_one_is_started_that_docker_starts(real_docker: tuple[str, dict[str, str]]) -> None:
    docker, environ = real_docker
    extra = Path(environ["HOME"]) / "extra"
    (Path(environ["DOCKER_CONFIG"]) / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(extra)]}))
    install(extra, "docker-buildx", ANOTHER_BUILDX)
    # Which of the two directories comes first depends on docker's version.
    said = subprocess.check_output((docker, "buildx", "version"), env=environ, text=True)
    plugin = find_program(docker, environ).plugin
    assert plugin is not None
    assert subprocess.check_output((plugin, "version"), env=environ, text=True) == said
