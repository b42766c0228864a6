"""Which images a Dockerfile is built on, as a real BuildKit asks a registry for them."""

from pathlib import Path

import pytest

from image_assets.context.bases import base_images
from tests.context.buildkit import BuildFailedError, BuildKit
from tests.context.everything import Everything

# `R/` stands for the registry; build arguments are `G=given`, `E=` and `TARGETOS=own`.
DOCKERFILES = {
    "a default": "ARG V=1\nFROM R/a:$V",
    "a build argument": "ARG G=1\nFROM R/a:$G",
    "a build argument that is not declared": "FROM R/a:${G:-none}",
    "an empty build argument": "ARG E=1\nFROM R/a:x$E",
    "an empty build argument and a default": "ARG E\nFROM R/a:${E:-other}",
    "if it is set": "ARG G\nFROM R/a:${G:+set}${N:+not}",
    "without colons": "ARG E\nFROM R/a:x${E-unset}${N-unset}${E+set}",
    "a default of a default": "ARG N=3\nFROM R/a:${X:-${N:-4}}",
    "arguments in one line": "ARG A=1 B=\"${A}2\" C='3'\nFROM R/a:$A-$B-$C",
    "an argument given twice": "ARG A=1\nARG A=2\nFROM R/a:$A",
    "an argument given twice, the second without a value": "ARG A=1\nARG A\nFROM R/a:$A",
    "an argument between stages": "ARG A=1\nFROM R/a:$A AS x\nARG A=2\nFROM R/b:$A\nCOPY --from=x / /",
    "the architecture": "FROM R/a:$TARGETARCH-${TARGETVARIANT:-none}",
    "an automatic argument with a default": "ARG TARGETARCH=x\nFROM R/a:$TARGETARCH",
    "an automatic argument that is given": "ARG TARGETOS\nFROM R/a:$TARGETOS",
    "the platform of the builder": "FROM --platform=$BUILDPLATFORM R/a:1",
    "another platform": "FROM --platform=linux/amd64 R/a:1",
    "copied from an image": "FROM scratch\nCOPY --from=R/a:1 / /",
    "copied from a stage's number": "FROM R/a:1\nFROM R/b:1\nCOPY --from=0 / /",
    "a mount of an image": 'FROM R/a:1\nRUN --mount=type=bind,from=R/b:1,target=/m ["/x"]',
    "a quoted mount": 'FROM R/a:1\nRUN --mount="from=R/b:1,target=/m" ["/x"]',
    "a stage that is not needed": "FROM R/a:1 AS x\nFROM R/b:1",
    "a stage of the name of an image": "FROM R/a:1 AS busybox\nFROM busybox",
    "a name in upper case": "FROM R/a:1 AS Build\nFROM scratch\nCOPY --from=BUILD / /",
    "the last stage of a name": "FROM R/a:1 AS x\nFROM R/b:1 AS x\nFROM x",
    "a stage by an argument": "ARG S=x\nFROM R/a:1 AS x\nFROM R/b:1 AS y\nFROM $S",
    "a heredoc": "FROM R/a:1\nCOPY <<FROM /x\nFROM R/b:1\nFROM\nCOPY --from=R/c:1 / /",
    "a heredoc of RUN": 'FROM R/a:1\nRUN <<"A" cat <<B\nFROM R/b:1\nA\nCOPY --from=R/c:1 / /\nB\n',
    "a continued line": "FROM \\\n# a comment\n R/a:1 \\\n AS x",
    "another escape": "# escape=`\nFROM R/a`\n:1",
    "no tag": "FROM R/a",
    "lower case": "arg v=1\nfrom R/a:$v as x\nfrom x",
    "an onbuild of a stage": "FROM R/a:1 AS x\nONBUILD COPY --from=R/b:1 / /\nFROM x",
    "a quoted image": 'FROM "R/a:1"',
    "an end that is cut off": "ARG A=1-b-c\nFROM R/a:${A%-*}x${A%%-*}x${A%?c}x${A%n}",
    "a beginning that is cut off": "ARG A=1-b-c\nFROM R/a:${A#*-}x${A##*-}x${A#1}x${A#b}",
    "what is replaced": "ARG A=1.2.3 B=-\nFROM R/a:${A/./-}x${A//./$B}x${A/.*/}x${A//[/}",
}


@pytest.mark.parametrize("what", DOCKERFILES)
def test_the_bases_are_those_that_the_builder_asks_for(
    buildkit: BuildKit, everything: Everything, root: Path, what: str
) -> None:
    text = DOCKERFILES[what].replace("R/", f"{everything.address}/") + "\nLABEL a=b\n"
    (root / "Dockerfile").write_text(text)
    build_args = {"G": "given", "E": "", "TARGETOS": "own"}
    given = [f"--build-arg={name}={value}" for name, value in build_args.items()]
    everything.asked.clear()
    try:
        buildkit.receive(root, root / "Dockerfile", ("--platform=linux/arm/v7", "--no-cache", *given))
    except BuildFailedError as failed:
        # What is copied from an empty image is not there; by then all have been looked up.
        refused = str(failed)
    else:
        refused = ""
    asked = {one.removesuffix(":latest") for one in everything.asked}
    found = base_images(text.encode(), None, build_args, "linux/arm/v7")
    assert {one.removesuffix(":latest") for one in found} == asked, refused
