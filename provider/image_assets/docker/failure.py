"""Saying why a build failed so that the reader can mend it without looking further."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from image_assets.docker.progress import BuildProgress, Step
from image_assets.errors import BuildError
from image_assets.frozen import dataclass

_SHOWN_LINES: Final = 40
_SHOWN_CHARACTERS: Final = 8000
_STAGE_PREFIX: Final = re.compile(r"^\[[^\]]*\] ")
_PREFIXES: Final = re.compile(
    r"^(?:ERROR: |Error: |failed to build: |failed to solve: |rpc error: code = \w+ desc = |"
    r"failed to solve with frontend dockerfile\.v0: |failed to create LLB definition: )+"
)
"""What every failure begins with: it says nothing."""
_PARSE_ERROR: Final = re.compile(r"parse error (?:on )?line (\d+)")
_EXIT_CODE: Final = re.compile(r"exit (?:code|status):? (\d+)")
_VARIABLE: Final = re.compile(r"\$(?:\w+|\{[^}]*\})")
_COMMENT: Final = re.compile(r"^\s*(?:#|$)")

_EMULATE: Final = (
    "A program of another architecture cannot run on this builder: install emulators (`docker run --privileged --rm "
    "tonistiigi/binfmt --install all`), or use a builder of that platform."
)
_NO_CACHE_EXPORT: Final = (
    "This builder cannot export its cache: use one that can (`docker buildx create --name NAME --driver "
    "docker-container`, then `builder: {name: NAME}`), or leave `cacheTo` out."
)
_ONE_PLATFORM: Final = (
    "This builder makes images of one platform only: use one that can do more (`docker buildx create --name NAME "
    "--driver docker-container`, then `builder: {name: NAME}`), or give one `platform`."
)
_OLD_BUILDKIT: Final = (
    "`buildContexts`, and `pinBaseImages` where the name of a base depends on the platform, need a newer BuildKit "
    "(Docker 23 or later): update docker's engine, or name another builder in `builder.name`."
)
_OLD_NERDCTL: Final = "`buildContexts` need nerdctl 2 or later."
_DISK_FULL: Final = "The builder's disk is full: `docker buildx prune` and `docker image prune` make room."
_NO_LOGIN: Final = (
    "The registry of that image refused the login that the builder has for it, or there is none: run `docker login "
    "HOST`, or give the setting `image-assets:registries`."
)
_LOST: Final = (
    "failed to receive status",
    "code = unavailable",
    "listing workers",
    "error reading from server",
    "transport is closing",
    "connection reset by peer",
    "use of closed network connection",
    "no such container",
    "is not running",
)
"""What buildx says, in lower case, once BuildKit is gone (google.golang.org/grpc `status`, and docker's engine)."""
_HINTS: Final = (
    ("401 unauthorized", _NO_LOGIN),
    ("authorization failed", _NO_LOGIN),
    ("no basic auth credentials", _NO_LOGIN),
    ("pull access denied", _NO_LOGIN),
    ("unauthorized: authentication required", _NO_LOGIN),
    ("exec format error", _EMULATE),
    ("cache export is not supported", _NO_CACHE_EXPORT),
    ("multi-platform build is not supported", _ONE_PLATFORM),
    ("multiple platforms feature is currently not supported", _ONE_PLATFORM),
    ("moby.buildkit.frontend.contexts", _OLD_BUILDKIT),
    ("unknown flag: --build-context", _OLD_NERDCTL),
    ("no space left on device", _DISK_FULL),
)
"""What the builder says, in lower case, and what helps."""


class NodeLostError(BuildError):
    """The builder went away in the middle of a build: it says nothing about the build itself."""


class UnsettledPushError(BuildError):
    """The registry does not see yet what the builder has sent; it does when the same is sent again.

    Distribution's registry does so when two send it the same blob at once, others for some moments after each upload.
    """


def kind_of(progress: BuildProgress) -> type[BuildError]:
    """Return what a failed build's error is."""
    if _is_connection_lost(progress):
        return NodeLostError
    said = progress.message().lower()
    return UnsettledPushError if "failed to push" in said and "blob unknown" in said else BuildError


def _is_connection_lost(progress: BuildProgress) -> bool:
    """Say whether a build failed because BuildKit went away, and not one of its steps."""
    said = progress.message().lower()
    return progress.failed_step() is None and any(words in said for words in _LOST)


@dataclass(frozen=True)
class Failure:
    """A failed build, as far as it is known.

    Attributes:
        code: The program's exit code.
        title: What was building.
        progress: What the output said.
        dockerfile: The Dockerfile as the builder got it.
        shown_dockerfile: The Dockerfile to name.
        command: What to type to see the failure again.
        log: The file with the whole output.
    """

    code: int
    title: str
    progress: BuildProgress
    dockerfile: Path
    shown_dockerfile: Path
    command: str
    log: Path

    def text(self) -> str:
        """Tell it: the step, where it stands, what it wrote, how to repeat it, where the whole output is."""
        step = self.progress.failed_step()
        lines = [*(self._of_step(step) if step else self._of_builder()), *self._hints(step)]
        return "\n".join([*lines, f"To repeat it: {self.command}", f"Full log: {self.log}"])

    def _of_step(self, step: Step) -> Iterator[str]:
        code = _EXIT_CODE.search(step.error)
        ended = f"exit code {code[1]}" if code else step.error
        yield f"build failed in step {step.name}: {ended}"
        yield from (f"  at {place}" for place in self._place(step))
        yield from (f"  | {line}" for line in _last(step.output))

    def _of_builder(self) -> Iterator[str]:
        reason = _PREFIXES.sub("", self.progress.message()) or f"exit code {self.code}"
        yield f"build failed: {self.title} said: {reason}"
        parsed = _PARSE_ERROR.search(reason)
        location = self.progress.location() or (parsed and ("", parsed[1]))
        if location:
            yield f"  at {self.shown_dockerfile}:{location[1]}"

    def _place(self, step: Step) -> list[str]:
        location = self.progress.location()
        number = location[1] if location else find_line(self.dockerfile, step.name)
        return [f"{self.shown_dockerfile}:{number}"] if number else []

    def _hints(self, step: Step | None) -> list[str]:
        said = " ".join([self.progress.message(), *([step.error, *step.output] if step else [])]).lower()
        return list(dict.fromkeys(hint for words, hint in _HINTS if words in said))


def _last(lines: Iterable[str]) -> list[str]:
    """Return the last lines that fit."""
    text = "\n".join(list(lines)[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]
    return text.splitlines()


def find_line(dockerfile: Path, step_name: str) -> int | None:
    """Return the line of the instruction that a step's name shows; the name has the values of its variables."""
    wanted = " ".join(_STAGE_PREFIX.sub("", step_name).split())
    try:
        text = dockerfile.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return next((number for number, words in _instructions(text) if _as_pattern(words).fullmatch(wanted)), None)


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, words) of each instruction, its continuation lines joined."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if _COMMENT.match(line):
            continue
        start = start if parts else number
        parts.append(line.strip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            yield start, " ".join(" ".join(parts).split())
            parts = []


def _as_pattern(words: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, _VARIABLE.split(words))), re.IGNORECASE)


def by_hand(argv: Iterable[str], environment: Mapping[str, str]) -> str:
    """Write a command for a shell, with the variables it needs."""
    variables = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*variables, shlex.join(argv)])
