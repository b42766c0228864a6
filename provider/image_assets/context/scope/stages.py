"""Which stages of a Dockerfile a target needs, and which paths of the context these take."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from image_assets.context.scope.instructions import Instruction, parse_trigger
from image_assets.context.scope.mounts import FLAG, mounted
from image_assets.context.scope.variables import Variables, automatic, without_variables
from image_assets.context.scope.words import UnjudgeableError, is_heredoc
from image_assets.frozen import dataclass
from image_assets.reference import familiar

_COPY_FLAGS: Final = frozenset(
    ("from", "chown", "chmod", "link", "parents", "exclude", "keep-git-dir", "checksum", "unpack")
)
_REMOTE: Final = ("http://", "https://")
_PLAIN_NAME = re.compile(r"[\w.:/@-]+", re.ASCII)
_NO_IMAGE: Final = "scratch"
_IMAGE_ONLY: Final = frozenset(":/@")
"""A stage's name has none of these, so a `FROM` with one names an image, whatever its variables are."""
_OTHERS: Final = frozenset(
    ("CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL", "USER", "VOLUME")
) | {"WORKDIR"}


@dataclass(frozen=True)
class Invocation:
    """What a build gives to a Dockerfile.

    Attributes:
        target: The stage that is built; None for the last.
        build_args: Values that come from outside, and win.
        platform: The platform that is built for; None if it is not known.
        build_platform: The builder's own; None if it is not known.
        contexts: The names of named contexts: each takes the place of a stage or image of its name.
        onbuild: The ONBUILD triggers of base images, by the form of their names that `familiar` gives.
        follows_variables: Whether the program that builds is known to resolve variables as BuildKit does.
    """

    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    build_platform: str | None = None
    contexts: frozenset[str] = frozenset()
    onbuild: Mapping[str, Sequence[str]] = field(default_factory=dict)
    follows_variables: bool = True


@dataclass(frozen=True)
class Source:
    """What an instruction takes from the context.

    Attributes:
        line: Where the instruction starts, from 1.
        verb: What it does with it: copies or mounts.
        path: A path, or a pattern of paths.
        image: The base image whose `ONBUILD` the instruction is; empty if it stands in the Dockerfile.
    """

    line: int
    verb: str
    path: str
    image: str = ""


@dataclass(frozen=True)
class TakenPaths:
    """What the stages that a target needs take.

    Attributes:
        sources: Paths, in the order of the file.
        faults: Why it may be more, in the order of the file.
    """

    sources: tuple[Source, ...]
    faults: tuple[str, ...]


@dataclass
class _Stage:
    """One `FROM` and what follows it."""

    base: str
    name: str
    variables: Variables
    needs: set[str] = field(default_factory=set)
    sources: list[Source] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    triggers: list[Instruction] = field(default_factory=list)


def taken_paths(instructions: Iterable[Instruction], invocation: Invocation) -> TakenPaths:
    """Return what `COPY`, `ADD` and mounts take from the main context in the stages that the target needs.

    Raises:
        UnjudgeableError: Which stages these are cannot be told.
    """
    stages = _Stages(invocation).read(instructions)
    target = invocation.target
    pending = _named(stages, target.lower()) if target is not None else [*range(len(stages))][-1:]
    if not pending:
        raise UnjudgeableError(f"it has no stage {target}" if stages else "it has no FROM")
    needed: set[int] = set()
    while pending:
        index = pending.pop()
        if index not in needed:
            needed.add(index)
            stage = stages[index]
            pending.extend(found for name in (stage.base, *stage.needs) for found in _named(stages, name))
    found = [stages[index] for index in sorted(needed)]
    return TakenPaths(
        tuple(source for stage in found for source in stage.sources),
        tuple(fault for stage in found for fault in stage.faults),
    )


def _named(stages: Sequence[_Stage], name: str) -> list[int]:
    """Return the stages of a name, or of a number: a name can be given again, and any of them may be meant."""
    return [index for index, stage in enumerate(stages) if name and name in (stage.name, str(index))]


