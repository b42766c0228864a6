"""Reading a builder's output while it comes: what it is doing now, and which step failed.

BuildKit's plain format (moby/buildkit `util/progress/progressui`): `#7 NAME`, then `#7 0.213 text`, `#7 DONE 0.2s`,
`#7 CACHED` or `#7 ERROR: reason`, and for what BuildKit itself does `#7 pushing layers 0.8s done`; steps run side by
side, so lines of several are mixed. Podman (containers/buildah `imagebuildah`) runs them in turn: `STEP 3/5: RUN ...`,
the step's own lines, `Error: ...`.
"""

import re
from collections import deque
from dataclasses import field, replace
from typing import Final, Protocol

from image_assets.docker.quoted import quoted_command, running, step_name
from image_assets.frozen import dataclass

_KEPT_LINES: Final = 200
"""Lines of a step's own output that are kept; of more, the last ones."""
_LINE: Final = re.compile(r"#(\d+) (.*)")
_LOG: Final = re.compile(r"\d+\.\d+ (.*)")
_BLOB: Final = re.compile(r"sha256:[0-9a-f]{64} ?")
_TIME: Final = re.compile(r"(?: \d+\.\d+s)?(?: done)?$")
_COUNT: Final = re.compile(r"\[(?:[^\]]* )?(\d+/\d+)\] ")
"""A step of the Dockerfile: `[2/3] RUN ...`, `[build 2/3] RUN ...`."""
_WORK: Final = ("exporting ", "pushing ")
"""What begins the name of a step that is not the Dockerfile's and yet takes long."""
_LOCATION: Final = re.compile(r"([^\s:]+):(\d+)")
_STEP: Final = re.compile(r"STEP (\d+/\d+): (.*)")
_STAGE: Final = re.compile(r"\[\d+/\d+\] (STEP \d+/\d+: .*)")
_WRONG_BASE: Final = "InvalidBaseImagePlatform"
"""The build check (Docker's "Build checks") of which nothing is to be seen in the built image."""
_RULE: Final = re.compile("-{6,}")
_LIST: Final = "errors:"
"""Ends the line before a registry's errors, each in a line of its own (distribution `registry/api/errcode`)."""


@dataclass(frozen=True)
class Activity:
    """What a builder is doing.

    Attributes:
        text: One line: the step's number of how many, and the newest that is to be told of it.
        begins: Whether a step begins that the user waits for.
    """

    text: str
    begins: bool = False


@dataclass
class Step:
    """One step of a build.

    Attributes:
        name: As the builder shows it.
        output: The last lines that it wrote.
        error: Why it failed; empty if it did not.
        cached: Whether it did not have to run.
        done: Whether it has ended well.
    """

    name: str
    output: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    error: str = ""
    cached: bool = False
    done: bool = False

    @property
    def beginning(self) -> Activity:
        """What is told when it begins."""
        count = _COUNT.match(self.name)
        if count is None:
            return Activity(self.name, begins=self.name.startswith(_WORK))
        return Activity(f"{self.name[1 : count.end() - 2]}: {self.name[count.end() :]}", begins=True)

    def telling(self, text: str) -> Activity | None:
        """Return what is told of its newest line."""
        count = _COUNT.match(self.name)
        line = text.strip()
        return Activity(f"{count[1]}: {line}" if count else line) if line else None


class BuildProgress(Protocol):
    """Follows a build's output."""

    def feed(self, line: str) -> Activity | None:
        """Take the next line; return what the build is doing, or nothing if the line does not tell."""

    def failed_step(self) -> Step | None:
        """Return the step that failed, if the output named one."""

    def location(self) -> tuple[str, int] | None:
        """Return the Dockerfile's name and the line that failed, if the output named them."""

    def counts(self) -> tuple[int, int]:
        """Return the number of the Dockerfile's steps, and how many of them came from the cache."""

    def message(self) -> str:
        """Return what went wrong, in one line."""

    def warnings(self) -> list[str]:
        """Return what went wrong without making the build fail."""


