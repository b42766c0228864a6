"""Builds on several nodes: how many at once, where, and what becomes of them when a node dies."""

import contextlib
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.docker.nodes import Slots
from image_assets.errors import BuildError
from image_assets.publishing.build import PushedByDigest, build
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import BASE, Heard, NewFlavour, built, spec_for
from tests.support.builders import BuildKit, Flavour, add_fleet, add_remote_builder, node, wait_until
from tests.support.contexts import make_context
from tests.support.registry import Registry
from tools.kit.ports import free_port


class Door:
    """Lets steps wait: each says that it runs, and goes on once it is let go."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self.waiting: list[socket.socket] = []
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.waiting.append(self._listener.accept()[0])

    def let_go(self) -> None:
        while self.waiting:
            self.waiting.pop().close()


@pytest.fixture
def door() -> Iterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Door(listener)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[BuildKit, BuildKit]]:
    with node(tmp_path / "first", name="first") as first, node(tmp_path / "second", name="second") as second:
        yield first, second


@pytest.fixture
def twins(new_flavour: NewFlavour, pair: tuple[BuildKit, BuildKit]) -> Flavour:
    """A builder of two nodes that build for the same platform."""
    flavour = new_flavour("buildx")
    for number, running in enumerate(pair):
        more = ("--append",) if number else ()
        words = ("buildx", "create", "--name", "twins", *more, "--driver", "remote", running.address)
        flavour.docker(*words)
    return replace(flavour, name="fleet", builder="twins")


def test_a_node_has_only_so_many_builds_and_both_nodes_build(
    twins: Flavour, tmp_path: Path, destination: Repository, door: Door
) -> None:
    told: list[str] = []

    def build_one(number: int) -> str:
        context = make_context(tmp_path / str(number), dockerfile=BASE)
        step = f"RUN busybox grep search /etc/resolv.conf; echo {number} | busybox nc 127.0.0.1 {door.port}\n"
        (context / "Dockerfile").write_text(f"{BASE}ENV UNIQUE={destination.path}\n{step}")
        spec = spec_for(twins, context)
        task = Task(status=told.append)
        return build(spec, destination, task, twins.environ, slots).report.output

    slots = Slots(1)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(build_one, number) for number in range(4)]
        wait_until(lambda: len(door.waiting) == 2, "not two at once", 60)
        wait_until(lambda: told.count("waiting for other builds") > 2, "nobody waits", 60)
        assert len(door.waiting) == 2
        while not all(future.done() for future in running):
            door.let_go()
            time.sleep(0.05)
        outputs = [future.result() for future in running]
    found = Counter(re.findall(r"search (first|second)", "\n".join(outputs)))
    assert found.total() == 4
    assert min(found.values()) >= 1
    assert len(found) == 2


def test_a_node_that_is_down_from_the_start_is_left_out(
    twins: Flavour, pair: tuple[BuildKit, BuildKit], context: Path, destination: Repository, heard: Heard
) -> None:
    pair[0].process.terminate()
    pair[0].process.wait(20)
    started = time.monotonic()
    image = built(twins, spec_for(twins, context), destination, heard.task)
    assert isinstance(image, PushedByDigest)
    assert time.monotonic() - started < 20
    assert pair[0].address in "\n".join(heard.info)


def test_a_fleet_of_which_no_node_is_there_is_named(new_flavour: NewFlavour, context: Path, tmp_path: Path) -> None:
    flavour = new_flavour("buildx")
    gone = [BuildKit(f"tcp://127.0.0.1:{free_port()}", None) for _ in range(2)]  # type: ignore[arg-type]  # none runs
    add_fleet(flavour.environ, "gone", dict(zip(("linux/amd64", "linux/arm64"), gone, strict=True)))
    spec = spec_for(replace(flavour, builder="gone"), context)
    with pytest.raises(BuildError, match=r"builder `gone` .* cannot be reached"):
        build(spec, Repository.parse("localhost:1/x"), Task(), flavour.environ)


def test_a_builders_only_node_that_dies_is_an_error_and_no_tag(  # noqa: PLR0917 - fixtures
    new_flavour: NewFlavour, context: Path, tmp_path: Path, destination: Repository, registry: Registry, door: Door
) -> None:
    flavour = new_flavour("buildx")
    with node(tmp_path / "alone") as alone:
        add_remote_builder(flavour.environ, "alone", alone.address)
        step = f"RUN echo x | busybox nc 127.0.0.1 {door.port}\n"
        (context / "Dockerfile").write_text(f"{BASE}ENV UNIQUE={destination.path}\n{step}")

        def kill() -> None:
            wait_until(lambda: len(door.waiting) == 1, "no step", 60)
            os.kill(alone.process.pid, signal.SIGKILL)

        with ThreadPoolExecutor(1) as pool:
            killed = pool.submit(kill)
            with pytest.raises(BuildError, match=r"Unavailable|receive status|reading from server"):
                built(
                    replace(flavour, builder="alone"),
                    spec_for(replace(flavour, builder="alone"), context),
                    destination,
                    Task(),
                )
            killed.result()
        door.let_go()
    assert registry.tags(destination.path) == []