class _Stages:
    """Reads instructions into stages."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        given = automatic(invocation.platform, invocation.build_platform)
        self._variables = Variables.before_stages(invocation.build_args, given)
        self._stages: list[_Stage] = []
        self._readers = {
            "ARG": self._arg,
            "ENV": self._env,
            "COPY": self._copy,
            "ADD": self._copy,
            "RUN": self._run,
            "ONBUILD": self._onbuild,
        }

    def read(self, instructions: Iterable[Instruction]) -> list[_Stage]:
        for instruction in instructions:
            if instruction.name == "FROM":
                self._from(instruction)
            elif instruction.name not in _OTHERS:
                self._read(instruction)
        return self._stages

    def _read(self, instruction: Instruction) -> None:
        """Read one instruction: what is wrong with it matters only if its stage is needed."""
        try:
            self._readers.get(instruction.name, self._unknown)(instruction)
        except UnjudgeableError as fault:
            text = f"{instruction}: {fault}"
            if not self._stages:
                raise UnjudgeableError(text) from fault
            self._stages[-1].faults.append(text)

    def _from(self, instruction: Instruction) -> None:
        where = f"line {instruction.line} (FROM)"
        try:
            base, name = instruction.stage
        except UnjudgeableError as fault:
            raise UnjudgeableError(f"{where}: {fault}") from fault
        if name == _NO_IMAGE:
            # A mount without `from` starts from it.
            raise UnjudgeableError(f"{where}: a stage has the name {_NO_IMAGE}")
        stage = _Stage("", name, self._variables.stage())
        try:
            stage.base = self._base(base).lower()
        except UnjudgeableError as fault:
            stage.faults.append(f"{where}: {fault}")
        triggers = (*self._onbuild_of_image(stage, base, instruction.line), *self._inherit(stage, where))
        self._stages.append(stage)
        for trigger in triggers:
            self._read(trigger)

    def _base(self, word: str) -> str:
        """Return the stage or image that a `FROM` starts with."""
        literal = without_variables(word)
        return word if "$" not in literal and _IMAGE_ONLY & set(literal) else self._variables.expand(word)

    def _onbuild_of_image(self, stage: _Stage, word: str, line: int) -> Iterator[Instruction]:
        """Yield what the base image, or the named context in its place, has for a stage to do first."""
        known = self._invocation.onbuild
        is_stage = bool(_named(self._stages, stage.base)) and stage.base not in self._invocation.contexts
        if is_stage or stage.faults or not known:
            return
        try:
            # Whatever stage it is, `base` may still have variables in it.
            image = self._variables.expand(word)
            for text in known.get(familiar(image), ()):
                yield parse_trigger(text, line, image)
        except UnjudgeableError as fault:
            stage.faults.append(str(fault))

    def _inherit(self, stage: _Stage, where: str) -> Sequence[Instruction]:
        """Start a stage with what its base has set; return what the base has for it to do first."""
        bases = [self._stages[index] for index in _named(self._stages, stage.base)]
        if len(bases) == 1 and bases[0].name == stage.base and stage.base not in self._invocation.contexts:
            stage.variables = bases[0].variables.copy()
            return bases[0].triggers
        if bases or not self._invocation.follows_variables:
            stage.variables.are_plain = False
        if any(base.triggers for base in bases):
            stage.faults.append(f"{where}: which stage's ONBUILD it triggers is not followed")
        return ()

    def _arg(self, instruction: Instruction) -> None:
        (self._stages[-1].variables if self._stages else self._variables).declare(instruction.rest)

    def _env(self, instruction: Instruction) -> None:
        self._stage().variables.set(instruction.rest)

    def _copy(self, instruction: Instruction) -> None:
        stage = self._stage()
        flags = dict(instruction.flags)
        if unknown := flags.keys() - _COPY_FLAGS:
            raise UnjudgeableError(f"--{min(unknown)} is not known here")
        if flags.get("from"):
            stage.needs.add(_stage_name(flags["from"]))
            return
        is_add = instruction.name == "ADD"
        for source in instruction.arguments[:-1]:
            # Other addresses can stay: there is no directory `git:` or `git@host:` in a context.
            if (instruction.items is None and is_heredoc(source)) or (is_add and source.startswith(_REMOTE)):
                continue
            path = stage.variables.path(source)
            if not (is_add and path.startswith(_REMOTE)):
                stage.sources.append(Source(instruction.line, "copies", path, instruction.image))

    def _run(self, instruction: Instruction) -> None:
        stage = self._stage()
        for mount in (value for name, value in instruction.flags if name == "mount"):
            try:
                from_, path = mounted(mount, stage.variables)
            except UnjudgeableError as fault:
                raise UnjudgeableError(f"{FLAG}{mount}: {fault}") from fault
            if from_:
                stage.needs.add(_stage_name(from_))
            elif path is not None:
                stage.sources.append(Source(instruction.line, "mounts", path, instruction.image))

    def _onbuild(self, instruction: Instruction) -> None:
        # It does nothing here, but in the stages that start from this one.
        if "<<" in instruction.rest:
            raise UnjudgeableError("a heredoc that it may trigger is not followed")
        self._stage().triggers.append(instruction.triggered)

    def _unknown(self, _: Instruction) -> None:
        raise UnjudgeableError("this instruction is not known here")

    def _stage(self) -> _Stage:
        if not self._stages:
            raise UnjudgeableError("it stands before the first FROM")
        return self._stages[-1]


def _stage_name(text: str) -> str:
    """Return the stage that a `from` names, by name or by number."""
    if not _PLAIN_NAME.fullmatch(text):
        raise UnjudgeableError(f"from={text} is not understood")
    return str(int(text)) if text.isdecimal() else text.lower()
