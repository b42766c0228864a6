"""Which nodes fit a platform, and how many builds they get."""

import threading

import pytest

from image_assets.docker.builders import Builder, Node, node_key, with_reported
from image_assets.docker.nodes import Slots, ranked
from image_assets.errors import CancelledByUserError
from image_assets.task import Task

INSPECTED = """\
Name:          fleet
Driver:        remote

Nodes:
Name:             one
Endpoint:         tcp://one:1234
Status:           running
Platforms:        linux/amd64*, linux/amd64/v2
Labels:
 org.mobyproject.buildkit.worker.executor:         oci

Name:      two
Endpoint:  tcp://two:1234
Platforms: linux/arm64/v8*, linux/amd64, linux/arm/v7
"""


def nodes() -> tuple[Node, ...]:
    known = (Node("one", "tcp://one:1234", ("linux/amd64",)), Node("two", "tcp://two:1234", ("linux/arm64",)))
    return with_reported(Builder("fleet", "remote", (*known, Node("three", "tcp://three:1234"))), INSPECTED).nodes


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux/amd64", [["one"], ["two"], ["three"]]),
        ("linux/aarch64", [["two"], ["three"]]),
        ("linux/arm", [["two"], ["three"]]),
        ("linux/s390x", [["three"]]),
    ],
)
def test_declared_nodes_come_before_those_that_say_they_can(platform: str, expected: list[list[str]]) -> None:
    assert [[node.name for node in rank] for rank in ranked(nodes(), platform)] == expected


def test_the_same_buildkit_is_one_node_whatever_builder_names_it() -> None:
    first, again = Node("a0", "tcp://one:1234"), Node("b7", "tcp://one:1234")
    assert node_key(Builder("a", "remote"), first) == node_key(Builder("b", "remote"), again)
    containers = Builder("a", "docker-container")
    assert node_key(containers, Node("a0", "default")) != node_key(containers, Node("a1", "default"))


def test_a_node_gets_no_more_builds_than_it_may_have_and_the_idle_one_is_first() -> None:
    slots, told = Slots(1), list[str]()
    with slots.one_of("ab", str, Task()) as first, slots.one_of("ab", str, Task()) as second:
        assert {first, second} == {"a", "b"}
        cancelled = threading.Event()

        def hear(text: str) -> None:
            told.append(text)
            cancelled.set()

        task = Task(status=hear, cancelled=cancelled)
        with pytest.raises(CancelledByUserError), slots.one_of("ab", str, task):
            pass
    assert told == ["waiting for other builds"]
    with slots.one_of("b", str, Task()) as again:
        assert again == "b"
