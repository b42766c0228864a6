"""Which node of a builder builds, how many builds a node has at once, and what follows if it dies.

Of several nodes buildx takes the first that fits, always, and sends a build nowhere else if that one dies. So of a
fleet, the node is chosen here, buildx is shown that node only, and another one takes over.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from image_assets.docker.builders import Builder, Node, node_key
from image_assets.docker.failure import NodeLostError
from image_assets.docker.probe import Engine, is_lost
from image_assets.errors import CancelledByUserError
from image_assets.platforms import normal
from image_assets.task import Task

_LOOK: Final = 0.1
"""Seconds between two looks at the user's wish to cancel, and at who failed of several builds."""

_OF_PODS: Final = "kubernetes"
_UNTIL_NOTICED: Final = 3.0
"""Seconds until a cluster knows that a pod is gone: till then buildx may choose it again, later it waits for one."""

T = TypeVar("T")


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


def is_fleet(engine: Engine) -> bool:
    """Say whether several nodes could build."""
    return engine.builder is not None and len(engine.builder.nodes) > 1


def on_a_node(engine: Engine, platforms: Sequence[str], slots: Slots, task: Task, build: Callable[[Engine], T]) -> T:
    """Build where there is room for it; if the node dies, build once more on another.

    Raises:
        BuildError: The build failed, or there is no other node.
        CancelledByUserError: The user cancelled.
    """
    builder = engine.builder
    if builder is None or not builder.nodes:
        with slots.one_of([engine.program.path], str, task):
            return build(engine)
    ranks = ranked(builder.nodes, platforms[0]) if is_fleet(engine) and len(platforms) == 1 else ()
    choices = ranks[0] if ranks else builder.nodes

    def build_on(node: Node) -> T:
        return build(replace(engine, node=node) if ranks else engine)

    with slots.one_of(choices, _key(builder), task) as node:
        try:
            return build_on(node)
        except NodeLostError as error:
            others = _others(engine, ranks, node, task)
            if not others:
                raise
            task.warn(f"node `{node.name}` of {engine.title} went away; building on another: {_first_line(error)}")
    if node in others:
        task.sleep(_UNTIL_NOTICED)
    with slots.one_of(others, _key(builder), task) as node:
        return build_on(node)


def _key(builder: Builder) -> Callable[[Node], str]:
    return lambda node: node_key(builder, node)


def _others(engine: Engine, ranks: Sequence[Sequence[Node]], lost: Node, task: Task) -> list[Node]:
    """Return the best other nodes that can be reached; one that is a deployment of pods has another pod itself."""
    for rank in ranks:
        if others := [node for node in rank if node != lost and not is_lost(engine, node, task)]:
            return others
    return [lost] if engine.builder and engine.builder.driver == _OF_PODS else []


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def side_by_side(jobs: Sequence[Callable[[Task], T]], task: Task) -> list[T]:
    """Do several builds at once; the first failure, or the user, ends all.

    Raises:
        BuildError: What the first one that failed raised.
        CancelledByUserError: The user cancelled.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="node") as pool:
        futures = [pool.submit(job, replace(task, cancelled=stop)) for job in jobs]
        while pending := wait(futures, _LOOK).not_done:
            if task.cancelled.is_set() or any(one.exception() for one in futures if one not in pending):
                stop.set()
    task.check()
    failures = [failure for one in futures if (failure := one.exception())]
    causes = [failure for failure in failures if not isinstance(failure, CancelledByUserError)]
    for failure in (*causes, *failures):
        raise failure
    return [one.result() for one in futures]
