"""`scope: dockerfile` counts what the Dockerfile can take, and nothing else (R9)."""

from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, staged
from image_assets.context.habits import PODMAN
from tests.context.buildkit import BuildKit
from tests.context.looking import counted, fingerprint_of

_FILES = ("api/main.py", "api/lib/x.py", "web/index.js", "web/style.css", "shared/a", "go.mod", "go.sum", "README.md")


@pytest.fixture
def monorepo(root: Path) -> Path:
    for path in _FILES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def scoped(
    root: Path, dockerfile: str, *, target: str | None = None, args: dict[str, str] | None = None
) -> ContextSpec:
    path = root.parent / "Dockerfile"
    path.write_text(dockerfile)
    return ContextSpec(root, path, scope="dockerfile", target=target, build_args=args or {})


def files(spec: ContextSpec) -> set[str]:
    return {path for path in counted(spec) if not path.endswith("/")}


API = {"api/main.py", "api/lib/x.py"}
WEB = {"web/index.js", "web/style.css", "go.mod"}
JUDGED = {
    "a directory": ("COPY api /api/", API),
    "a file": ("COPY go.mod /", {"go.mod"}),
    "several": ("COPY go.mod go.sum ./api/ /x/", {"go.mod", "go.sum", *API}),
    "a wildcard": ("COPY go.* /", {"go.mod", "go.sum"}),
    "a class": ("COPY go.[ms][a-z]* READM[E]?md /", {"go.mod", "go.sum", "README.md"}),
    "a wildcard in the middle": ("COPY */*.py /", {"api/main.py"}),
    "the JSON form": ('COPY ["go.mod", "web/style.css", "/x/"]', {"go.mod", "web/style.css"}),
    "flags": ("COPY --link --chown=1:1 --chmod=644 shared /", {"shared/a"}),
    "a leading slash": ("COPY /shared /", {"shared/a"}),
    "dots": ("COPY ./api/../shared/. /", {"shared/a"}),
    "above the root": ("COPY ../../shared /", {"shared/a"}),
    "quotes": ('COPY "shared" /', {"shared/a"}),
    "nothing there": ("COPY none /", set()),
    "continued lines": ("COPY go.mod \\\n  # a comment\n\n  go.sum \\\n  /", {"go.mod", "go.sum"}),
    "a word continued": ("COPY sha\\\nred /", {"shared/a"}),
    "lower case": ("copy shared /", {"shared/a"}),
    "ADD of a file and of a URL": ("ADD shared https://example.com/x.tar git@host:x.git /", {"shared/a"}),
    "a heredoc": ("COPY <<EOF shared /x/\nCOPY web /\nFROM other\nEOF", {"shared/a"}),
    "a heredoc of RUN": ("RUN <<'EOF'\nCOPY web /\nFROM other\nEOF\nCOPY shared /", {"shared/a"}),
    "a here-string of RUN": ("RUN cat <<<EOF\nCOPY shared /", {"shared/a"}),
    "a mount of a cache": ("RUN --mount=type=cache,target=/x true\nCOPY shared /", {"shared/a"}),
    "a mount from elsewhere": ("RUN --mount=from=alpine,target=/x true\nCOPY shared /", {"shared/a"}),
    "no COPY": ("RUN true", set()),
    "a mount of a path": ("RUN --mount=type=bind,source=go.mod,target=/x --mount=src=./web/,dst=/y true", WEB),
    "a mount with quotes": ("RUN --mount=\"type=bind,source=go.mod,target=/x y\" --mount='src=web,dst=/y' true", WEB),
    "quoted flags": ('COPY --chown="1:1" --chmod=\'644\' --exclude="x y" shared /', {"shared/a"}),
    "an argument": ("ARG D=api\nCOPY $D /", API),
    "an argument of an argument": ("ARG A=ap B=${A}i\nCOPY ./${B}/ /", API),
    "an argument in quotes": ('ARG D="api"\nCOPY "${D}" /', API),
    "an argument in the JSON form": ('ARG D=api\nCOPY ["$D", "/"]', API),
    "an environment variable": ("ENV A=x D=api\nCOPY $D /", API),
    "an old form of ENV": ("ENV D api\nCOPY $D /", API),
    "ENV sees what was before it": ("ENV D=api\nENV D=web E=$D\nCOPY $E /", API),
    "a default": ("ARG D=\nCOPY ${D:-api} /", API),
    "a mount of an argument": ("ARG D=api\nRUN --mount=source=$D,target=/x true", API),
    "a wildcard in an argument": ("ARG D=*.py\nCOPY api/$D /", {"api/main.py"}),
    "a URL in an argument": ("ARG U=https://example.com/x\nADD $U/y /\nCOPY shared /", {"shared/a"}),
    "ONBUILD of the last stage": ("ONBUILD COPY . /\nCOPY shared /", {"shared/a"}),
    "ONBUILD of a base": ("COPY shared /\nONBUILD COPY go.mod /\nFROM s\nFROM s", {"shared/a", "go.mod"}),
    "a stage that is not needed": (
        "ONBUILD COPY <<X /\nFROM s\nX\nCOPY $X /\nFROM scratch\nCOPY shared /",
        {"shared/a"},
    ),
    "variables of the base": ("ARG A=api\nENV E=shared\nFROM s\nCOPY $A $E /", {"shared/a", *API}),
    "other instructions": ('ENV A=$B\nWORKDIR $X\nLABEL a=b\nCMD ["x"]\nCOPY shared $DESTINATION', {"shared/a"}),
}


