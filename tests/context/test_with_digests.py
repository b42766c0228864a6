"""A Dockerfile with digests: every name that a builder would look up has one, and nothing else is touched."""

from pathlib import Path

import pytest

from image_assets.context.bases import base_images
from image_assets.context.scope.instructions import parse
from image_assets.context.with_digests import Pinned, with_digests
from tests.context.buildkit import BuildFailedError, BuildKit
from tests.context.everything import DIGEST, Everything
from tests.context.test_bases_and_builder import DOCKERFILES

ARGUMENTS = {"G": "given", "E": "", "TARGETOS": "own"}
BODIES = "FROM a\nX\n\tCOPY --from=a / /\n\tY\n"
SHORT = "sha256:" + "0" * 64


def pinned(dockerfile: str, *names: str, platforms: tuple[str, ...] = ("linux/amd64",)) -> Pinned:
    """Pin the images of these names, in capitals so that they are told from what stays."""
    return with_digests(dockerfile.encode(), {name: name.upper() for name in names}, None, {}, platforms)


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM a AS a\nFROM a", "FROM A AS a\nFROM a"),
        ("FROM from AS from\nFROM a", "FROM from AS from\nFROM A"),
        ("FROM as AS a\nFROM as", "FROM AS AS a\nFROM AS"),
        ("from\ta\tas\tb", "from\tA\tas\tb"),
        ("ARG B=a\nFROM ${B:-c} AS b # d", "ARG B=a\nFROM A AS b # d"),
        ('FROM --platform=$BUILDPLATFORM  "a"  AS a', "FROM --platform=$BUILDPLATFORM  A  AS a"),
        ("FROM \\\n  # a\n\n  --platform=a \\\n  a \\\n  AS a", "FROM \\\n  # a\n\n  --platform=a \\\n  A \\\n  AS a"),
        ("FROM a\r\nRUN x\r\n", "FROM A\r\nRUN x\r\n"),
        ("\ufeffFROM a", "FROM A"),
        ("# escape=`\nFROM `\n a", "# escape=`\nFROM `\n A"),
        ("FROM a\nFROM docker.io/a\nFROM a:latest", "FROM A\nFROM docker.io/a\nFROM a:latest"),
        ("FROM x\nFROM a AS x\nCOPY --from=x a a", "FROM x\nFROM A AS x\nCOPY --from=x a a"),
        ("FROM s\nCOPY --from=copy --chown=from a a", "FROM s\nCOPY --from=COPY --chown=from a a"),
        ("FROM s AS a\nCOPY --from=a a a", "FROM s AS a\nCOPY --from=a a a"),
        ("FROM s\nCOPY --chown=a --from=a --chmod=a a a", "FROM s\nCOPY --chown=a --from=A --chmod=a a a"),
        ("FROM s\nCOPY --from=abc --from=a a a", "FROM s\nCOPY --from=abc --from=A a a"),
        ('FROM s\nCOPY "--from=a" a a', 'FROM s\nCOPY "--from=a" a a'),
        ('FROM s\nCOPY --from="a" a a', 'FROM s\nCOPY --from="A" a a'),
        (
            "FROM s\nRUN --mount=from=a,target=a \\\n  --mount=type=bind,target=/from=a,FROM=a \\\n  a from=a --from=a",
            "FROM s\nRUN --mount=from=A,target=a \\\n  --mount=type=bind,target=/from=a,FROM=A \\\n  a from=a --from=a",
        ),
        (
            f"FROM s\nRUN --mount=from=a,target=/a <<X <<-Y\n{BODIES}COPY --from=a <<X / /\nFROM a\nX",
            f"FROM s\nRUN --mount=from=A,target=/a <<X <<-Y\n{BODIES}COPY --from=A <<X / /\nFROM a\nX",
        ),
        ("FROM a\nRUN --x='\nCOPY a --chmod=\u00a0 a", "FROM A\nRUN --x='\nCOPY a --chmod=\u00a0 a"),
        ("FROM a\\\nb AS c\nFROM a\\\nb\nRUN x", "FROM \\\nAB AS c\nFROM \\\nAB\nRUN x"),
        ("FROM a\nCOPY --chown=a --from=a\\\n# c\nb / /", "FROM A\nCOPY --chown=a --from=\\\n# c\nAB / /"),
        (
            "FROM a AS b\nONBUILD COPY --from=a / /\nFROM b\nONBUILD COPY --from=a / /",
            "FROM A AS b\nONBUILD COPY --from=A / /\nFROM b\nONBUILD COPY --from=a / /",
        ),
        ("FROM x-$BUILDARCH AS n\nCOPY --from=$Z / /\nFROM a", "FROM x-$BUILDARCH AS n\nCOPY --from=$Z / /\nFROM A"),
    ],
)
def test_only_the_names_of_images_change_and_where_they_stand(dockerfile: str, expected: str) -> None:
    found = pinned(dockerfile, "a", "ab", "as", "copy")
    assert found.content.decode() == expected
    assert found.left == set()