class BuildKitProgress:
    """Follows BuildKit's plain format."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._location: tuple[str, int] | None = None
        self._place = ""
        self._outside: list[str] = []

    def feed(self, line: str) -> Activity | None:
        """See `BuildProgress.feed`."""
        match = _LINE.fullmatch(line)
        if match is None:
            self._take_outside(line)
            return None
        number, text = match.groups()
        step = self._steps.get(number)
        if step is None:
            # Number 0 is no step: it says what builds.
            step = self._steps[number] = Step(text)
            return step.beginning if number != "0" else None
        return _advance(step, text)

    def _take_outside(self, line: str) -> None:
        """Take a line of no step: the summary of a failure."""
        if _RULE.fullmatch(line) and (match := _LOCATION.fullmatch(self._place)):
            self._location = (match[1], int(match[2]))
        elif line.strip() and len(self._outside) < _KEPT_LINES:
            self._outside.append(line)
        self._place = line

    def failed_step(self) -> Step | None:
        """See `BuildProgress.failed_step`: of several the first that is not merely a consequence."""
        failed = [step for step in self._steps.values() if step.error and not _is_import(step)]
        causes = [step for step in failed if "cancel" not in step.error.lower()]
        return next(map(self._in_full, causes), None) or self._quoted_step() or next(iter(failed), None)

    def _in_full(self, step: Step) -> Step:
        """Return a step with the errors that its line only announces."""
        _, announced, listed = self.message().partition(step.error)
        return replace(step, error=announced + listed) if step.error.endswith(_LIST) and listed else step

    def _quoted_step(self) -> Step | None:
        """Return the step whose command the last message quotes, made up if the output never named it."""
        message = self.message()
        command = quoted_command(message)
        if not command:
            return None
        begun = {step.name: step for step in self._steps.values() if not step.done}
        name = running(begun, command)
        step = begun[name] if name else Step(step_name(command))
        return replace(step, error=message)

    def location(self) -> tuple[str, int] | None:
        """See `BuildProgress.location`."""
        return self._location

    def counts(self) -> tuple[int, int]:
        """See `BuildProgress.counts`."""
        own = [step for step in self._steps.values() if step.name.startswith("[") and not _is_internal(step)]
        return len(own), sum(step.cached for step in own)

    def message(self) -> str:
        """See `BuildProgress.message`."""
        if any(line.startswith(("Usage:", "See '")) for line in self._outside):
            return self._outside[0]
        errors = [number for number, line in enumerate(self._outside) if line.startswith("ERROR: ")]
        if not errors:
            return (self._outside or [""])[-1]
        line, *after = self._outside[errors[-1] :]
        return f"{line} {'; '.join(after)}" if line.endswith(_LIST) else line

    def warnings(self) -> list[str]:
        """See `BuildProgress.warnings`: a cache that could not be read or written, a base image for another machine."""
        caches = [step for step in self._steps.values() if step.error and (_is_import(step) or _is_export(step))]
        bases = [line.strip(" -") for line in self._outside if _WRONG_BASE in line]
        return [*(f"{step.name} failed: {step.error}" for step in caches), *bases]


def _is_import(step: Step) -> bool:
    return step.name.startswith("importing cache manifest")


def _is_export(step: Step) -> bool:
    """Say whether a step writes a cache; if it fails, the build does unless it is told to ignore that."""
    return step.name.startswith("exporting cache to ")


def _is_internal(step: Step) -> bool:
    return step.name.startswith(("[internal]", "[auth]"))


def _advance(step: Step, text: str) -> Activity | None:
    """Take a line of a known step."""
    if text.startswith("ERROR: "):
        step.error = text.removeprefix("ERROR: ")
    elif text == "CACHED":
        step.cached = step.done = True
    elif text.startswith("DONE "):
        step.done = True
    elif match := _LOG.fullmatch(text):
        step.output.append(match[1])
        return step.telling(match[1])
    elif text != step.name and not text.startswith(("...", "CANCELED")):
        return step.telling(_TIME.sub("", _BLOB.sub("", text)))
    return None


class PodmanProgress:
    """Follows podman's format."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._message = ""

    def feed(self, line: str) -> Activity | None:
        """See `BuildProgress.feed`."""
        bare = match[1] if (match := _STAGE.fullmatch(line)) else line
        if match := _STEP.fullmatch(bare):
            self._steps.append(Step(f"[{match[1]}] {match[2]}"))
            return self._steps[-1].beginning
        if line.startswith("Error: "):
            self._message = line.removeprefix("Error: ")
        elif self._steps:
            return self._take(self._steps[-1], line)
        return None

    def _take(self, step: Step, line: str) -> Activity | None:
        if line.startswith("--> Using cache "):
            step.cached = True
        elif not line.startswith("--> "):
            step.output.append(line)
            return step.telling(line)
        return None

    def failed_step(self) -> Step | None:
        """See `BuildProgress.failed_step`: the one that ran last, if podman says that a step failed."""
        if not self._steps or "at STEP" not in self._message:
            return None
        self._steps[-1].error = self._message
        return self._steps[-1]

    def location(self) -> tuple[str, int] | None:
        """See `BuildProgress.location`: podman does not tell."""
        return None

    def counts(self) -> tuple[int, int]:
        """See `BuildProgress.counts`."""
        return len(self._steps), sum(step.cached for step in self._steps)

    def message(self) -> str:
        """See `BuildProgress.message`."""
        return self._message

    def warnings(self) -> list[str]:
        """See `BuildProgress.warnings`: podman passes over such things in silence."""
        return []
