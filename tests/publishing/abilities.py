"""What each way to build can do: the tests check it, and the table in docs/builders.md is made from it.

`python -m tests.publishing.abilities` writes the table anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import REPO

DOCUMENT = REPO / "docs" / "builders.md"
_TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)

BUILDERS = {
    "embedded": "docker's engine, docker before 23",
    "buildx": "docker's engine, buildx (`docker`)",
    "store": "docker's engine, containerd store, buildx (`docker`)",
    "remote": "BuildKit elsewhere, TLS (`remote`)",
    "container": "BuildKit in a container (`docker-container`)",
    "fleet": "a fleet (`remote`, several nodes)",
    "kubernetes": "Kubernetes (`kubernetes`)",
    "podman": "podman",
    "nerdctl": "nerdctl",
}

ABILITIES = {
    "build": "build, publish",
    "secrets": "`buildSecrets`",
    "ssh": "`buildSsh`",
    "contexts": "`buildContexts`",
    "caches": "`cacheTo`, `cacheFrom`: a registry",
    "platforms": "several `platforms`",
    "cancel": "Ctrl-C ends the step that runs",
    "failure": "a failing step is told with its output",
    "two": "two images at once",
    "private": "private base image",
    "death": "another node takes over from one that dies",
}


@dataclass(frozen=True)
class No:
    """What a builder cannot do.

    Attributes:
        refusal: A pattern of the error that says so before anything is published.
        shown: What stands in the table.
    """

    refusal: str
    shown: str = "no"


_OLD = No("newer BuildKit", "engine 23 or later")
_NO_EXPORT = No("cacheTo", "`inline` only")
_ONE = No("platform")

EXCEPTIONS = {
    ("embedded", "contexts"): No("buildx"),
    ("embedded", "caches"): _NO_EXPORT,
    ("embedded", "platforms"): _ONE,
    ("buildx", "contexts"): _OLD,
    ("buildx", "caches"): _NO_EXPORT,
    ("buildx", "platforms"): _ONE,
    ("podman", "platforms"): _ONE,
    ("nerdctl", "contexts"): No("nerdctl 2", "nerdctl 2 or later"),
    ("nerdctl", "platforms"): _ONE,
}


NEEDS = {("kubernetes", "death"): "buildx 0.36 or later"}
"""What a builder can do with some programs only."""


def rendered() -> str:
    """Write the table in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| " + " | ".join(("", *BUILDERS.values())) + " |"
    yield "| --- " * (len(BUILDERS) + 1) + "|"
    for ability, title in ABILITIES.items():
        yield "| " + " | ".join((title, *(_cell(builder, ability) for builder in BUILDERS))) + " |"


def is_meant_for(builder: str, ability: str) -> bool:
    """Say whether the question makes sense: a builder of one node has no other."""
    return ability != "death" or builder in {"fleet", "kubernetes"}


def _cell(builder: str, ability: str) -> str:
    if not is_meant_for(builder, ability):
        return "-"
    exception = EXCEPTIONS.get((builder, ability))
    return exception.shown if exception else NEEDS.get((builder, ability), "yes")


def written(document: Path) -> str:
    """Return the table that stands in a document."""
    found = _TABLE.search(document.read_text())
    assert found, f"{document} has no place for the table"
    return found[0]


if __name__ == "__main__":
    DOCUMENT.write_text(_TABLE.sub(lambda _: rendered(), DOCUMENT.read_text()))
