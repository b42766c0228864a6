"""Which buildx builder builds, read from buildx's own files: asking buildx takes 20 s when a builder is gone.

The files are those of github.com/docker/buildx `store`: `current`, `defaults/` and `instances/NAME` in the directory
`BUILDX_CONFIG`, else `buildx` beside docker's configuration. Every docker context is a builder of the driver `docker`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from image_assets.errors import BuildError
from image_assets.logins.docker_config import config_directory, docker_config

_DEFAULT: Final = "default"
_ENGINE: Final = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Builder:
    """A builder.

    Attributes:
        name: Its name.
        driver: `docker` for an engine's own BuildKit; others push by themselves.
        endpoints: An address or the name of a docker context, one a node.
    """

    name: str
    driver: str
    endpoints: tuple[str, ...] = ()

    @property
    def pushes(self) -> bool:
        """Whether it can push what it built, so that the image needs no engine's store."""
        return self.driver != "docker"


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
        return Builder(chosen, "docker", (chosen,))
    raise _missing(chosen, environ)


def current_context(environ: Mapping[str, str]) -> str:
    """Return the docker context in force (github.com/docker/cli `resolveContextName`)."""
    if environ.get("DOCKER_HOST"):
        return _DEFAULT
    configured = docker_config(environ).content.get("currentContext")
    return environ.get("DOCKER_CONTEXT") or str(configured or _DEFAULT)


def _store(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("BUILDX_CONFIG") or config_directory(environ) / "buildx")


def _current_name(environ: Mapping[str, str], context: str) -> str | None:
    """Return the name that `docker buildx use` left for this context, if its builder still exists."""
    key = environ.get("DOCKER_HOST", _ENGINE) if context == _DEFAULT else context
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
    # buildx keeps names in lower case, and a name with a slash is none.
    path = _store(environ) / "instances" / name.lower()
    if "/" in name or not (found := _read_json(path)):
        return None
    nodes = found.get("Nodes") or []
    # Before drivers were recorded there was only this one.
    driver = str(found.get("Driver") or "docker-container")
    return Builder(name, driver, tuple(str(node.get("Endpoint", "")) for node in nodes))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _contexts(environ: Mapping[str, str]) -> set[str]:
    files = (config_directory(environ) / "contexts" / "meta").glob("*/meta.json")
    return {str(_read_json(file).get("Name")) for file in files}


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
