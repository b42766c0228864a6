"""One failure accuses one resource: the healthy ones beside it say nothing, whatever fails and in whatever language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.programs import Called, Declared, Ref, Statement, render
from tests.support.project import Project, Run, Runtime
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

HEALTHY = [f"a{number:02}" for number in range(20)]
NOISE = re.compile(r"grpc:|Traceback|resource monitor|UNAVAILABLE|at .*\.js:\d+|<nil>")
COPY = "FROM scratch\nCOPY . /\n"
FAILS = {"Dockerfile": "FROM scratch\nCOPY nothing-here /\n"}
BAD = {"directory": "bad", "repository": "REPOSITORY/bad"}
TWO = (
    Declared("bad", "DockerImageAsset", BAD),
    Declared("worse", "DockerImageAsset", {"directory": "worse", "repository": "REPOSITORY/worse"}),
)
DEPENDANTS = (
    Declared("bad", "DockerImageAsset", BAD),
    Declared(
        "later",
        "DockerImageAsset",
        {"directory": "a00", "repository": "REPOSITORY/later", "buildArgs": {"A": Ref("bad", "imageUri")}},
    ),
    Declared(
        "last",
        "DockerImageAsset",
        {"directory": "a00", "repository": "REPOSITORY/last", "buildArgs": {"A": Ref("later", "imageUri")}},
    ),
    Declared("copy", "ImageReplica", {"source": Ref("bad", "imageUri"), "repository": "REPOSITORY/copy"}),
)


@dataclass(frozen=True)
class Case:
    """What is wrong in a program of healthy assets.

    Attributes:
        wrong: What stands among them; `REPOSITORY` stands for the registry's address and a path.
        files: The files of each of its folders.
        told: What the error must hold.
        accused: Which resources may be told of, at least one.
        commands: What is run.
        failures: How many of the accused are told of at least.
    """

    wrong: Sequence[Statement]
    told: str
    files: Mapping[str, dict[str, str]] = field(default_factory=dict)
    accused: frozenset[str] = frozenset({"bad"})
    commands: tuple[tuple[str, ...], ...] = (("preview",), ("up",))
    failures: int = 1


PREVIEW, UP, GO_ON = (("preview",),), (("up",),), (("up", "--continue-on-error"),)
CASES = {
    "input": Case(
        [Declared("bad", "DockerImageAsset", {**BAD, "platform": "amd64"})],
        "linux/amd64",
        {"bad": {"Dockerfile": COPY}},
    ),
    "build": Case([Declared("bad", "DockerImageAsset", BAD)], "nothing-here", {"bad": FAILS}, commands=UP),
    "build in a preview": Case(
        [Declared("bad", "DockerImageAsset", {**BAD, "buildOnPreview": True})],
        "nothing-here",
        {"bad": FAILS},
        commands=PREVIEW,
    ),
    "repository": Case([Declared("bad", "ImageRepository", {"repositoryName": "Not-Allowed"})], "repositoryName"),
    "replica": Case(
        [Declared("bad", "ImageReplica", {"source": "REGISTRY/no/such:1", "repository": "REPOSITORY/bad"})],
        "no/such",
        commands=UP,
    ),
    "tarball": Case(
        [Declared("bad", "TarballImageAsset", {"tarballFile": "bad/image.tar", "repository": "REPOSITORY/bad"})],
        "image.tar",
        {"bad": {"image.tar": "no archive"}},
    ),
    "method": Case([Called("a03", "grantPull", {"name": "g"})], "exactly one of", accused=frozenset({"a03"})),
    "dependants": Case(DEPENDANTS, "nothing-here", {"bad": FAILS}, commands=UP),
    "dependants, going on": Case(DEPENDANTS, "nothing-here", {"bad": FAILS}, commands=GO_ON),
    "two": Case(TWO, "nothing-here", {"bad": FAILS, "worse": FAILS}, accused=frozenset({"bad", "worse"}), commands=UP),
    "two, going on": Case(
        TWO,
        "nothing-here",
        {"bad": FAILS, "worse": FAILS},
        accused=frozenset({"bad", "worse"}),
        commands=GO_ON,
        failures=2,
    ),
}
LANGUAGES: tuple[Runtime, ...] = ("yaml", "python", "nodejs")
#: What each language plays in every run of the suite.
SHORT: list[tuple[str, Runtime]] = [
    ("input", "yaml"),
    ("input", "nodejs"),
    ("build", "python"),
    ("build in a preview", "yaml"),
    ("repository", "python"),
    ("replica", "yaml"),
    ("tarball", "yaml"),
    ("method", "nodejs"),
    ("method", "python"),
    ("dependants, going on", "python"),
    ("two, going on", "yaml"),
]
#: YAML calls no methods.
PLAYED = [(case, runtime) for case in CASES for runtime in LANGUAGES if (case, runtime) != ("method", "yaml")]


def accused(run: Run) -> set[str]:
    """Return the names of the resources that errors are told of."""
    errors = [diagnostic for diagnostic in run.diagnostics if diagnostic.severity == "error"]
    # The stack's own line says no more than that the update failed.
    urns = {error.urn for error in errors if error.urn and "pulumi:pulumi:Stack" not in error.urn}
    return {urn.rpartition("::")[2] for urn in urns}


def check(run: Run, case: Case) -> None:
    error = run.messages("error")
    found = accused(run)
    assert run.code != 0
    assert found <= case.accused, run.text
    assert len(found) >= case.failures, run.text
    assert case.told in error, run.text
    assert [name for name in {*HEALTHY, "later", "last", "copy"} - case.accused if f"'{name}'" in error] == []
    assert NOISE.findall(run.text) == [], run.text


def play(case: Case, runtime: Runtime, new_project: NewProject, address: str, modules: Path, times: int) -> None:  # noqa: PLR0917
    """Run the case's program, each time as a new one, and tell all runs that were not as they should be."""
    faults = []
    healthy = [
        Declared(name, "DockerImageAsset", {"directory": name, "repository": f"{address}/{name}"}) for name in HEALTHY
    ]
    text = render(runtime, [*healthy[:7], *case.wrong, *healthy[7:]])
    text = text.replace("REPOSITORY", address).replace("REGISTRY", address.partition("/")[0])
    for number, (verb, *flags) in product(range(times), case.commands):
        project = new_project(text, runtime, name=f"p{number}-{verb}{len(flags)}")
        make_folders(project, case, modules)
        try:
            check(getattr(project, verb)(*flags, check=False), case)
        except AssertionError as fault:
            faults.append(f"{verb} {number}: {fault}")
    assert faults == []


