"""The examples, as a user has them: in a copy, with stand-ins for what a machine of tests has not got."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.support.contexts import busybox
from tests.support.documents import Shell, at_home
from tests.support.paths import REPO, VENV_BIN
from tests.support.project import Project, Runtime
from tests.support.registry import Registry
from tools.kit import golang, node
from tools.kit.base_image import push_base_image

EXAMPLES = REPO / "examples"
VERSION = json.loads((REPO / "schema.json").read_text())["version"]
RUNTIMES: dict[str, Runtime] = {"yaml": "yaml", "python": "python", "typescript": "nodejs", "go": "go"}


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example's folder."""
    return Path(shutil.copytree(EXAMPLES / name, folder))


def languages(name: str) -> list[str]:
    """Return the languages that an example is written in; of one with a single program, none."""
    return sorted(folder.name for folder in (EXAMPLES / name).iterdir() if folder.name in RUNTIMES)


def in_each_language(name: str, *always: str) -> pytest.MarkDecorator:
    """Run a test of an example in each of its languages.

    Args:
        name: The example.
        always: The languages in which it always runs, if not in all; the others are left to long runs.
    """
    return pytest.mark.parametrize("language", [_in(one, always) for one in languages(name)])


def _in(language: str, always: Sequence[str]) -> Any:
    return pytest.param(language, marks=[pytest.mark.slow] if always and language not in always else [])


def base_image(registry: Registry) -> str:
    """Publish busybox as the base that the examples take from elsewhere."""
    return push_base_image(f"{registry.address}/busybox:stable", busybox())


def install(folder: Path, language: str, sdk: Path | None) -> None:
    """Do what comes before a program's first preview, from what is on this machine."""
    if sdk:
        (folder / "node_modules").symlink_to(sdk / "node_modules")
        tsc = sdk / "node_modules" / ".bin" / "tsc"
        done = subprocess.run([tsc, "--project", folder], env=node.node().environ, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
    if language == "go":
        take_go_sdk(folder)
        for command in (["vet", "./..."], ["build", "-o", ".program", "."]):
            subprocess.run([golang.go(), *command], cwd=folder, check=True, capture_output=True)


def take_go_sdk(folder: Path) -> None:
    """Let an example's Go module, wherever it was copied to, take the SDK from this checkout."""
    module = folder / "go.mod"
    module.write_text(re.sub(r"=> \S+", f"=> {REPO / 'sdk' / 'go'}", module.read_text()))
    subprocess.run([golang.go(), "mod", "tidy"], cwd=folder, check=True, capture_output=True)


@dataclass(frozen=True)
class Played:
    """An example after the commands of its README.

    Attributes:
        root: The copy of its folder.
        project: Its program, with the stack that the commands made.
        shell: Its user's terminal.
        said: What the commands printed.
    """

    root: Path
    project: Project
    shell: Shell
    said: str

    def beside(self, program: str) -> Project:
        """Return another program of the example, whose stack the commands have made, too."""
        other = replace(self.project, folder=self.root / program)
        other.prepare()
        return other


def play(
    name: str,
    folder: Path,
    meaning: Mapping[str, str] = MappingProxyType({}),
    *,
    program: str = "",
    sdk: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    config: Mapping[str, str] = MappingProxyType({}),
    stack: str = "dev",
) -> Played:
    """Type what an example's README says, in a copy of the example.

    Args:
        name: The example.
        folder: Where the copy goes, in a folder of its name.
        meaning: See `Shell`.
        program: The folder of the program that is meant, where there are several: a language, most often.
        sdk: See the fixture `typescript_user`; for TypeScript alone.
        environ: More variables.
        config: Config that is added as soon as there is a stack.
        stack: What the stack is called instead of `dev`.
    """
    root = copy_example(name, folder / name)
    install(root / program, program, sdk)
    project = Project(root / program, folder / "private", RUNTIMES.get(program, "yaml"), name, stack)
    project.environ.update(environ)
    sets = [f"pulumi config set {key} '{value}'" for key, value in config.items()]
    terms = {f"cd {other} ": f"cd {program} " for other in languages(name)}
    terms["pulumi stack init dev"] = "; ".join([f"pulumi stack init {stack}", *sets])
    shell = at_home(project, {**meaning, **terms})
    shell.run(f"pulumi plugin install resource image-assets {VERSION} --file {VENV_BIN}/pulumi-resource-image-assets")
    shell.folder = root
    return Played(root, project, shell, "".join(shell.play(f"examples/{name}/README.md")))
