"""One failure accuses one resource: the healthy ones beside it say nothing."""

from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.project import Project, Run, Runtime
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("docker_engine")

HEALTHY = 20


def program(runtime: Runtime, address: str, bad: dict[str, str]) -> str:
    """Return a program with a bad asset among healthy ones."""
    names = [f"a{number:02}" for number in range(HEALTHY)]
    assets = {name: {"directory": name} for name in (*names[:7], "bad", *names[7:])}
    assets["bad"] |= bad
    if runtime == "yaml":
        rows = (
            f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {{repository: {address}/{name}, "
            + ", ".join(f"{key}: {value}" for key, value in inputs.items())
            + "}}\n"
            for name, inputs in assets.items()
        )
        return "resources:\n" + "".join(rows)
    lines = (
        f"assets.DockerImageAsset({name!r}, repository='{address}/{name}', "
        + ", ".join(f"{key}={value!r}" for key, value in inputs.items())
        + ")\n"
        for name, inputs in assets.items()
    )
    return "import pulumi_image_assets as assets\n" + "".join(lines)


@pytest.fixture(params=["yaml", "python"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    chosen: Runtime = request.param
    return chosen


def make(new_project: NewProject, runtime: Runtime, address: str, bad: dict[str, str], dockerfile: str) -> Project:
    project = new_project(program(runtime, address, bad), runtime)
    folder: Path = project.folder
    for number in range(HEALTHY):
        write_files(folder / f"a{number:02}", {"Dockerfile": "FROM scratch\nCOPY . /\n", "n.txt": str(number)})
    write_files(folder / "bad", {"Dockerfile": dockerfile})
    return project


def accused(run: Run) -> set[str]:
    """Return the names of the resources that errors are told of."""
    errors = [diagnostic for diagnostic in run.diagnostics if diagnostic.severity == "error"]
    return {diagnostic.urn.rpartition("::")[2] for diagnostic in errors if diagnostic.urn}


def check(run: Run) -> None:
    assert run.code != 0
    assert accused(run) <= {"bad"}
    assert "bad" in run.messages("error")
    for name in (f"a{number:02}" for number in range(HEALTHY)):
        assert f"'{name}'" not in run.messages("error")
    assert "grpc:" not in run.text
    assert "Traceback" not in run.text
    assert "resource monitor" not in run.text


def test_a_wrong_input_accuses_its_own_resource(
    new_project: NewProject, runtime: Runtime, registry: Registry, repository_name: str
) -> None:
    address = f"{registry.address}/{repository_name}"
    project = make(new_project, runtime, address, {"platform": "amd64"}, "FROM scratch\nCOPY . /\n")
    for run in (project.preview(check=False), project.up(check=False)):
        check(run)
        assert "linux/amd64" in run.messages("error")


def test_a_failing_build_accuses_its_own_resource(
    new_project: NewProject, runtime: Runtime, registry: Registry, repository_name: str
) -> None:
    address = f"{registry.address}/{repository_name}"
    project = make(new_project, runtime, address, {}, "FROM scratch\nCOPY nothing-here /\n")
    run = project.up(check=False)
    check(run)
    assert "nothing-here" in run.messages("error")


def test_a_failing_build_in_a_preview_accuses_its_own_resource(
    new_project: NewProject, runtime: Runtime, registry: Registry, repository_name: str
) -> None:
    address = f"{registry.address}/{repository_name}"
    key = "buildOnPreview" if runtime == "yaml" else "build_on_preview"
    project = make(new_project, runtime, address, {key: True}, "FROM scratch\nCOPY nothing-here /\n")  # type: ignore[dict-item]
    run = project.preview(check=False)
    check(run)
    assert "nothing-here" in run.messages("error")


WRONG_REPOSITORY = {
    "yaml": "  bad: {type: 'image-assets:ImageRepository', properties: {repositoryName: Not-Allowed}}\n",
    "python": "assets.ImageRepository('bad', repository_name='Not-Allowed')\n",
}


def test_a_wrong_repository_accuses_itself(
    new_project: NewProject, runtime: Runtime, registry: Registry, repository_name: str
) -> None:
    address = f"{registry.address}/{repository_name}"
    healthy = "".join(line for line in program(runtime, address, {}).splitlines(keepends=True) if "/bad" not in line)
    project = new_project(healthy + WRONG_REPOSITORY[runtime], runtime)
    for number in range(HEALTHY):
        write_files(project.folder / f"a{number:02}", {"Dockerfile": "FROM scratch\nCOPY . /\n", "n.txt": str(number)})
    run = project.preview(check=False)
    assert "repositoryName" in run.messages("error")
    check(run)
