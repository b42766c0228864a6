"""Whether a builder can run what a Dockerfile runs, where it is for another platform than this machine's."""

import platform as machine
from collections.abc import Mapping
from pathlib import Path

from image_assets.context.bases import named, stages_of, target_of
from image_assets.context.scope.instructions import parse
from image_assets.context.scope.words import UnjudgeableError
from image_assets.docker import BuildSpec
from image_assets.docker.probe import Engine, reported_platforms
from image_assets.errors import BuildError
from image_assets.platforms import normal
from image_assets.task import Task


def check_platforms(spec: BuildSpec, engine: Engine, task: Task) -> None:
    """Refuse platforms that the builder cannot build for, before it has begun.

    A Dockerfile that only copies is built for any platform; one that runs programs needs the builder's own, or an
    emulator. Of what cannot be told the builder says so itself.

    Raises:
        BuildError: The builder reports its platforms, and one that is asked for is not among them.
        CancelledByUserError: The user cancelled.
    """
    own = normal(f"linux/{machine.machine()}")
    if engine.builder is None or len(engine.builder.nodes) > 1 or all(one == own for one in spec.platforms):
        return
    lines = {one: line_that_runs(spec.dockerfile, spec.target, spec.build_args, one) for one in spec.platforms}
    systems = {_system(one) for one in spec.platforms} if engine.builder.driver == "docker" else set()
    if not any(lines.values()) and systems <= {"linux"}:
        return
    reported = reported_platforms(engine, task)
    of_systems = set(map(_system, reported))
    missing = [one for one in spec.platforms if one not in reported and (lines[one] or _system(one) not in of_systems)]
    if reported and missing:
        line = next(filter(None, map(lines.__getitem__, missing)), 0)
        why = f"line {line} of the Dockerfile runs a program" if line else "its engine keeps no images of other systems"
        raise BuildError(
            f"{engine.title} cannot build for {', '.join(missing)}: {why}, and it runs those of {', '.join(reported)} "
            "only. Install emulators (`docker run --privileged --rm tonistiigi/binfmt --install all`), name a builder "
            "of that platform in `builder.name`, or change `platform`"
        )


def _system(name: str) -> str:
    return name.partition("/")[0]


def line_that_runs(dockerfile: Path, target: str | None, build_args: Mapping[str, str], name: str) -> int:
    """Return the line of a `RUN` that a platform must be able to run; 0 if there is none, or nobody can say.

    Stages that say their platform run on that; what others only copy from may be built anywhere.
    """
    try:
        stages = stages_of(parse(dockerfile.read_bytes()), build_args, name)
        found = [target_of(stages, target)]
    except (OSError, UnjudgeableError):
        return 0
    lines: list[int] = []
    while found:
        (index,) = found
        stage = stages[index]
        if any(flag == "platform" for flag, _ in stage.instruction.flags):
            return 0
        lines.append(stage.first_run)
        found = named(stages[:index], stage.base, by_number=False)
    return next(filter(None, lines), 0)
