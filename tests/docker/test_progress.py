"""What builders' outputs tell."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from image_assets.docker.failure import UnsettledPushError, find_line, kind_of
from image_assets.docker.progress import BuildKitProgress, BuildProgress, PodmanProgress

MIXED = """\
#0 building with "far" instance using remote driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 136B done
#1 DONE 0.0s

#2 [stage-1 1/2] RUN one
#3 [build 1/2] RUN two

#2 [stage-1 1/2] RUN one
#2 0.101 from one
#3 0.104 from two
#4 [build 2/2] COPY a b
#4 CACHED
#2 CANCELED
#2 ERROR: context canceled
#3 0.205 #5 looks like a step
#3 ERROR: process "/bin/sh -c two" did not complete successfully: exit code: 9
------
 > [build 1/2] RUN two:
0.104 from two
------
Dockerfile:7
--------------------
   7 | >>> RUN two
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c two" did not complete successfully: exit code: 9
"""


def fed(progress: BuildProgress, text: str) -> list[str]:
    return [said.text for line in text.splitlines() if (said := progress.feed(line))]


def test_steps_that_run_side_by_side_keep_their_lines() -> None:
    progress = BuildKitProgress()
    said = fed(progress, MIXED)
    step = progress.failed_step()
    assert step is not None
    assert (step.name, list(step.output)) == ("[build 1/2] RUN two", ["from two", "#5 looks like a step"])
    assert progress.location() == ("Dockerfile", 7)
    assert progress.counts() == (3, 1)
    assert "1/2: from one" in said


def test_a_cache_that_cannot_be_read_is_not_what_failed() -> None:
    progress = BuildKitProgress()
    fed(progress, "#3 importing cache manifest from r/c\n#3 ERROR: not found\n#4 [1/1] RUN x\n#4 ERROR: exit code: 1\n")
    step = progress.failed_step()
    assert step is not None
    assert step.name == "[1/1] RUN x"
    assert progress.warnings() == ["importing cache manifest from r/c failed: not found"]


def test_a_build_that_succeeds_has_no_failed_step() -> None:
    progress = BuildKitProgress()
    fed(progress, "#1 [1/1] RUN x\n#1 0.1 ERROR: not really\n#1 DONE 0.1s\n")
    assert progress.failed_step() is None
    assert progress.warnings() == []


OLD: Final = "executor failed running [/bin/sh -c busybox false]: exit code: 1\n"
NEW: Final = 'ERROR: failed to solve: process "/bin/sh -c busybox false" did not complete successfully: exit code: 1\n'
BEGUN: Final = (
    "#4 [1/2] COPY a b\n#4 DONE 0.1s\n#5 [2/2] RUN busybox false\n#5 0.1 oh\n#6 [x 1/1] RUN sleep 9\n#6 0.1 no\n"
)


@pytest.mark.parametrize(
    ("log", "name", "output"),
    [
        (BEGUN + OLD, "[2/2] RUN busybox false", ["oh"]),
        (BEGUN + NEW, "[2/2] RUN busybox false", ["oh"]),
        (BEGUN + "#6 CANCELED\n#6 ERROR: context canceled\n------\n" + OLD, "[2/2] RUN busybox false", ["oh"]),
        ("#4 [1/2] COPY a b\n#4 DONE 0.1s\n" + OLD, "RUN busybox false", []),
        (OLD, "RUN busybox false", []),
        (NEW, "RUN busybox false", []),
        ("#3 [1/1] RUN busybox false\n#3 DONE 0.1s\n" + OLD, "RUN busybox false", []),
        ("#3 [1/2] RUN false\n#4 [2/2] RUN busybox   false\n" + OLD, "[2/2] RUN busybox   false", []),
        ('#3 [1/1] RUN ["/bin/sh", "-c", "busybox false"]\n' + OLD, '[1/1] RUN ["/bin/sh", "-c", "busybox false"]', []),
        ("#3 [1/1] RUN --mount=type=tmpfs busybox false\n" + NEW, "[1/1] RUN --mount=type=tmpfs busybox false", []),
        ('#3 [1/1] RUN echo "a"\nprocess "/bin/bash -euxc echo \\"a\\"" did not complete successfully: x\n',
         '[1/1] RUN echo "a"', []),
        ('ERROR: process "/bin/bash -c a b" did not complete successfully: exit code: 1\n', "RUN a b", []),
    ],
)  # fmt: skip
def test_a_step_that_was_not_marked_as_failed_is_found_by_its_command(log: str, name: str, output: list[str]) -> None:
    """BuildKit 0.8 (docker 20.10) at times ends before it has printed the step's own error."""
    progress = BuildKitProgress()
    fed(progress, log)
    step = progress.failed_step()
    assert step is not None
    assert (step.name, list(step.output)) == (name, output)
    assert "exit code: 1" in step.error or step.error.endswith("x")


