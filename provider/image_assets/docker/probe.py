"""Whether what builds can be reached, found out in less than 5 s where it keeps silent.

One that is far away (`ssh://`) or on a loaded machine gets more time.
"""

import contextlib
import re
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from image_assets.docker.builders import (
    Builder,
    Node,
    current_context,
    node_key,
    resolve_builder,
    with_reported,
    write_part,
)
from image_assets.docker.dialect import Feature
from image_assets.docker.program import Program, find_program
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.once import Answers
from image_assets.own_folder import own_folder
from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

_TIMEOUT: Final = 3.2
"""Seconds for an engine to answer, until it is asked whether it is there at all."""
_LONG_TIMEOUT: Final = 60.0
"""Seconds for one that is there, or of which that cannot be known."""
_GREETING_TIMEOUT: Final = 1.0
_HTTP_GREETING: Final = b"GET /_ping HTTP/1.0\r\n\r\n"
_HTTP2_GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a gRPC client says first (RFC 9113, section 3.4)."""
_TIMED_OUT: Final = -1
_ANSWERS: Final = Answers[str]()
_PLATFORMS: Final = Answers[tuple[str, ...]]()
_DIAL_TIMEOUT: Final = 3.0
"""Seconds for one builder to accept a connection."""

_STATUS: Final = re.compile(r"^(?:Status|Error): +(.*)$", re.MULTILINE)
"""A node's state in what `docker buildx inspect` prints."""

_REMEDIES: Final = (
    (
        re.compile("permission denied", re.IGNORECASE),
        "you may not use docker's engine",
        "Add yourself to the group `docker` (`sudo usermod -aG docker $USER`) and log in again, or use rootless docker",
    ),
    (
        re.compile("context .*(?:not found|does not exist)", re.IGNORECASE),
        "the docker context does not exist",
        "See `docker context ls`; choose one by DOCKER_CONTEXT or `docker context use`",
    ),
    (
        re.compile(""),
        "docker's engine is not running or cannot be reached",
        "Start it (`sudo systemctl start docker`, Docker Desktop), or choose another by DOCKER_HOST or DOCKER_CONTEXT",
    ),
)
"""What the client says of an engine that does not answer; what it means; what helps. The first match counts."""


@dataclass(frozen=True)
class Engine:
    """What builds.

    Attributes:
        program: The program to call.
        builder: The buildx builder behind it; None where the program has no such thing.
        environment: The provider's environment, changed so that the program talks to the builder's engine.
        node: The one node that is to build; None: the builder's only one, or the choice is the program's.
    """

    program: Program
    builder: Builder | None
    environment: Mapping[str, str]
    node: Node | None = None

    @property
    def pushes(self) -> bool:
        """Whether the builder pushes by itself."""
        return self.builder is not None and self.builder.pushes

    @property
    def title(self) -> str:
        """Name it in messages."""
        if self.builder is None:
            return self.program.dialect.title
        return f"builder `{self.builder.name}` (driver `{self.builder.driver}`)"


def probe(executable: str, builder: str | None, task: Task, environ: Mapping[str, str]) -> Engine:
    """Find the program and its builder, and see that they answer.

    Raises:
        BuildError: Something is not installed, does not run, does not exist or cannot be reached: what was tried and
            what helps.
        CancelledByUserError: The user cancelled.
    """
    program = find_program(executable, environ)
    if not program.dialect.can(Feature.BUILDERS):
        _refuse_builder(program, builder)
        engine = Engine(program, None, environ)
        _asked(engine, _ask_own_engine, task)
        return engine
    chosen = resolve_builder(builder, environ)
    engine = Engine(program, chosen, _for_context(environ, chosen))
    if len(chosen.nodes) > 1:
        return _reach_fleet(engine, task)
    if chosen.driver == "remote":
        # It costs nothing, and where nobody listens any more, buildx would wait for 20 s.
        _any_of(engine, lambda endpoint: _dial(engine, endpoint, task))
    _asked(engine, _ASK.get(chosen.driver, _ask_buildx), task)
    return engine


def _asked(engine: Engine, ask: Callable[[Engine, Task], str], task: Task) -> str:
    """Return what an engine answers, or has answered before."""
    return _ANSWERS.get(_identity(engine), lambda: ask(engine, task), task)


def _identity(engine: Engine) -> tuple[Program, Builder | None, frozenset[tuple[str, str]]]:
    """Return what makes two engines the same."""
    return engine.program, engine.builder, frozenset(engine.environment.items())


