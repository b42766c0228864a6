"""The Go SDK in a program of another module, vetted and run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.ecr_front import EcrFront
from tests.languages.checks import check_story
from tests.support.paths import REPO
from tests.support.project import Project
from tools.kit import golang

PROGRAM = REPO / "tests" / "languages" / "go" / "main.go"
MODULE = """\
module program

go 1.25

require (
	github.com/pulumi/pulumi/sdk/v3 v3.259.0
	image-assets.example/sdk/go v0.0.0
)

replace image-assets.example/sdk/go => {sdk}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program, in a module that takes the SDK from a copy."""
    folder = tmp_path_factory.mktemp("go")
    shutil.copytree(REPO / "sdk" / "go", folder / "sdk")
    shutil.copy2(PROGRAM, folder)
    (folder / "go.mod").write_text(MODULE.format(sdk=folder / "sdk"))
    for arguments in (["mod", "tidy"], ["vet", "./..."], ["build", "-o", "program", "."]):
        done = subprocess.run([golang.go(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "program"


@pytest.mark.timeout(900)  # Compiling Pulumi's SDK for the first time takes minutes on two cores.
@pytest.mark.usefixtures("docker_engine")
def test_a_program_previews_publishes_edits_and_grants(program: Path, ecr_program: Project, aws: EcrFront) -> None:
    done = subprocess.run(
        [program, ecr_program.name],
        cwd=ecr_program.folder,
        env=ecr_program.isolated_environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_story(json.loads(done.stdout), aws, ecr_program.name)
