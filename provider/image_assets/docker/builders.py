"""Which buildx builder builds, read from buildx's own files: asking buildx takes 20 s when a builder is gone.

The files are those of github.com/docker/buildx `store`: `current`, `defaults/` and `instances/NAME` in the directory
`BUILDX_CONFIG`, else `buildx` beside docker's configuration. Every docker context is a builder of the driver `docker`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.logins.docker_config import config_directory, docker_config
from image_assets.platforms import joined, normal

_DEFAULT: Final = "default"
_PLATFORM: Final = ("os", "architecture", "variant")
_ENGINE: Final = "unix:///var/run/docker.sock"
_LINE: Final = re.compile(r"^(Name|Platforms): +(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Node:
    """One BuildKit of a builder.

    Attributes:
        name: Its name, which no other node of the builder has.
        endpoint: An address, or the name of a docker context.
        declared: The platforms that the user gave it (`docker buildx create --platform`).
        reported: The platforms that it told of itself, as far as it was asked.
    """

    name: str
    endpoint: str
    declared: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()


@dataclass(frozen=True)
class Builder:
    """A builder.

    Attributes:
        name: Its name.
        driver: `docker` for an engine's own BuildKit; others push by themselves.
        nodes: What builds.
    """

    name: str
    driver: str
    nodes: tuple[Node, ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where the nodes are."""
        return tuple(node.endpoint for node in self.nodes)

    @property
    def pushes(self) -> bool:
        """Whether it can push what it built, so that the image needs no engine's store."""
        return self.driver != "docker"


def node_key(builder: Builder, node: Node) -> str:
    """Return what makes two nodes the same BuildKit: several builders may name one address."""
    if builder.driver in ("remote", "docker"):
        return f"{builder.driver} {node.endpoint}"
    # A container or a deployment of the node's name, at an engine or a cluster.
    return f"{builder.driver} {node.endpoint} {node.name}"


def with_reported(builder: Builder, inspected: str) -> Builder:
    """Note the platforms that `docker buildx inspect` tells of each node; a star marks what the user declared."""
    name, reported = "", dict[str, tuple[str, ...]]()
    for key, value in _LINE.findall(inspected):
        if key == "Name":
            name = value.strip()
        else:
            reported[name] = tuple(normal(one.strip().rstrip("*")) for one in value.split(","))
    return replace(builder, nodes=tuple(replace(one, reported=reported.get(one.name, ())) for one in builder.nodes))


def resolve_builder(name: str | None, environ: Mapping[str, str]) -> Builder:
    """Find the builder of that name, or the current one as buildx would.

    Raises:
        BuildError: There is no such builder.
    """
    context = current_context(environ)
    chosen = name or environ.get("BUILDX_BUILDER") or _current_name(environ, context) or context
    if instance := _instance(environ, chosen):
        return instance
    if chosen in (context, _DEFAULT) or chosen in _contexts(environ):
        return Builder(chosen, "docker", (Node(chosen, chosen),))
    raise _missing(chosen, environ)


def current_context(environ: Mapping[str, str]) -> str:
    """Return the docker context in force (github.com/docker/cli `resolveContextName`)."""
    if environ.get("DOCKER_HOST"):
        return _DEFAULT
    configured = docker_config(environ).content.get("currentContext")
    return environ.get("DOCKER_CONTEXT") or str(configured or _DEFAULT)


def engine_address(environ: Mapping[str, str]) -> str:
    """Return where the engine is that docker talks to; nothing if its context does not tell."""
    context = current_context(environ)
    if context == _DEFAULT:
        return environ.get("DOCKER_HOST") or _ENGINE
    found = next((one for one in _context_files(environ) if one.get("Name") == context), {})
    endpoint = (found.get("Endpoints") or {}).get("docker") or {}
    return str(endpoint.get("Host") or "")


def _store(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("BUILDX_CONFIG") or config_directory(environ) / "buildx")


def _current_name(environ: Mapping[str, str], context: str) -> str | None:
    """Return the name that `docker buildx use` left for this context, if its builder still exists."""
    key = (environ.get("DOCKER_HOST") or _ENGINE) if context == _DEFAULT else context
    current = _read_json(_store(environ) / "current")
    if current.get("Name") and (current.get("Global") or current.get("Key") == key):
        name = str(current["Name"])
    else:
        name = _read_default(_store(environ), key)
    return name if name and _instance(environ, name) else None


def _read_default(store: Path, key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    try:
        return (store / "defaults" / digest).read_text().strip()
    except OSError:
        return ""


def _instance(environ: Mapping[str, str], name: str) -> Builder | None:
    if "/" in name or not (found := _read_json(_instance_file(environ, name))):
        return None
    # Before drivers were recorded there was only this one.
    driver = str(found.get("Driver") or "docker-container")
    return Builder(name, driver, tuple(map(_node, found.get("Nodes") or ())))


def _instance_file(environ: Mapping[str, str], name: str) -> Path:
    # buildx keeps names in lower case, and a name with a slash is none.
    return _store(environ) / "instances" / name.lower()


def _node(found: Mapping[str, Any]) -> Node:
    parts = ([str(one.get(key, "")) for key in _PLATFORM] for one in found.get("Platforms") or ())
    declared = tuple(platform for part in parts if (platform := joined(*part)))
    return Node(str(found.get("Name", "")), str(found.get("Endpoint", "")), declared)


def write_part(builder: Builder, nodes: Iterable[Node], environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Write a builder of the same name that has only these nodes; return the variables that make buildx use it."""
    names = {node.name for node in nodes}
    whole = _read_json(_instance_file(environ, builder.name))
    part = {**whole, "Nodes": [node for node in whole.get("Nodes") or () if node.get("Name") in names]}
    file = folder / "instances" / builder.name.lower()
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_text(json.dumps(part), encoding="utf-8")
    return {"BUILDX_CONFIG": str(folder)}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _contexts(environ: Mapping[str, str]) -> set[str]:
    return {str(found.get("Name")) for found in _context_files(environ)}


def _context_files(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    return [_read_json(file) for file in (config_directory(environ) / "contexts" / "meta").glob("*/meta.json")]


def _missing(name: str, environ: Mapping[str, str]) -> BuildError:
    import difflib  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    store = _store(environ) / "instances"
    known = sorted({_DEFAULT} | _contexts(environ) | {path.name for path in store.glob("*")})
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean `{close[0]}`?" if close else ""
    return BuildError(
        f"builder `{name}` does not exist (`docker buildx inspect {name}`); there is {', '.join(known)}{meant}\n"
        f"Make it with `docker buildx create --name {name} --driver docker-container`, or leave `builder.name` out"
    )