def node_keys(executable: str, builder: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return what tells apart the nodes that could build, without asking them.

    One that cannot be used is refused when it is to build.
    """
    with contextlib.suppress(BuildError):
        program = find_program(executable, environ)
        if not program.dialect.can(Feature.BUILDERS):
            return [program.path]
        chosen = resolve_builder(builder, environ)
        return [node_key(chosen, node) for node in chosen.nodes] or [chosen.name]
    return [executable]


def _refuse_builder(program: Program, builder: str | None) -> None:
    if builder is not None:
        dialect = program.dialect
        raise BuildError(
            f"{dialect.title} (`{program.path}`) knows no builder `{builder}`: {dialect.remedy}, "
            "or leave `builder.name` out"
        )


def _for_context(environ: Mapping[str, str], builder: Builder) -> Mapping[str, str]:
    """Point the program to the docker context that the builder is."""
    if builder.pushes or builder.name == current_context(environ):
        return environ
    return _pointed(environ, builder.name)


def _pointed(environ: Mapping[str, str], endpoint: str) -> dict[str, str]:
    others = {name: value for name, value in environ.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")}
    return others | {"DOCKER_HOST" if "://" in endpoint else "DOCKER_CONTEXT": endpoint}


def _ask_engine(engine: Engine, environment: Mapping[str, str], task: Task) -> str:
    command = Command((engine.program.path, "version"), environment=environment, timeout=_TIMEOUT)
    code, said = _patiently(command, task, lambda: _is_silent(environment.get("DOCKER_HOST", ""), _HTTP_GREETING))
    if code == 0:
        return said
    meaning, remedy = next(row[1:] for row in _REMEDIES if row[0].search(said))
    raise BuildError(f"{meaning}: `{engine.program.path} version` said: {_last_lines(said)}\n{remedy}")


def _patiently(command: Command, task: Task, is_silent: Callable[[], bool]) -> tuple[int, str]:
    """Return code and words; who takes long and yet is there gets more time."""
    code, said = _answer(command, task)
    if code != _TIMED_OUT or is_silent():
        return code, said
    task.status(f"waiting for `{' '.join(command.argv[-2:])}`")
    return _answer(replace(command, timeout=_LONG_TIMEOUT), task)


def _answer(command: Command, task: Task) -> tuple[int, str]:
    try:
        finished = LocalRunner().run(command, task.cancelled)
    except (CommandMissingError, CommandTimeoutError) as error:
        return _TIMED_OUT, str(error)
    return finished.code, finished.errors.decode(errors="replace").strip() or finished.text


def _is_silent(endpoint: str, greeting: bytes) -> bool:
    """Say whether nobody answers at a TCP endpoint; of others that cannot be known."""
    address = urllib.parse.urlsplit(endpoint)
    if address.scheme != "tcp":
        return False
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), _GREETING_TIMEOUT) as client:
            client.settimeout(_GREETING_TIMEOUT)
            client.sendall(greeting)
            client.recv(1)
    except (OSError, ValueError):
        return True
    # One that speaks TLS only may end the connection: that is an answer too.
    return False


def _last_lines(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines()[-3:])


def reported_platforms(engine: Engine, task: Task) -> tuple[str, ...]:
    """Return the platforms that a builder's nodes build for, emulated ones too; nothing where they do not say.

    Raises:
        CancelledByUserError: The user cancelled.
    """
    try:
        return _PLATFORMS.get(_identity(engine), lambda: _ask_platforms(engine, task), task)
    except BuildError:
        return ()


def _ask_platforms(engine: Engine, task: Task) -> tuple[str, ...]:
    """Return the platforms that a builder's nodes report.

    Raises:
        BuildError: They report none, as before their first build; later they may.
    """
    nodes = with_reported(_builder(engine), _ask_buildx(engine, task)).nodes
    if found := tuple(dict.fromkeys(platform for node in nodes for platform in node.reported)):
        return found
    raise BuildError(f"{engine.title} does not say for which platforms it builds")


def _ask_own_engine(engine: Engine, task: Task) -> str:
    return _ask_engine(engine, engine.environment, task)


def _ask_node_engine(engine: Engine, endpoint: str, task: Task) -> None:
    """See that the engine of a node answers: a builder of this driver is a container there."""
    _ask_engine(engine, _pointed(engine.environment, endpoint), task)


def _ask_node_engines(engine: Engine, task: Task) -> str:
    _any_of(engine, lambda endpoint: _ask_node_engine(engine, endpoint, task))
    return ""


def _any_of(engine: Engine, reach: Callable[[str], None]) -> None:
    failure: BuildError | None = None
    for endpoint in engine.builder.endpoints if engine.builder else ():
        try:
            reach(endpoint)
        except BuildError as error:
            failure = failure or error
        else:
            return
    if failure:
        raise failure


def _reach_fleet(engine: Engine, task: Task) -> Engine:
    """Leave out the nodes that cannot be reached, and learn from the others which platforms they build for.

    Raises:
        BuildError: None can be reached.
    """
    whole = _builder(engine)
    with ThreadPoolExecutor(len(whole.nodes)) as pool:
        failures = list(pool.map(partial(_failure, engine, task=task), whole.nodes))
    task.check()
    reached = tuple(node for node, failure in zip(whole.nodes, failures, strict=True) if failure is None)
    lost = [failure for failure in failures if failure is not None]
    if not reached:
        raise lost[0]
    for failure in lost:
        task.info(f"the builder's other nodes build: {failure}")
    rest = replace(engine, builder=replace(whole, nodes=reached))
    known = with_reported(_builder(rest), _asked(rest, partial(_ask_part, whole), task))
    # The user's own file still has the others, and buildx would wait for them.
    return replace(rest, builder=known, node=reached[0] if len(reached) == 1 else None)


def _ask_part(whole: Builder, rest: Engine, task: Task) -> str:
    """Ask buildx about those of a builder's nodes that are left."""
    with own_folder() as folder:
        part = write_part(whole, _builder(rest).nodes, rest.environment, folder / "buildx")
        return _ask_buildx(replace(rest, environment={**rest.environment, **part}), task)


def _failure(engine: Engine, node: Node, task: Task) -> BuildError | None:
    """Return why a node cannot be reached; None if it can, or if that is not known."""
    if reach := _REACH_NODE.get(_builder(engine).driver):
        try:
            reach(engine, node.endpoint, task)
        except BuildError as error:
            return error
    return None


def is_lost(engine: Engine, node: Node, task: Task) -> bool:
    """Say whether a node cannot be reached any more."""
    return _failure(engine, node, task) is not None


def _builder(engine: Engine) -> Builder:
    assert engine.builder is not None  # noqa: S101 - only builders have nodes; for the type checker
    return engine.builder


def _dial(engine: Engine, endpoint: str, task: Task) -> None:
    task.check()
    address = urllib.parse.urlsplit(endpoint)
    if address.scheme not in ("tcp", "unix"):
        return
    try:
        _connect(address)
    except (OSError, ValueError) as error:
        raise BuildError(
            f"{engine.title} cannot be reached: connecting to {endpoint} failed: {error}\n"
            f"Start it, or correct its address: `docker buildx rm {_name(engine)}`, then `docker buildx create` anew"
        ) from error


def _connect(address: urllib.parse.SplitResult) -> None:
    if address.scheme == "tcp":
        socket.create_connection((address.hostname or "", address.port or 0), _DIAL_TIMEOUT).close()
        return
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_DIAL_TIMEOUT)
        client.connect(address.path)