@pytest.mark.parametrize("what", JUDGED)
def test_only_what_can_be_copied_counts(monorepo: Path, what: str) -> None:
    text, expected = JUDGED[what]
    spec = scoped(monorepo, f"FROM scratch AS s\n{text}\n")
    assert fingerprint_of(spec).notices == ()
    assert files(spec) == expected


UNJUDGED = {
    "an undeclared variable": ("FROM scratch\nCOPY $X /\n", "line 2"),
    "ADD of an undeclared variable": ("FROM scratch\nADD ${X}/a /\n", "not known before the build"),
    "an argument without a value": ("FROM example.com/x\nARG X\nCOPY ${X:-api} /\n", "line 3"),
    "an argument beside an environment variable": ("FROM scratch\nENV X=api\nARG X=web\nCOPY $X /\n", "line 4"),
    "an argument that is not plain": ("FROM scratch\nARG X=a\\ b Y=api\nCOPY $Y /\n", "line 3"),
    "an automatic argument with a value": ("FROM scratch\nARG TARGETARCH=x\nCOPY $TARGETARCH /\n", "line 3"),
    "what a client may set": ("FROM scratch\nARG HTTP_PROXY=api\nCOPY $HTTP_PROXY /\n", "line 3"),
    "a mount of a pattern": ("FROM scratch\nRUN --mount=source=*.md,target=/x true\n", "line 2 (RUN): --mount=source"),
    "a mount of a type": ("FROM scratch\nARG T=bind\nRUN --mount=type=$T,target=/x cat TOKEN\n", "--mount=type=$T"),
    "a flag with an open quote": ('FROM scratch\nCOPY --chown="1 api /\n', "open quote"),
    "a foreign syntax": ("# syntax=example.com/other:1\nFROM scratch\n", "example.com/other:1"),
    "ONBUILD of one of two stages": ("FROM a AS b\nONBUILD COPY a /\nFROM c AS b\nFROM b\n", "ONBUILD"),
    "an unknown instruction": ("FROM scratch\nINCLUDE+ x\n", "not known"),
    "an unknown flag": ("FROM scratch\nCOPY --new a /\n", "--new"),
    "a computed stage": ("FROM scratch AS a\nFROM $BASE\n", "$BASE"),
    "a link": ("FROM scratch\nCOPY link /\n", "symbolic link"),
    "a path through a link": ("FROM scratch\nCOPY link/x.py /\n", "symbolic link"),
    "a wildcard that takes a link": ("FROM scratch\nCOPY l* /\n", "symbolic link"),
    "a heredoc without end": ("FROM scratch\nRUN <<EOF\n", "EOF"),
    "no FROM": ("COPY a /\n", "before the first FROM"),
    "bytes that are no text": ("FROM scratch\n\udcff\n", "UTF-8"),
}