@pytest.mark.parametrize(
    ("dockerfile", "expected", "left"),
    [
        ("FROM a$TARGETARCH AS b\nFROM aarm64", "FROM a$TARGETARCH AS b\nFROM AARM64", {"aamd64", "aarm64"}),
        ('FROM a\nCOPY --from=a"b" / /', 'FROM A\nCOPY --from=a"b" / /', {"ab"}),
    ],
)
def test_what_cannot_be_replaced_is_told(dockerfile: str, expected: str, left: set[str]) -> None:
    found = pinned(dockerfile, "a", "ab", "aamd64", "aarm64", platforms=("linux/amd64", "linux/arm64"))
    assert found.content.decode() == expected
    assert found.left == left


@pytest.mark.parametrize("what", DOCKERFILES)
def test_each_name_that_a_builder_asks_for_has_a_digest_and_stands_in_its_line(what: str) -> None:
    """The reading itself is checked against a builder (`test_bases_and_builder`)."""
    content = DOCKERFILES[what].replace("R/", "r.io/").encode()
    names = base_images(content, None, ARGUMENTS, "linux/arm/v7")
    digests = {name: f"{name}@{SHORT}" for name in names}
    found = with_digests(content, digests, None, ARGUMENTS, ["linux/arm/v7"])
    assert base_images(found.content, None, ARGUMENTS, "linux/arm/v7") == set(digests.values())
    assert [(one.line, one.name) for one in parse(found.content)] == [(one.line, one.name) for one in parse(content)]


ALL = """\
ARG NAME=R/a:1
FROM --platform=$BUILDPLATFORM \\
  # a comment
  $NAME AS x
COPY <<FROM /x
FROM R/c:1
FROM
FROM "R/b:1" AS y
RUN --mount="from=R/c:1,target=/m" \\
    --mount=from=R/d:1,target=/n ["/x"]
FROM x
COPY --from=R/e:1 / /
COPY --from=y / /
"""


def test_a_builder_asks_for_the_digests_alone(buildkit: BuildKit, everything: Everything, root: Path) -> None:
    # What a builder has of a repository by its digest, from another test, it does not ask for again.
    ours = f"{everything.address}/digests"
    content = ALL.replace("R/", f"{ours}/").encode()
    names = base_images(content, None, {}, "linux/amd64")
    found = with_digests(content, {name: f"{name}@{DIGEST}" for name in names}, None, {}, ["linux/amd64"])
    (root / "Dockerfile").write_bytes(found.content)
    everything.asked.clear()
    everything.digests.clear()
    with pytest.raises(BuildFailedError, match=r"Dockerfile:9\b"):
        buildkit.receive(root, root / "Dockerfile", ("--no-cache",))
    assert everything.asked == set()
    assert everything.digests == {f"{ours}/{name}" for name in "abcde"}