@pytest.mark.parametrize("log", ["ERROR: failed to solve: no such host\n", "executor failed\n", BEGUN])
def test_a_message_that_quotes_no_command_blames_no_step(log: str) -> None:
    progress = BuildKitProgress()
    fed(progress, log)
    assert progress.failed_step() is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["WARNING: No output specified", "ERROR: failed: why", ""], "ERROR: failed: why"),
        (["unknown flag: --x", "", "Usage:  docker buildx build", "", "Run 'docker --help'"], "unknown flag: --x"),
        (["unknown flag: --x", "See 'docker build --help'."], "unknown flag: --x"),
        ([], ""),
    ],
)
def test_the_line_that_says_why_is_found(lines: Iterable[str], message: str) -> None:
    progress = BuildKitProgress()
    fed(progress, "\n".join(lines))
    assert progress.message() == message


def test_podmans_steps_are_followed_through_stages() -> None:
    progress = PodmanProgress()
    said = fed(
        progress,
        "[1/2] STEP 1/2: FROM scratch\n[1/2] STEP 2/2: RUN one\nhello\n--> 1234\n[2/2] STEP 1/1: RUN two\nworld\n"
        'Error: building at STEP "RUN two": while running runtime: exit status 3\n',
    )
    step = progress.failed_step()
    assert step is not None
    assert (step.name, list(step.output)) == ("[1/1] RUN two", ["world"])
    assert said[-1] == "1/1: world"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("[1/3] RUN echo one", 3),
        ("[build 2/3] RUN echo two && echo three", 5),
        ("[stage-1 3/3] COPY --from=build /a.v2 /b", 9),
        ("RUN echo one", 3),
        ("[3/3] RUN something else", None),
    ],
)
def test_a_step_is_found_in_the_dockerfile(name: str, line: int | None, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "# comment\nFROM x AS build\nrun echo one\n\nRUN echo two \\\n  # inside\n\n   && echo   three\n"
        "COPY --from=build /a.${VERSION:-1} /b\n"
    )
    assert find_line(dockerfile, name) == line


LIVE: Final = """\
#0 building with "default" instance using docker driver
#3 [internal] load build context
#3 transferring context: 50.33MB 3.1s
#4 [build 1/2] FROM docker.io/library/python
#4 sha256:61ca4f733c802afd9e05a32f0de0361b6d713b8b53292dc15fb093229f648674 3.15MB / 30.43MB 0.2s
#5 [stage-1 2/3] RUN make
#5 0.101 compiling module 7 of 20
#4 [build 1/2] FROM docker.io/library/python
#5 0.102   \n#7 exporting to image
#7 exporting layers 0.3s done
"""


def test_a_row_tells_step_and_newest_line_and_a_log_the_steps() -> None:
    progress = BuildKitProgress()
    told = [activity for line in LIVE.splitlines() if (activity := progress.feed(line))]
    assert [one.text for one in told] == [
        "[internal] load build context",
        "transferring context: 50.33MB",
        "build 1/2: FROM docker.io/library/python",
        "1/2: 3.15MB / 30.43MB",
        "stage-1 2/3: RUN make",
        "2/3: compiling module 7 of 20",
        "exporting to image",
        "exporting layers",
    ]
    assert [one.text for one in told if one.begins] == [
        "build 1/2: FROM docker.io/library/python",
        "stage-1 2/3: RUN make",
        "exporting to image",
    ]


UNSETTLED: Final = """\
#6 exporting to image
#6 pushing layers 0.1s done
#6 ERROR: failed to push registry.example.com/app: errors:
unknown: provided digest did not match uploaded content
unknown: blob unknown to registry - sha256:f834

------
 > exporting to image:
------
ERROR: failed to build: failed to solve: failed to push registry.example.com/app: errors:
unknown: provided digest did not match uploaded content
unknown: blob unknown to registry - sha256:f834

"""


def test_what_a_registry_lists_is_told_with_the_step() -> None:
    progress = BuildKitProgress()
    for line in UNSETTLED.splitlines():
        progress.feed(line)
    step = progress.failed_step()
    assert step
    assert step.error == (
        "failed to push registry.example.com/app: errors: unknown: provided digest did not match uploaded content; "
        "unknown: blob unknown to registry - sha256:f834"
    )
    assert kind_of(progress) is UnsettledPushError
