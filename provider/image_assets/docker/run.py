"""One run of the program that builds, with all that it needs for the time being."""

import contextlib
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from image_assets.context import folder_outside
from image_assets.context.habits import habits_of
from image_assets.docker.argv import OFF, Arguments, Output, ToNowhere, build_argv
from image_assets.docker.builders import write_part
from image_assets.docker.definition import ENVIRONMENT, UndefinableError, defined
from image_assets.docker.dialect import BUILDX, Feature
from image_assets.docker.failure import Failure, by_hand, kind_of
from image_assets.docker.folders import HandedOver, folders_of, hand_over
from image_assets.docker.log import BuildLog, BuildReport
from image_assets.docker.overlay import Overlay, guard, overlay
from image_assets.docker.probe import Engine
from image_assets.docker.program import Program
from image_assets.docker.progress import BuildKitProgress, BuildProgress, PodmanProgress
from image_assets.docker.secrets import Placed, place_secrets, write_private
from image_assets.docker.spec import BuildSpec
from image_assets.errors import BuildError
from image_assets.programs.command import Command
from image_assets.programs.runner import LocalRunner
from image_assets.secrets import MASK, Secrets
from image_assets.task import Task

_LONGEST_STATUS: Final = 160
_COLLECTOR: Final = {"GOGC": "400"}
"""One build lives shortly and needs some 20 MB: collecting its garbage takes a sixth of its processor time."""
_NO_GIT: Final = {"BUILDX_GIT_INFO": "false"}
"""Only provenance tells what repository a build came from; to ask git, which may look at all its files, takes long."""
_ABOUT_GIT: Final = ("BUILDX_GIT_INFO", "BUILDX_GIT_LABELS")
_PROVENANCE: Final = ("--provenance", "--attest")


