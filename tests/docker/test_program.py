"""Which program builds, told by programs that answer as the real ones do."""

from pathlib import Path

import pytest

from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.docker.program import find_program
from image_assets.errors import BuildError

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
