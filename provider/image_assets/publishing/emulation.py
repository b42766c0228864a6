"""Whether a builder can run what a Dockerfile runs, where it is for another platform than this machine's."""

import platform as machine
from pathlib import Path

from image_assets.context.scope.instructions import parse
from image_assets.context.scope.words import UnjudgeableError
from image_assets.docker import BuildSpec
from image_assets.docker.probe import Engine, reported_platforms
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.platforms import normal
from image_assets.task import Task


@dataclass(frozen=True)
class _Stage:
    """One `FROM` and what follows it.

    Attributes:
        name: Its name in lower case, empty if it has none.
        base: What it starts from.
        has_platform: Whether it says itself for which platform.
        first_run: The line of its first `RUN`, 0 if it has none.
    """

    name: str
    base: str
    has_platform: bool
    first_run: int = 0


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
    line = line_that_runs(spec.dockerfile, spec.target)
    systems = {one.partition("/")[0] for one in spec.platforms} if engine.builder.driver == "docker" else set()
    if not line and systems <= {"linux"}:
        return
    reported = reported_platforms(engine, task)
    missing = [one for one in spec.platforms if one not in reported]
    foreign = [one for one in missing if one.partition("/")[0] not in {it.partition("/")[0] for it in reported}]
    if reported and (foreign if not line else missing):
        why = f"line {line} of the Dockerfile runs a program" if line else "its engine keeps no images of other systems"
        raise BuildError(
            f"{engine.title} cannot build for {', '.join(missing)}: {why}, and it runs those of {', '.join(reported)} "
            "only. Install emulators (`docker run --privileged --rm tonistiigi/binfmt --install all`), name a builder "
            "of that platform in `builder.name`, or change `platform`"
        )


def line_that_runs(dockerfile: Path, target: str | None) -> int:
    """Return the line of a `RUN` that the target platform must be able to run; 0 if there is none, or nobody can say.

    Stages that say their platform run on that; what others only copy from may be built anywhere.
    """
    try:
        stages = _stages(dockerfile.read_bytes())
    except (OSError, UnjudgeableError):
        return 0
    target = target and target.lower()
    index = next((at for at, one in reversed([*enumerate(stages)]) if target in (None, str(at), one.name)), -1)
    lines: list[int] = []
    while index >= 0:
        stage = stages[index]
        if stage.has_platform:
            return 0
        lines.append(stage.first_run)
        index = next((at for at in range(index - 1, -1, -1) if stages[at].name == stage.base), -1)
    return next(filter(None, lines), 0)


def _stages(content: bytes) -> list[_Stage]:
    found: list[_Stage] = []
    for one in parse(content):
        if one.name == "FROM":
            word, name = one.stage
            found.append(_Stage(name, word.lower(), any(flag == "platform" for flag, _ in one.flags)))
        elif one.name == "RUN" and found and not found[-1].first_run:
            last = found[-1]
            found[-1] = _Stage(last.name, last.base, last.has_platform, one.line)
    return found