@pytest.mark.parametrize("what", UNJUDGED)
def test_what_cannot_be_judged_falls_back_to_all_with_a_notice(monorepo: Path, what: str) -> None:
    (monorepo / "link").symlink_to("api/lib")
    text, reason = UNJUDGED[what]
    path = monorepo.parent / "Dockerfile"
    path.write_bytes(text.encode(errors="surrogateescape"))
    spec = ContextSpec(monorepo, path, scope="dockerfile")
    assert files(spec) == {*_FILES, "link"}
    (notice,) = fingerprint_of(spec).notices
    assert "scope: dockerfile" in notice
    assert reason in notice
    assert "TOKEN" not in notice


WHOLE = {
    "COPY": ("FROM scratch\nCOPY . /\n", "line 2 copies the whole context"),
    "ADD": ("FROM scratch\nADD ./ /\n", "line 2 copies the whole context"),
    "a mount": ("FROM scratch\nRUN --mount=type=bind,target=/x true\n", "line 2 mounts the whole context"),
    "a mount without a type": ("FROM scratch\nRUN --mount=target=/x true\n", "line 2 mounts the whole context"),
    "beside what is not understood": ("FROM scratch\nCOPY $X /\nCOPY . /\n", "line 3 copies the whole context"),
    "beside a link": ("FROM scratch\nCOPY link /\nCOPY . /\n", "line 3 copies the whole context"),
    "an empty argument": ("FROM scratch\nARG X=\nCOPY $X /\n", "line 3 copies the whole context"),
}


@pytest.mark.parametrize("what", WHOLE)
def test_a_dockerfile_that_takes_all_is_told_so_without_a_warning(monorepo: Path, what: str) -> None:
    (monorepo / "link").symlink_to("api/lib")
    text, remark = WHOLE[what]
    spec = scoped(monorepo, text)
    assert files(spec) == {*_FILES, "link"}
    found = fingerprint_of(spec)
    assert found.notices == ()
    assert found.remarks == (f"`scope: dockerfile` narrows nothing: {remark}",)


PLATFORMS = {
    "an architecture": ("ARG TARGETARCH\nCOPY bin/$TARGETARCH /", {"amd64", "arm"}),
    "a platform": ("ARG TARGETPLATFORM\nCOPY ${TARGETPLATFORM} /", {"linux/amd64", "linux/arm/v7"}),
    "a variant": ("ARG TARGETOS TARGETARCH TARGETVARIANT\nCOPY $TARGETOS/$TARGETARCH/$TARGETVARIANT /", {"linux"}),
    "the builder's": ("ARG BUILDARCH\nCOPY bin/$BUILDARCH /", {"amd64", "arm", "arm64"}),
    "a stage": (
        "FROM scratch AS a-arm\nCOPY one /\nFROM scratch AS a-386\nCOPY two /\nFROM a-$TARGETARCH",
        {"one"},
    ),
    "the builder's stage": ("FROM scratch AS for-arm\nCOPY one /\nFROM for-$BUILDARCH", {"one"}),
}


@pytest.mark.parametrize("what", PLATFORMS)
def test_what_any_of_the_platforms_takes_counts(root: Path, what: str) -> None:
    below = {"bin/amd64", "bin/arm", "bin/arm64", "linux/amd64/x", "linux/arm/v7", "one", "two"}
    for path in below:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    text, taken = PLATFORMS[what]
    spec = replace(scoped(root, f"FROM scratch\n{text}\n"), platforms=("linux/amd64", "linux/arm/v7"))
    whole = {path for path in below if any(f"/{path}/".startswith((f"/{one}/", f"/bin/{one}/")) for one in taken)}
    assert files(spec) == whole
    unknown = files(replace(spec, build_flags=("--platform=linux/s390x",)))
    assert unknown in (below, whole if "BUILD" in text else below)


