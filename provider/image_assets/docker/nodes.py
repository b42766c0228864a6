"""Which node of a builder builds, and how many builds a node has at once.

Of several nodes buildx takes the first that fits, always, and sends a build nowhere else if that one dies. So of a
fleet, the node is chosen here, and buildx is shown that node only.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from image_assets.docker.builders import Builder, Node
from image_assets.platforms import normal
from image_assets.task import Task

_LINE: Final = re.compile(r"^(Name|Platforms): +(\S.*)$", re.MULTILINE)
_LOOK: Final = 0.2
"""Seconds between two looks at the user's wish to cancel."""

T = TypeVar("T")


def with_reported(builder: Builder, inspected: str) -> Builder:
    """Note the platforms that `docker buildx inspect` tells of each node; a star marks what the user declared."""
    name, reported = "", dict[str, tuple[str, ...]]()
    for key, value in _LINE.findall(inspected):
        if key == "Name":
            name = value.strip()
        else:
            reported[name] = tuple(normal(one.strip().rstrip("*")) for one in value.split(","))
    return replace(builder, nodes=tuple(replace(one, reported=reported.get(one.name, ())) for one in builder.nodes))


def ranked(nodes: Sequence[Node], platform: str) -> tuple[tuple[Node, ...], ...]:
    """Return the nodes that build for a platform: those that were declared for it, then those that say they can.

    Nodes of which nothing is known may be as good as any.
    """
    wanted = normal(platform)
    declared = tuple(node for node in nodes if wanted in node.declared)
    reported = tuple(node for node in nodes if node not in declared and wanted in node.reported)
    unknown = tuple(node for node in nodes if not node.declared and not node.reported)
    return tuple(rank for rank in (declared, reported, unknown) if rank)


class Slots:
    """How many builds each node has, over all builders that it belongs to.

    Args:
        per_node: How many a node may have at once.
    """

    def __init__(self, per_node: int) -> None:
        self._per_node = per_node
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def one_of(self, choices: Sequence[T], key: Callable[[T], str], task: Task) -> Iterator[T]:
        """Wait until one of the choices has room for a build, and take the one that has the most.

        Raises:
            CancelledByUserError: The user cancelled.
        """
        chosen = self._take(choices, key, task)
        try:
            yield chosen
        finally:
            with self._changed:
                self._taken[key(chosen)] -= 1
                self._changed.notify_all()

    def _take(self, choices: Sequence[T], key: Callable[[T], str], task: Task) -> T:
        with self._changed:
            while True:
                chosen = min(choices, key=lambda one: self._taken[key(one)])
                if self._taken[key(chosen)] < self._per_node:
                    self._taken[key(chosen)] += 1
                    return chosen
                task.status("waiting for other builds")
                self._changed.wait(_LOOK)
                task.check()


def node_key(builder: Builder, node: Node) -> str:
    """Return what makes two nodes the same BuildKit: several builders may name one address."""
    if builder.driver in ("remote", "docker"):
        return f"{builder.driver} {node.endpoint}"
    # A container or a deployment of the node's name, at an engine or a cluster.
    return f"{builder.driver} {node.endpoint} {node.name}"
