"""Which stages of a Dockerfile a target needs, and which paths of the context these copy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from image_assets.context.dockerfile import Instruction, UnjudgeableError

_VARIABLE = re.compile(r"\\(.)|\$(?:\{(\w+)(?:(:[-+])([^{}$]*))?\}|(\w+))")
_COPY_FLAGS: Final = frozenset(
    ("from", "chown", "chmod", "link", "parents", "exclude", "keep-git-dir", "checksum", "unpack")
)
_REMOTE = re.compile(r"(?i)https?://|git://|git@|ssh://|[^/]*\.git(#|$)")
_MOUNT = re.compile(r"--mount=(\S*)")
_HEREDOC: Final = "<<"
_NOT_PLAIN: Final = frozenset("\"'\\$")
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


def copied_paths(instructions: Sequence[Instruction], target: str | None, build_args: Mapping[str, str]) -> list[str]:
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
        self._build_args = build_args
        self._arguments: dict[str, str] = {}
        self._stages: list[_Stage] = []
        self._readers = {
            "FROM": self._from,
            "ARG": self._arg,
            "COPY": self._copy,
            "ADD": self._copy,
            "RUN": self._run,
            "ONBUILD": self._onbuild,
        }

    def read(self, instructions: Sequence[Instruction]) -> list[_Stage]:
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
        words = instruction.arguments
        name = words[2].lower() if words[1:2] and words[1].lower() == "as" and words[2:] else ""
        if words and not _IMAGE_ONLY & set(re.sub(r"\$\{[^}]*\}", "", words[0])):
            words[0] = _expand(words[0], self._arguments)
        self._stages.append(_Stage(words[0].lower() if words else "", name))

    def _arg(self, instruction: Instruction) -> None:
        """Note what a `FROM` can use: only what stands before the first one."""
        for word in () if self._stages else instruction.arguments:
            name, given, default = word.partition("=")
            value = self._build_args.get(name, _unquoted(default) if given else "$")
            self._arguments.pop(name, None)
            if not _NOT_PLAIN & set(value):
                self._arguments[name] = value

    def _copy(self, instruction: Instruction) -> None:
        stage = self._stage()
        flags = dict(instruction.flags)
        if unknown := flags.keys() - _COPY_FLAGS:
            raise UnjudgeableError(f"--{min(unknown)} is not known here")
        if "from" in flags:
            stage.needs.add(_expand(flags["from"], self._arguments).lower())
            return
        for source in instruction.arguments[:-1]:
            if not source.startswith(_HEREDOC) and not (instruction.name == "ADD" and _REMOTE.match(source)):
                stage.sources.append(_fixed(_unquoted(source)))

    def _run(self, instruction: Instruction) -> None:
        for mount in _MOUNT.findall(instruction.rest):
            options = dict(part.partition("=")[::2] for part in mount.split(","))
            if "from" in options:
                self._stage().needs.add(_expand(options["from"], self._arguments).lower())
            elif options.get("type", "bind") == "bind":
                raise UnjudgeableError("it can read all of the context")

    def _unknown(self, _: Instruction) -> None:
        raise UnjudgeableError("this instruction is not known here")

    def _onbuild(self, _: Instruction) -> None:
        raise UnjudgeableError("what it triggers is not followed")

    def _stage(self) -> _Stage:
        if not self._stages:
            raise UnjudgeableError("it stands before the first FROM")
        return self._stages[-1]


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if quoted else word


def _fixed(source: str) -> str:
    """Refuse a path made of variables: their values depend on the base image's environment, too."""
    if "$" in source:
        raise UnjudgeableError(f"the path {source} is computed")
    return source


def _expand(word: str, variables: Mapping[str, str]) -> str:
    """Put in the values of variables.

    Raises:
        UnjudgeableError: One has no value that is known here, or is written in a form that is not.
    """

    def value(found: re.Match[str]) -> str:
        escaped, braced, operator, other, bare = found.groups()
        if escaped:
            return str(escaped)
        known = variables.get(braced or bare)
        if operator == ":+":
            return other if known else ""
        if known or (known is not None and not operator):
            return known
        if operator == ":-":
            return str(other)
        raise UnjudgeableError(f"the value of {found[0]} is not known before the build")

    expanded = _VARIABLE.sub(value, word)
    if "$" in _VARIABLE.sub("", word):
        raise UnjudgeableError(f"{word} is not understood")
    return expanded