def test_podman_may_resolve_variables_in_its_own_way(monorepo: Path) -> None:
    spec = scoped(monorepo, "FROM scratch\nARG D=api\nCOPY $D /\n")
    assert files(replace(spec, habits=PODMAN)) == set(_FILES)


def test_a_named_context_may_take_the_place_of_a_stage_with_other_variables(monorepo: Path) -> None:
    spec = scoped(monorepo, "FROM scratch AS s\nARG D=api\nFROM s\nCOPY $D /\n")
    assert files(spec) == API
    assert files(replace(spec, named_contexts=("s",))) == set(_FILES)


STAGES = """\
ARG KIND=api
FROM scratch AS base
COPY go.mod /
FROM base AS api
COPY api /
FROM scratch AS web
COPY web /
FROM base AS all
COPY --from=web / /
FROM $KIND
COPY README.md /
"""


@pytest.mark.parametrize(
    ("target", "args", "expected"),
    [
        ("base", {}, {"go.mod"}),
        ("API", {}, {"go.mod", *API}),
        ("all", {}, {"go.mod", "web/index.js", "web/style.css"}),
        ("2", {}, {"web/index.js", "web/style.css"}),
        (None, {}, {"go.mod", "README.md", *API}),
        (None, {"KIND": "web"}, {"README.md", "web/index.js", "web/style.css"}),
    ],
)
def test_only_the_stages_that_the_target_needs_count(
    monorepo: Path, target: str | None, args: dict[str, str], expected: set[str]
) -> None:
    assert files(scoped(monorepo, STAGES, target=target, args=args)) == expected


def test_a_target_that_does_not_exist_falls_back_with_a_notice(monorepo: Path) -> None:
    assert "no stage other" in fingerprint_of(scoped(monorepo, STAGES, target="other")).notices[0]


def test_the_ignore_file_holds_inside_the_scope(monorepo: Path) -> None:
    (monorepo / ".dockerignore").write_text("*\n!api/lib\n!web\n")
    assert files(scoped(monorepo, "FROM scratch\nCOPY api /\n")) == {"api/lib/x.py"}


def test_an_unrelated_edit_changes_the_one_fingerprint_and_not_the_other(monorepo: Path, tmp_path: Path) -> None:
    one = tmp_path / "api.Dockerfile"
    other = tmp_path / "web.Dockerfile"
    one.write_text("FROM scratch\nCOPY api /\n")
    other.write_text("FROM scratch\nCOPY web /\n")
    specs = [ContextSpec(monorepo, path, scope="dockerfile") for path in (one, other)]
    before = [fingerprint_of(spec).digest for spec in specs]
    (monorepo / "web" / "index.js").write_text("changed")
    after = [fingerprint_of(spec).digest for spec in specs]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


def test_directories_outside_the_scope_are_never_listed(monorepo: Path) -> None:
    (monorepo / "web").chmod(0o000)
    try:
        assert files(scoped(monorepo, "FROM scratch\nCOPY api /\n")) == API
    finally:
        (monorepo / "web").chmod(0o755)


@pytest.mark.parametrize("what", ["a directory", "a wildcard", "dots", "several", "above the root", "a word continued"])
def test_the_builder_finds_all_that_is_copied_among_what_counts(buildkit: BuildKit, monorepo: Path, what: str) -> None:
    text, expected = JUDGED[what]
    spec = scoped(monorepo, f"FROM scratch\n{text}\n".replace(" /", " /out/"))
    with staged(spec) as given:
        received = buildkit.receive(given.directory, given.dockerfile)
    assert {content for content in received.values() if content[0] == "file"} == {
        entry for path, entry in counted(spec).items() if path in expected
    }
