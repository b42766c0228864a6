"""Which stages of a Dockerfile a target needs, and which paths of the context these copy."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from image_assets.context.scope.instructions import Instruction
from image_assets.context.scope.variables import Variables, without_variables
from image_assets.context.scope.words import UnjudgeableError, is_heredoc, plain

_COPY_FLAGS: Final = frozenset(
    ("from", "chown", "chmod", "link", "parents", "exclude", "keep-git-dir", "checksum", "unpack")
)
_REMOTE: Final = ("http://", "https://")
_MOUNTS_OF_NO_CONTEXT: Final = frozenset(("cache", "tmpfs", "secret", "ssh"))
_PLAIN_NAME = re.compile(r"[\w.:/@-]+", re.ASCII)
_NO_IMAGE: Final = "scratch"
_IMAGE_ONLY: Final = frozenset(":/@")
"""A stage's name has none of these, so a `FROM` with one names an image, whatever its variables are."""
_OTHERS: Final = frozenset(
    (
        "CMD",
        "ENV",
        "ENTRYPOINT",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    )
)


@dataclass
class _Stage:
    """One `FROM` and what follows it."""

    base: str
    name: str
    needs: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)


def copied_paths(instructions: Iterable[Instruction], target: str | None, build_args: Mapping[str, str]) -> list[str]:
    """Return the `COPY` and `ADD` sources in the main context of the stages that the target needs.

    Raises:
        UnjudgeableError: They cannot be told without building.
    """
    stages = _Stages(build_args).read(instructions)
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
    return [source for index in sorted(needed) for source in stages[index].sources]


def _named(stages: Sequence[_Stage], name: str) -> list[int]:
    """Return the stages of a name, or of a number: a name can be given again, and any of them may be meant."""
    return [index for index, stage in enumerate(stages) if name and name in (stage.name, str(index))]


class _Stages:
    """Reads instructions into stages."""

    def __init__(self, build_args: Mapping[str, str]) -> None:
        self._variables = Variables(build_args)
        self._stages: list[_Stage] = []
        self._readers = {
            "FROM": self._from,
            "ARG": self._arg,
            "COPY": self._copy,
            "ADD": self._copy,
            "RUN": self._run,
            "ONBUILD": self._onbuild,
        }

    def read(self, instructions: Iterable[Instruction]) -> list[_Stage]:
        for instruction in instructions:
            if instruction.name in _OTHERS:
                continue
            try:
                self._readers.get(instruction.name, self._unknown)(instruction)
            except UnjudgeableError as fault:
                where = f"line {instruction.line} ({instruction.name} {instruction.rest})"
                raise UnjudgeableError(f"{where}: {fault}") from fault
        return self._stages

    def _from(self, instruction: Instruction) -> None:
        base, *others = instruction.arguments or [""]
        name = others[1].lower() if len(others) > 1 and others[0].lower() == "as" else ""
        if name == _NO_IMAGE:
            # A mount without `from` starts from it.
            raise UnjudgeableError(f"a stage has the name {_NO_IMAGE}")
        self._stages.append(_Stage(self._base(base).lower(), name))

    def _base(self, word: str) -> str:
        """Return the stage or image that a `FROM` starts with."""
        literal = without_variables(word)
        return word if "$" not in literal and _IMAGE_ONLY & set(literal) else self._variables.expand(word)

    def _arg(self, instruction: Instruction) -> None:
        if not self._stages:
            self._variables.declare(instruction.rest)

    def _copy(self, instruction: Instruction) -> None:
        stage = self._stage()
        flags = dict(instruction.flags)
        if unknown := flags.keys() - _COPY_FLAGS:
            raise UnjudgeableError(f"--{min(unknown)} is not known here")
        if flags.get("from"):
            stage.needs.add(_stage_name(flags["from"]))
            return
        for source in instruction.arguments[:-1]:
            if instruction.items is None and is_heredoc(source):
                continue
            # Other addresses can stay: there is no directory `git:` or `git@host:` in a context.
            if instruction.name != "ADD" or not source.startswith(_REMOTE):
                stage.sources.append(plain(source))

    def _run(self, instruction: Instruction) -> None:
        for mount in (value for name, value in instruction.flags if name == "mount"):
            fields = (part.partition("=") for part in mount.split(","))
            options = {key.lower(): value for key, _, value in fields}
            if options.get("from"):
                self._stage().needs.add(_stage_name(options["from"]))
            elif options.get("type", "bind").lower() not in _MOUNTS_OF_NO_CONTEXT:
                raise UnjudgeableError("it can read all of the context")

    def _unknown(self, _: Instruction) -> None:
        raise UnjudgeableError("this instruction is not known here")

    def _onbuild(self, _: Instruction) -> None:
        raise UnjudgeableError("what it triggers is not followed")

    def _stage(self) -> _Stage:
        if not self._stages:
            raise UnjudgeableError("it stands before the first FROM")
        return self._stages[-1]


def _stage_name(text: str) -> str:
    """Return the stage that a `from` names, by name or by number."""
    if not _PLAIN_NAME.fullmatch(text):
        raise UnjudgeableError(f"from={text} is not understood")
    return str(int(text)) if text.isdecimal() else text.lower()