def _ask_buildx(engine: Engine, task: Task) -> str:
    """Return what buildx tells of the builder and its nodes."""
    words = ("inspect", _name(engine))
    argv, shown = (*engine.program.buildx, *words), (*engine.program.by_hand.buildx, *words)
    command = Command(argv, environment=engine.environment, timeout=_TIMEOUT)
    endpoints = engine.builder.endpoints if engine.builder else ()
    code, said = _patiently(
        command, task, lambda: bool(endpoints) and all(_is_silent(each, _HTTP2_GREETING) for each in endpoints)
    )
    states = _STATUS.findall(said)
    # Other drivers start their nodes when a build needs them.
    is_down = engine.builder is not None and engine.builder.driver == "remote" and "running" not in states
    if code != 0 or is_down:
        raise BuildError(
            f"{engine.title} cannot be reached: `{' '.join(shown)}` said: {', '.join(states) or _last_lines(said)}\n"
            "Start it, or name another one in `builder.name` (`docker buildx ls` lists them)"
        )
    return said


def _name(engine: Engine) -> str:
    return engine.builder.name if engine.builder else ""


_ASK: Final[Mapping[str, Callable[[Engine, Task], str]]] = {
    "docker": _ask_own_engine,
    "docker-container": _ask_node_engines,
}
"""Who is asked whether a builder of a driver answers; of the others, buildx."""
_REACH_NODE: Final[Mapping[str, Callable[[Engine, str, Task], object]]] = {
    "docker-container": _ask_node_engine,
    "remote": _dial,
}
"""How one node of several is reached, given by its endpoint; of other drivers' nodes it is not known."""
