"""The TypeScript SDK as its users have it: compiled, packed, installed elsewhere, used by a typed program."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ecr_front import EcrFront
from tests.languages.checks import check_story
from tests.support.paths import REPO
from tests.support.project import Project
from tools.kit import node

PROGRAM = REPO / "tests" / "languages" / "typescript" / "main.ts"
OPTIONS = ["--strict", "--module", "commonjs", "--target", "es2022", "--skipLibCheck", "--esModuleInterop"]
WRONG = {
    "a missing input": ('new assets.DockerImageAsset("a", {})', "directory"),
    "an unknown input": ('new assets.DockerImageAsset("a", { directory: "a", dir: 1 })', "dir"),
    "a wrong type": ('new assets.DockerImageAsset("a", { directory: "a", exclude: "b" })', "not assignable"),
    "a grant without a name": (
        'new assets.DockerImageAsset("a", { directory: "a" }).grantPull({ service: "x" })',
        "name",
    ),
}


def run(command: list[str | Path], folder: Path, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=dict(environ), capture_output=True, text=True, check=False, timeout=240
    )


def compiled(folder: Path, source: Path) -> "subprocess.CompletedProcess[str]":
    tsc = folder / "node_modules" / ".bin" / "tsc"
    return run([tsc, *OPTIONS, source], folder, node.node().environ)


@pytest.mark.usefixtures("docker_engine")
def test_a_program_previews_publishes_edits_and_grants(
    typescript_user: Path, ecr_program: Project, aws: EcrFront
) -> None:
    shutil.copy2(PROGRAM, typescript_user / "main.ts")
    done = compiled(typescript_user, typescript_user / "main.ts")
    assert done.returncode == 0, done.stdout
    environ = ecr_program.isolated_environ
    done = run([node.node().node, typescript_user / "main.js", ecr_program.name], ecr_program.folder, environ)
    assert done.returncode == 0, done.stderr
    story: dict[str, Any] = json.loads(done.stdout)
    check_story(story, aws, ecr_program.name)


@pytest.mark.parametrize("case", WRONG)
def test_the_compiler_catches_what_it_can(typescript_user: Path, case: str, tmp_path: Path) -> None:
    statement, word = WRONG[case]
    source = typescript_user / f"{tmp_path.name}.ts"
    source.write_text(f'import * as assets from "@image-assets/pulumi";\n{statement};\n')
    done = compiled(typescript_user, source)
    assert done.returncode
    assert word in done.stdout
