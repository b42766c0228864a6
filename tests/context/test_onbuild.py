"""`ONBUILD` of base images: what it takes counts, as a real builder does it."""

from pathlib import Path

import pytest

from image_assets.context import ContextSpec
from image_assets.context.place import Places
from image_assets.context.selection import select
from image_assets.context.stage import fill
from image_assets.reference import familiar
from image_assets.task import Task
from tests.context.buildkit import BuildKit
from tests.context.looking import counted, fingerprint_of
from tests.support.contexts import make_context
from tests.support.registry import Registry

_FILES = ("a", "b", "d/f", "d/g", "e/h")
_TOOLS = "COPY --from=tools busybox /\n"
# Name: the base image's triggers, the Dockerfile, and what counts.
TRIGGERED: dict[str, tuple[tuple[str, ...], str, set[str]]] = {
    "COPY": (("COPY d /o/",), "FROM {base}\n", {"d/f", "d/g"}),
    "ADD": (("ADD a /o/", "copy b /o/"), "FROM {base}\nCOPY e /o/\n", {"a", "b", "e/h"}),
    "a base by an argument": (("COPY a /o/",), "ARG R={repository} T=1\nFROM $R:$T\nCOPY b /o/\n", {"a", "b"}),
    "variables of its own": (("ARG X=d", "ENV Y=$X/f", "COPY $Y /o/"), "FROM {base}\n", {"d/f"}),
    "a build argument": (("ARG ARG=a", "COPY $ARG /o/"), "FROM {base}\n", {"b"}),
    "variables that come later": (("ARG X=a", "COPY $X /o/"), "FROM {base}\nENV X=b\nCOPY $X /p/\n", {"a", "b"}),
    "from a stage": (("COPY --from=s a /o/",), "FROM scratch AS s\nCOPY a b /\nFROM {base}\n", {"a", "b"}),
    "a stage that is needed": (("COPY a /o/",), "FROM {base} AS s\nFROM scratch\nCOPY --from=s /o /o\n", {"a"}),
    "a stage that is not needed": (("COPY a /o/",), "FROM {base} AS s\nFROM scratch\nCOPY b /o/\n", {"b"}),
    "once only": (("COPY a /o/",), "FROM {base} AS s\nFROM s\nCOPY b /o/\n", {"a", "b"}),
    "a heredoc": (("COPY <<X a /o/\nb\nX",), "FROM {base}\n", {"a"}),
    "what is copied from only": (("COPY a /o/",), "FROM scratch\nCOPY b /o/\nCOPY --from={base} / /p/\n", {"b"}),
    "a mount": (
        (_TOOLS.strip(), 'RUN --mount=source=d,target=/m ["/busybox", "cp", "-r", "/m", "/o"]'),
        "FROM {base}\n",
        {"d/f", "d/g"},
    ),
}


@pytest.fixture
def tree(root: Path) -> Path:
    for path in _FILES:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(path)
    return root


def scoped(tree: Path, dockerfile: str, base: str, triggers: tuple[str, ...]) -> ContextSpec:
    path = tree.parent / "Dockerfile"
    path.write_text(dockerfile.format(base=base, repository=base.rpartition(":")[0]))
    return ContextSpec(
        tree,
        path,
        scope="dockerfile",
        build_args={"ARG": "b"},
        platforms=("linux/amd64",),
        named_contexts=("tools",),
        onbuild={familiar(base): triggers},
    )


def files(spec: ContextSpec) -> set[str]:
    return {path for path in counted(spec) if not path.endswith("/")}


@pytest.mark.parametrize("what", TRIGGERED)
def test_what_a_base_image_takes_counts_and_is_all_that_the_build_needs(
    buildkit: BuildKit, tree: Path, registry: Registry, repository_name: str, what: str
) -> None:
    triggers, dockerfile, expected = TRIGGERED[what]
    config = {"architecture": "amd64", "os": "linux", "config": {"OnBuild": list(triggers)}}
    registry.put_image(repository_name, "1", config)
    spec = scoped(tree, dockerfile, f"{registry.address}/{repository_name}:1", triggers)
    assert files(spec) == expected
    assert fingerprint_of(spec).notices == ()
    part = tree.parent / "part"
    with Places() as places:
        fill(part, select(spec).tree(places, Task()).listings())
    tools = make_context(tree.parent / "tools", {})
    assert spec.dockerfile
    options = (f"--build-context=tools={tools}", "--build-arg=ARG=b", "--platform=linux/amd64")
    whole = buildkit.receive(tree, spec.dockerfile, options)
    assert buildkit.receive(part, spec.dockerfile, options) == whole
    assert any(path.startswith("o") for path in whole)


def test_a_base_image_that_takes_all_is_named(tree: Path) -> None:
    spec = scoped(tree, "FROM scratch AS s\nFROM {base}\n", "node:onbuild", ("WORKDIR /x", "COPY . /x"))
    assert files(spec) == set(_FILES)
    found = fingerprint_of(spec)
    assert found.notices == ()
    told = "line 2 copies the whole context, by ONBUILD of node:onbuild"
    assert found.remarks == (f"`scope: dockerfile` narrows nothing: {told}",)


@pytest.mark.parametrize(
    "trigger", ["COPY $HOME/x /y/", "RUN --mount=type=new,target=/x true", "COPY a\nCOPY b", "X y"]
)
def test_what_cannot_be_told_of_a_base_image_counts_all_and_names_it(tree: Path, trigger: str) -> None:
    spec = scoped(tree, "FROM node:onbuild\nCOPY a /\n", "node:onbuild", (trigger,))
    assert files(spec) == set(_FILES)
    (notice,) = fingerprint_of(spec).notices
    assert "line 1" in notice
    assert "ONBUILD of node:onbuild" in notice
