"""What a builder can do that not every one can, found out before anything is built.

An engine's own BuildKit makes attestations and exports caches only if the engine keeps its images in containerd's store
(Docker's "containerd image store").
"""

from dataclasses import replace
from typing import Final

from image_assets.docker.argv import OFF
from image_assets.docker.probe import Engine
from image_assets.docker.spec import BuildSpec
from image_assets.errors import BuildError
from image_assets.programs.command import Command, CommandTimeoutError
from image_assets.programs.runner import LocalRunner
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


def check_timestamps(spec: BuildSpec, engine: Engine) -> None:
    """Refuse a time for the layers where the builder would leave them theirs.

    Raises:
        BuildError: Says what helps.
    """
    if spec.source_date_epoch is not None and not engine.pushes:
        raise BuildError(
            f"{engine.title} rewrites no times in layers, as `sourceDateEpoch` asks for: name a builder of its own in "
            "`builder.name` (`docker buildx create --name NAME --driver docker-container`), or leave that out"
        )


def with_kept_cache(spec: BuildSpec, engine: Engine, task: Task) -> BuildSpec:
    """Add the kept cache to the others as far as the builder can use it; a warning says that it cannot."""
    kept, dialect = spec.kept_cache, engine.program.dialect
    if kept is None:
        return spec
    can_import = dialect.cache_from is None
    can_export = dialect.cache_to is None and (
        engine.builder is None or engine.pushes or _has_containerd_store(engine, task)
    )
    if not can_export:
        task.warn(
            f"`cache: {kept.word}` keeps nothing here, as {engine.title} exports no such cache: name another one in "
            "`builder.name` (`docker buildx create --name NAME --driver docker-container`)"
        )
    sources = (kept.source,) if kept.source and can_import else ()
    targets = (kept.target,) if can_export else ()
    return replace(spec, cache_from=(*spec.cache_from, *sources), cache_to=(*spec.cache_to, *targets), kept_cache=None)


def _has_containerd_store(engine: Engine, task: Task) -> bool:
    argv = (engine.program.path, "info", "--format", "{{json .DriverStatus}}")
    try:
        said = LocalRunner().run(Command(argv, environment=engine.environment, timeout=_TIMEOUT), task.cancelled)
    except CommandTimeoutError:
        return False
    return said.code == 0 and _CONTAINERD_STORE in said.text