def make_folders(project: Project, case: Case, modules: Path) -> None:
    for name in HEALTHY:
        write_files(project.folder / name, {"Dockerfile": COPY, "n.txt": name})
    for name, files in case.files.items():
        write_files(project.folder / name, files)
    if project.runtime == "nodejs" and not (project.folder / "node_modules").exists():
        (project.folder / "node_modules").symlink_to(modules)
        (project.folder / "package.json").write_text("{}")


@pytest.fixture
def modules(request: pytest.FixtureRequest) -> Path:
    """What a program of Node.js has installed."""
    if request.getfixturevalue("runtime") != "nodejs":
        return Path()
    user: Path = request.getfixturevalue("typescript_user")
    return user / "node_modules"


@pytest.mark.parametrize(("name", "runtime"), SHORT)
def test_one_failure_accuses_one_resource(  # noqa: PLR0917 - fixtures
    name: str, runtime: Runtime, modules: Path, new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    play(CASES[name], runtime, new_project, f"{registry.address}/{repository_name}", modules, 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "runtime"), PLAYED)
def test_it_does_so_ten_times(  # noqa: PLR0917 - fixtures
    name: str, runtime: Runtime, modules: Path, new_project: NewProject, registry: Registry, repository_name: str
) -> None:
    play(CASES[name], runtime, new_project, f"{registry.address}/{repository_name}", modules, 10)
