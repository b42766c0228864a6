"""Whether a builder can make what `provenance` and `sbom` ask for, found out before anything is built.

An engine's own BuildKit can if the engine keeps its images in containerd's store (Docker's "containerd image store").
"""

from typing import Final

from image_assets.command import Command, CommandTimeoutError, LocalRunner
from image_assets.docker.argv import OFF
from image_assets.docker.probe import Engine
from image_assets.docker.spec import BuildSpec
from image_assets.errors import BuildError
from image_assets.task import Task

_TIMEOUT: Final = 60.0
_CONTAINERD_STORE: Final = "io.containerd.snapshotter"


def check_attestations(spec: BuildSpec, engine: Engine, task: Task) -> None:
    """Refuse attestations that the builder would not make; what the program itself cannot is not looked at here.

    Raises:
        BuildError: Says which input, and what helps.
        CancelledByUserError: The user cancelled.
    """
    asked = [f"`{name}`" for name in ("provenance", "sbom") if getattr(spec, name) != OFF]
    if not asked or engine.builder is None or engine.pushes or _has_containerd_store(engine, task):
        return
    raise BuildError(
        f"{engine.title} makes no attestations, which {' and '.join(asked)} ask for: name a builder of its own in "
        "`builder.name` (`docker buildx create --name NAME --driver docker-container`), turn on docker's containerd "
        "image store, or leave that out"
    )


def _has_containerd_store(engine: Engine, task: Task) -> bool:
    argv = (engine.program.path, "info", "--format", "{{json .DriverStatus}}")
    try:
        said = LocalRunner().run(Command(argv, environment=engine.environment, timeout=_TIMEOUT), task.cancelled)
    except CommandTimeoutError:
        return False
    return said.code == 0 and _CONTAINERD_STORE in said.text