class BuildRun:
    """One run of the program, with all that it needs for the time being."""

    def __init__(self, spec: BuildSpec, engine: Engine, task: Task) -> None:
        self._spec = spec
        self._engine = engine
        self._task = task
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        # Logins and logs lie outside of what is built, wherever that is.
        self._folder = folder_outside(folders_of(self._spec))
        guard(self._folder)
        dialect = self._engine.program.dialect
        self._overlay: Overlay = self._exits.enter_context(
            overlay(self._engine.environment, self._spec.credentials, dialect, self._folder)
        )
        self._node = self._one_node()
        names = dialect.can(Feature.NAMED_COPIES)
        self._handed = hand_over(self._spec, self.directory) if names else HandedOver(self._spec, {})
        return self

    def __exit__(self, *_raised: object) -> None:
        self._exits.close()

    def _one_node(self) -> Mapping[str, str]:
        """Return the variables that let the program see only the node that is to build."""
        builder, node = self._engine.builder, self._engine.node
        if builder is None or node is None:
            return {}
        return write_part(builder, (node,), self._engine.environment, self.directory / "node")

    @property
    def directory(self) -> Path:
        """A directory of our own, gone at the end."""
        return self._overlay.directory

    def run(self, output: Output) -> BuildReport:
        """Build."""
        placed = place_secrets(self._spec, self._engine.program.dialect, self._engine.environment, self.directory)
        self._task.secrets.add(placed.values)
        command = self._command(placed, output)
        log = BuildLog(self._task.secrets.mask, self._folder)
        progress = self._progress()
        started = time.monotonic()
        is_failed = False
        try:
            code = self._follow(command, log, progress)
            is_failed = code != 0
        finally:
            log.close(keep=is_failed)
        if is_failed:
            raise kind_of(progress)(self._failure(code, progress, placed, log.path))
        for warning in progress.warnings():
            self._task.warn(warning)
        return BuildReport(_summary(progress, time.monotonic() - started), log.text())

    def _command(self, placed: Placed, output: Output) -> Command:
        """Return the command, with no secret among its arguments.

        Raises:
            BuildError: The program takes one of the secrets as an argument only.
        """
        program = self._engine.program
        argv = self._argv(program, self._handed.spec, placed.flags, placed, output)
        exposed = [word for word in argv if self._task.secrets.mask(word) != word]
        if not exposed or not self._is_secret(exposed):
            return Command(argv, environment=self._environment(placed))
        if program.dialect is not BUILDX:
            raise BuildError(self._refusal(exposed, program.dialect.title, program.dialect.remedy))
        try:
            words, definition = defined(argv[len(program.build) :])
        except UndefinableError as flag:
            raise BuildError(self._refusal(exposed, f"`{flag}` in `buildFlags`", "leave it out")) from None
        file = self.directory / "build.json"
        write_private(file, definition)
        return Command(
            (*program.buildx, "bake", *words, str(file)), environment={**self._environment(placed), **ENVIRONMENT}
        )

    def _is_secret(self, words: list[str]) -> bool:
        """Say whether words hold what is secret in this build; others may be secret elsewhere, and of the same text."""
        own, none = Secrets(self._spec.hidden), Secrets()
        return any(own.mask(word) != none.mask(word) for word in words)

    def _refusal(self, exposed: list[str], reason: str, remedy: str) -> str:
        shown = ", ".join(f"`{self._task.secrets.mask(word)}`" for word in exposed)
        return (
            f"a secret would stand in the argument list, where every user of the machine can read it: {shown}; "
            f"{reason} takes it in no other way: {remedy}, or hand it over in `buildSecrets`"
        )

    def _follow(self, command: Command, log: BuildLog, progress: BuildProgress) -> int:
        def take(line: str) -> None:
            if activity := progress.feed(log.add(self._handed.readable(line))):
                tell = self._task.status if activity.begins else self._task.live
                tell(activity.text[:_LONGEST_STATUS])

        self._task.check()
        self._task.debug(f"running {shlex.join(map(self._task.secrets.mask, command.argv))}")
        return LocalRunner().run(command, self._task.cancelled, take).code

    def _progress(self) -> BuildProgress:
        return BuildKitProgress() if self._engine.program.dialect.can(Feature.PROGRESS) else PodmanProgress()

    def _argv(
        self, program: Program, spec: BuildSpec, secrets: tuple[str, ...], placed: Placed, output: Output
    ) -> tuple[str, ...]:
        arguments = Arguments(
            secrets=secrets,
            by_environment=placed.arguments,
            builder=self._engine.builder.name if self._engine.builder else None,
            ignore_file=_ignore_file(self._spec),
        )
        return build_argv(program.build, program.dialect, spec, arguments, output)

    def _environment(self, placed: Placed) -> dict[str, str]:
        dialect, environ = self._engine.program.dialect, self._engine.environment
        return {
            **environ,
            **dict(dialect.environment),
            **(frugal(self._spec, environ) if dialect is BUILDX else {}),
            **self._overlay.environment,
            **self._node,
            **placed.environment,
        }

    def _failure(self, code: int, progress: BuildProgress, placed: Placed, log: Path) -> str:
        spec = self._spec
        shown = replace(
            spec, context=spec.shown_context or spec.context, dockerfile=spec.shown_dockerfile or spec.dockerfile
        )
        argv = self._argv(self._engine.program.by_hand, shown, placed.shown, placed, ToNowhere())
        # Before the quoting, which would break a secret with a quote in it.
        command = by_hand(map(self._task.secrets.mask, argv), self._variables(placed))
        failure = Failure(code, self._engine.title, progress, spec.dockerfile, shown.dockerfile, command, log)
        return self._task.secrets.mask(failure.text())

    def _variables(self, placed: Placed) -> dict[str, str]:
        """Return what has to stand before the command for it to work by hand."""
        needed = [pair for pair in self._engine.program.dialect.environment if pair[0] == "DOCKER_BUILDKIT"]
        return dict(needed) | dict.fromkeys(placed.environment, MASK)


def frugal(spec: BuildSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that make buildx do no more than a build needs, where the user has not decided.

    Args:
        spec: The build.
        environ: The user's environment: what it decides stays.
    """
    collector = {} if "GOGC" in environ else _COLLECTOR
    wants_git = spec.provenance != OFF or any(flag.startswith(_PROVENANCE) for flag in spec.build_flags)
    return {**collector, **({} if wants_git or any(name in environ for name in _ABOUT_GIT) else _NO_GIT)}


def _ignore_file(spec: BuildSpec) -> Path:
    """Choose the ignore file as the fingerprint does; one that is not there ignores nothing."""
    habits = habits_of(spec.executable)
    own = (spec.dockerfile.with_name(spec.dockerfile.name + ending) for ending in habits.own_ignore_files)
    candidates = (*own, *(spec.context / name for name in habits.ignore_files))
    return next((path for path in candidates if path.is_file()), Path(os.devnull))


def _summary(progress: BuildProgress, seconds: float) -> str:
    steps, cached = progress.counts()
    return f"built in {seconds:.1f} s: {steps} steps, {cached} of them cached"
