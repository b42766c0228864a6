"""Builds on a builder's nodes: each on one, once more on another if that one dies, several platforms side by side."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final, TypeVar

from image_assets.docker.builders import Builder, Node
from image_assets.docker.failure import NodeLostError
from image_assets.docker.nodes import Slots, node_key, ranked
from image_assets.docker.probe import Engine, is_lost
from image_assets.errors import CancelledByUserError
from image_assets.task import Task

_LOOK: Final = 0.1
"""Seconds between two looks at the user's wish to cancel, and at who failed."""

T = TypeVar("T")


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
    if not ranks:
        with slots.one_of(builder.nodes, _key(builder), task):
            return build(engine)
    with slots.one_of(ranks[0], _key(builder), task) as node:
        try:
            return build(replace(engine, node=node))
        except NodeLostError as error:
            others = _others(engine, ranks, node, task)
            if not others:
                raise
            task.warn(f"node `{node.name}` of {engine.title} went away; building on another: {_first_line(error)}")
    with slots.one_of(others, _key(builder), task) as node:
        return build(replace(engine, node=node))


def _key(builder: Builder) -> Callable[[Node], str]:
    return lambda node: node_key(builder, node)


def _others(engine: Engine, ranks: Sequence[Sequence[Node]], lost: Node, task: Task) -> list[Node]:
    """Return the best other nodes that can be reached."""
    for rank in ranks:
        if others := [node for node in rank if node != lost and not is_lost(engine, node, task)]:
            return others
    return []


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
