"""One failure accuses one resource in the Automation API, too, whose programs run within the caller's process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.engine.test_accused import CASES, HEALTHY, NOISE, make_folders
from tests.support.programs import Declared, render
from tests.support.project import Runtime
from tests.support.registry import Registry
from tools.kit import node

pytestmark = pytest.mark.usefixtures("docker_engine")

PYTHON = """
import json
from pulumi import automation as auto

def program():
    exec(open("program.py").read(), {})

stack = auto.create_or_select_stack("dev", project_name="auto", program=program)
told = {}
for verb in ("preview", "up"):
    urns = []
    def take(event):
        said = event.diagnostic_event
        if said and said.severity == "error" and said.urn:
            urns.append(said.urn)
    try:
        getattr(stack, verb)(on_event=take)
        told[verb] = {"urns": urns, "error": "none"}
    except auto.CommandError as error:
        told[verb] = {"urns": urns, "error": str(error)}
print(json.dumps(told))
"""
NODE = """
const auto = require("@pulumi/pulumi/automation");
const vm = require("vm"), fs = require("fs");
const program = async () => { vm.runInThisContext(`(require) => {${fs.readFileSync("program.js")}}`)(require); };
(async () => {
    const stack = await auto.LocalWorkspace.createOrSelectStack({stackName: "dev", projectName: "auto", program});
    const told = {};
    for (const verb of ["preview", "up"]) {
        const urns = [];
        const onEvent = event => {
            const said = event.diagnosticEvent;
            if (said && said.severity === "error" && said.urn) { urns.push(said.urn); }
        };
        try { await stack[verb]({onEvent}); told[verb] = {urns, error: "none"}; }
        catch (error) { told[verb] = {urns, error: error.message}; }
    }
    console.log(JSON.stringify(told));
})();
"""
DRIVERS = {"python": ("drive.py", PYTHON, "program.py"), "nodejs": ("drive.js", NODE, "program.js")}


def play(runtime: Runtime, new_project: NewProject, address: str, modules: Path, times: int) -> None:
    case = CASES["input"]
    healthy = [
        Declared(name, "DockerImageAsset", {"directory": name, "repository": f"{address}/{name}"}) for name in HEALTHY
    ]
    program = render(runtime, [*healthy[:7], *case.wrong, *healthy[7:]]).replace("REPOSITORY", address)
    file, driver, program_file = DRIVERS[runtime]
    interpreter = sys.executable if runtime == "python" else node.node().node
    for number in range(times):
        project = new_project("", runtime, name=f"p{number}")
        (project.private / "backend").mkdir(parents=True)
        make_folders(project, case, modules)
        (project.folder / program_file).write_text(program)
        (project.folder / file).write_text(driver)
        done = subprocess.run(
            [interpreter, file],
            cwd=project.folder,
            env=project.isolated_environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert set(told) == {"preview", "up"}
        for said in told.values():
            assert {urn.rpartition("::")[2] for urn in said["urns"] if "pulumi:pulumi:Stack" not in urn} == {"bad"}
            assert case.told in said["error"]
            # What this process itself writes is left out: the Python SDK drops a program that waits when the engine
            # goes, and the interpreter may tell at the end that it has ignored that (`run_in_stack`).
            assert NOISE.findall(said["error"]) == []


@pytest.fixture
def modules(request: pytest.FixtureRequest) -> Path:
    user: Path = request.getfixturevalue("typescript_user")
    return user / "node_modules"


def test_a_program_of_the_automation_api(new_project: NewProject, registry: Registry, repository_name: str) -> None:
    play("python", new_project, f"{registry.address}/{repository_name}", Path(), 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("runtime", list(DRIVERS))
def test_ten_programs_of_the_automation_api(
    runtime: Runtime, new_project: NewProject, registry: Registry, repository_name: str, modules: Path
) -> None:
    play(runtime, new_project, f"{registry.address}/{repository_name}", modules, 10)
