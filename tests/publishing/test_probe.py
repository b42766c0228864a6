"""Finding out in less than 5 s that nothing can be built (R19)."""

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.docker.probe import probe
from image_assets.errors import BuildError
from image_assets.task import Task
from tests.publishing.conftest import NewFlavour
from tests.support.builders import Flavour, counting_docker, slow_docker
from tools.kit.ports import free_port


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """Give an address that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def refusal(flavour: Flavour) -> str:
    started = time.monotonic()
    with pytest.raises(BuildError) as caught:
        probe(flavour.executable, flavour.builder, Task(), flavour.environ)
    assert time.monotonic() - started < 10
    return str(caught.value)


def with_builder(flavour: Flavour, address: str) -> Flavour:
    words = ("docker", "buildx", "create", "--name", "gone", "--driver", "remote", address)
    subprocess.run(words, env=flavour.environ, check=True, capture_output=True)
    return replace(flavour, builder="gone")


def test_what_answers_is_found_quickly(flavour: Flavour) -> None:
    probe(flavour.executable, flavour.builder, Task(), flavour.environ)
    started = time.monotonic()
    engine = probe(flavour.executable, flavour.builder, Task(), flavour.environ)
    assert time.monotonic() - started < 10
    assert engine.pushes == (flavour.name == "remote")


@pytest.mark.parametrize("name", ["embedded", "buildx"])
def test_an_engine_that_does_not_run_is_named_with_the_cure(name: str, new_flavour: NewFlavour) -> None:
    flavour = new_flavour(name)
    host = f"tcp://127.0.0.1:{free_port()}"
    message = refusal(replace(flavour, environ={**flavour.environ, "DOCKER_HOST": host}))
    assert "not running or cannot be reached" in message
    assert host in message
    assert "docker version` said" in message
    assert "systemctl start docker" in message


@pytest.mark.parametrize("name", ["embedded", "buildx"])
def test_an_engine_that_never_answers_is_given_up(name: str, new_flavour: NewFlavour) -> None:
    flavour = new_flavour(name)
    with silence() as address:
        message = refusal(replace(flavour, environ={**flavour.environ, "DOCKER_HOST": address}))
    assert "did not end within" in message


@pytest.mark.parametrize("name", ["embedded", "buildx"])
def test_a_docker_context_that_does_not_exist_is_named(name: str, new_flavour: NewFlavour) -> None:
    flavour = new_flavour(name)
    message = refusal(replace(flavour, environ={**flavour.environ, "DOCKER_CONTEXT": "nowhere"}))
    assert "nowhere" in message
    assert "docker context ls" in message


def test_docker_contexts_are_honoured(new_flavour: NewFlavour) -> None:
    flavour = new_flavour("buildx")
    host = f"tcp://127.0.0.1:{free_port()}"
    words = ("docker", "context", "create", "office", "--docker", f"host={host}")
    subprocess.run(words, env=flavour.environ, check=True, capture_output=True)
    assert host in refusal(replace(flavour, environ={**flavour.environ, "DOCKER_CONTEXT": "office"}))
    assert host in refusal(replace(flavour, builder="office"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_user_who_may_not_use_the_engine_is_told_how_to(new_flavour: NewFlavour, tmp_path: Path) -> None:
    flavour = new_flavour("embedded")
    script = tmp_path / "docker"
    script.write_text(
        f'#!/bin/sh\ntest "$1" = --version && exec {flavour.executable} "$@"\n'
        f'exec setpriv --reuid=65534 --regid=65534 --clear-groups {flavour.executable} --config /tmp "$@"\n'
    )
    script.chmod(0o755)
    message = refusal(replace(flavour, executable=str(script)))
    assert "may not use docker's engine" in message
    assert "usermod -aG docker" in message


def test_a_builder_that_does_not_exist_is_an_error_with_the_cure(new_flavour: NewFlavour) -> None:
    flavour = replace(new_flavour("buildx"), builder="nowhere")
    message = refusal(flavour)
    assert "builder `nowhere` does not exist (`docker buildx inspect nowhere`)" in message
    assert "docker buildx create --name nowhere" in message


def test_a_remote_builder_that_is_down_is_named_with_its_address(new_flavour: NewFlavour) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    message = refusal(with_builder(new_flavour("buildx"), address))
    assert "builder `gone` (driver `remote`) cannot be reached" in message
    assert address in message


def test_a_remote_builder_that_never_answers_is_given_up(new_flavour: NewFlavour) -> None:
    flavour = with_builder(new_flavour("buildx"), f"tcp://127.0.0.1:{free_port()}")
    instance = flavour.config / "buildx" / "instances" / "gone"
    with silence() as address:
        # `docker buildx create` itself would wait for an answer.
        instance.write_text(re.sub(r"tcp://[0-9.:]+", address, instance.read_text()))
        message = refusal(flavour)
    assert "docker buildx inspect gone` said" in message


def test_an_engine_without_buildx_knows_no_builders(new_flavour: NewFlavour) -> None:
    flavour = replace(new_flavour("embedded"), builder="far")
    assert "buildx" in refusal(flavour)


@pytest.mark.parametrize("name", [pytest.param("embedded", marks=pytest.mark.slow), "buildx"])
def test_an_engine_that_takes_its_time_is_there(name: str, new_flavour: NewFlavour, tmp_path: Path) -> None:
    """As over ssh, or on a loaded machine."""
    told: list[str] = []
    flavour = slow_docker(new_flavour(name), tmp_path, "version", 5)
    probe(flavour.executable, flavour.builder, Task(status=told.append), flavour.environ)
    assert told == ["waiting for `" + flavour.executable + " version`"]


def test_an_engine_behind_a_slow_ssh_is_there(new_flavour: NewFlavour, tmp_path: Path) -> None:
    flavour = new_flavour("embedded")
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nsleep 5\nexec docker -H unix:///var/run/docker.sock system dial-stdio\n")
    ssh.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), flavour.environ["PATH"]))
    environ = {**flavour.environ, "PATH": path, "DOCKER_HOST": "ssh://somewhere"}
    probe(flavour.executable, flavour.builder, Task(), environ)


def test_builds_that_begin_at_once_and_later_ask_once(flavour: Flavour, tmp_path: Path) -> None:
    if flavour.name == "podman":
        pytest.skip("asks nobody")
    counting, calls = counting_docker(flavour, tmp_path)

    def ask(_number: int) -> bool:
        return probe(counting.executable, counting.builder, Task(), counting.environ).pushes

    with ThreadPoolExecutor(6) as pool:
        found = {*pool.map(ask, range(6)), ask(6)}
    assert found == {flavour.name == "remote"}
    asked = calls.read_text().splitlines()
    assert len(asked) == len(set(asked)), asked


def test_an_engine_that_was_not_there_is_asked_again(new_flavour: NewFlavour, tmp_path: Path) -> None:
    flavour = new_flavour("embedded")
    script = tmp_path / "docker"
    script.write_text(f'#!/bin/sh\ntest "$1" = --version || test -e {tmp_path}/up && exec {flavour.executable} "$@"\n')
    script.chmod(0o755)
    late = replace(flavour, executable=str(script))
    refusal(late)
    (tmp_path / "up").touch()
    probe(late.executable, late.builder, Task(), late.environ)


def test_a_remote_builder_that_goes_is_noticed(new_flavour: NewFlavour) -> None:
    flavour = new_flavour("remote")
    probe(flavour.executable, flavour.builder, Task(), flavour.environ)
    [instance] = (flavour.config / "buildx" / "instances").iterdir()
    address = re.search(r"tcp://[^\"]+", instance.read_text())
    assert address
    instance.write_text(instance.read_text().replace(address[0], f"tcp://127.0.0.1:{free_port()}"))
    assert "cannot be reached" in refusal(flavour)
