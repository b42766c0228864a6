"""The images that a Dockerfile builds on: those of the stages that a target needs, with all variables put in.

Rules: https://docs.docker.com/reference/dockerfile/ ("FROM", "COPY --from"), and moby/buildkit,
frontend/dockerfile/dockerfile2llb (`convert.go`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from image_assets.context.scope.instructions import Instruction, parse
from image_assets.context.scope.words import UnjudgeableError, refuse_other_syntax
from image_assets.context.shell_words import expanded, split_assignments

_SCRATCH: Final = "scratch"


@dataclass
class Stage:
    """One `FROM` and what follows it.

    Attributes:
        instruction: The `FROM`.
        base: The stage or image that it starts with.
        name: Its name in lower case, empty if it has none.
        needs: What else it takes from: stages by name or number, and images.
        triggered: What the stages that start from this one take from by its `ONBUILD`.
        first_run: The line of its first `RUN`, 0 if it has none.
        fault: Why its bases cannot be told.
    """

    instruction: Instruction
    base: str
    name: str
    needs: list[str] = field(default_factory=list)
    triggered: list[str] = field(default_factory=list)
    first_run: int = 0
    fault: str = ""


def base_images(content: bytes, target: str | None, build_args: Mapping[str, str], platform: str) -> set[str]:
    """Return the images that the stages of a target are made from, as BuildKit reads them.

    Args:
        content: The Dockerfile.
        target: The stage to build; None for the last.
        build_args: Values that come from outside, and win.
        platform: The platform to build for.

    Raises:
        UnjudgeableError: They cannot be told without building; names the line.
    """
    stages = stages_of(parse(content), build_args, platform)
    images: set[str] = set()
    pending, seen = [target_of(stages, target)], set[int]()
    while pending:
        index = pending.pop()
        if index in seen:
            continue
        seen.add(index)
        stage = stages[index]
        if stage.fault:
            raise UnjudgeableError(stage.fault)
        for number, name in enumerate((stage.base, *stage.needs)):
            found = named(stages[:index] if number == 0 else stages, name, by_number=number > 0)
            pending += found
            if not found and name.lower() != _SCRATCH:
                images.add(name)
    return images


def names_platforms(content: bytes) -> bool:
    """Say whether a stage may start from an image of another platform than the one that is built for.

    Raises:
        UnjudgeableError: The Dockerfile cannot be read.
    """
    return any(name == "platform" for one in parse(content) if one.name == "FROM" for name, _ in one.flags)


def stage_names(content: bytes, build_args: Mapping[str, str]) -> list[str]:
    """Return the stages' names in lower case, empty for those that have none.

    Raises:
        UnjudgeableError: The Dockerfile cannot be read.
    """
    refuse_other_syntax(build_args)
    return [one.stage[1] for one in parse(content) if one.name == "FROM"]


def target_of(stages: Sequence[Stage], target: str | None) -> int:
    """Return the index of the stage that is built.

    Raises:
        UnjudgeableError: There is none.
    """
    found = named(stages, target, by_number=True) if target is not None else [*range(len(stages))][-1:]
    if not found:
        raise UnjudgeableError(f"it has no stage {target}" if stages else "it has no FROM")
    return found[-1]


def named(stages: Sequence[Stage], name: str, *, by_number: bool) -> list[int]:
    """Return the stage that a name or number means: of several the last."""
    if by_number and name.isdecimal():
        return [int(name)] if int(name) < len(stages) else []
    return [index for index, stage in enumerate(stages) if stage.name and stage.name == name.lower()][-1:]


def _automatic(platform: str) -> dict[str, str]:
    system, architecture, variant = [*platform.split("/"), "", ""][:3]
    return {
        "TARGETPLATFORM": platform,
        "TARGETOS": system,
        "TARGETARCH": architecture,
        "TARGETVARIANT": variant,
        "TARGETOSVERSION": "",
    }


def stages_of(instructions: Iterable[Instruction], build_args: Mapping[str, str], platform: str) -> list[Stage]:
    """Read the stages.

    Args:
        instructions: The Dockerfile's.
        build_args: What wins over the defaults of `ARG`, and over what BuildKit sets by itself.
        platform: The platform to build for.

    Raises:
        UnjudgeableError: They cannot be told; what is wrong in a stage is noted there.
    """
    given = {**_automatic(platform), **build_args}
    variables = {name: value for name, value in given.items() if name.startswith(("TARGET", "BUILD"))}
    stages: list[Stage] = []
    for instruction in instructions:
        try:
            if instruction.name == "FROM":
                stage = _stage(instruction, variables)
                stage.needs += (
                    need for index in named(stages, stage.base, by_number=False) for need in stages[index].triggered
                )
                stages.append(stage)
            elif instruction.name == "ARG" and not stages:
                variables |= _declared(instruction.rest, variables, build_args)
            elif stages and instruction.name == "ONBUILD":
                stages[-1].triggered += needs(instruction.triggered)
            elif stages:
                if instruction.name == "RUN":
                    stages[-1].first_run = stages[-1].first_run or instruction.line
                stages[-1].needs += needs(instruction)
        except UnjudgeableError as error:
            fault = f"line {instruction.line} ({instruction.name}): {error}"
            if not stages:
                raise UnjudgeableError(fault) from error
            stages[-1].fault = stages[-1].fault or fault
    return stages


def _declared(text: str, variables: Mapping[str, str], build_args: Mapping[str, str]) -> dict[str, str]:
    """Return what an `ARG` before the first `FROM` sets; each default may use those before it."""
    found: dict[str, str] = {}
    for name, default in split_assignments(text):
        if name in build_args:
            found[name] = build_args[name]
        elif default is not None:
            found[name] = expanded(default, {**variables, **found})
    return found


def _stage(instruction: Instruction, variables: Mapping[str, str]) -> Stage:
    word, name = instruction.stage
    try:
        base = _base(word, variables)
    except UnjudgeableError as fault:
        # It matters only if the stage is needed.
        return Stage(instruction, "", name, fault=f"line {instruction.line} (FROM): {fault}")
    return Stage(instruction, base, name)


def _base(word: str, variables: Mapping[str, str]) -> str:
    base = expanded(word, variables)
    if not base:
        raise UnjudgeableError(f"{word or 'the image'} is empty: no value is given, and there is no default")
    return base


def needs(instruction: Instruction) -> list[str]:
    """Return the stages and images that a `COPY` or a mount takes from; no variable is followed there."""
    if instruction.name == "COPY":
        found = [value for name, value in instruction.flags if name == "from"]
    elif instruction.name == "RUN" and "--mount" in instruction.rest:
        mounts = (value for name, value in instruction.flags if name == "mount")
        options = (part.partition("=") for mount in mounts for part in mount.split(","))
        found = [value for key, _, value in options if key.lower() == "from"]
    else:
        return []
    if computed := next((name for name in found if "$" in name), None):
        raise UnjudgeableError(f"from={computed} is computed: name a stage there, with the variable in its FROM")
    return [name for name in found if name]
