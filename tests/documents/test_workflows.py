"""The workflows: valid, pinned, and the example's steps played with the real command line."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents import Shell
from tests.support.examples import EXAMPLES, Played, play
from tests.support.paths import REPO
from tests.support.registry import PASSWORD, USER, Registry
from tools.kit import golang

EXAMPLE = EXAMPLES / "github-actions" / ".github" / "workflows" / "image.yml"
WORKFLOWS = [*(REPO / ".github" / "workflows").glob("*.yml"), EXAMPLE]
INSTALLS = "Install Pulumi and the plugin"


@pytest.mark.timeout(300)
def test_workflows_are_valid_and_name_actions_by_digest() -> None:
    """By actionlint: keys, expressions, what actions take, labels of runners."""
    command: list[str | Path] = [
        golang.go(),
        "-C",
        REPO / "tools" / "actionlint",
        "tool",
        "actionlint",
        "-shellcheck=",
        "-pyflakes=",
    ]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    for workflow in WORKFLOWS:
        for action in re.findall(r"uses: (\S+.*)", workflow.read_text()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@dataclass
class Runner:
    """Runs a job's steps as GitHub does: a fresh checkout, artifacts that other jobs see.

    Attributes:
        done: The example, with its stack.
        registry: What ghcr.io is here.
        event: What happened: `push` or `pull_request`.
        jobs: How many were run.
    """

    done: Played
    registry: Registry
    event: str = "push"
    jobs: int = 0

    def run(self, name: str) -> str:
        """Run a job, and return what its commands printed."""
        job = yaml.safe_load(EXAMPLE.read_text())["jobs"][name]
        self.jobs += 1
        checkout = shutil.copytree(self.done.root, self.done.root.parent / f"checkout{self.jobs}")
        shell = Shell(Path(checkout), self.environ, {"ghcr.io": self.registry.address})
        return "".join(self._step(step, shell) for step in job["steps"] if self._is_wanted(step))

    @property
    def environ(self) -> dict[str, str]:
        """What the steps see."""
        return {**self.done.shell.environ, "PULUMI_STACK": "dev", "GITHUB_ACTOR": USER}

    def _is_wanted(self, step: dict[str, Any]) -> bool:
        conditions = {None: True, "github.event_name == 'push'": self.event == "push"}
        return conditions[step.get("if")]

    def _step(self, step: dict[str, Any], shell: Shell) -> str:
        artifacts = self.done.root.parent / "artifacts"
        artifacts.mkdir(exist_ok=True)
        action = step.get("uses", "").partition("@")[0]
        if action == "actions/upload-artifact":
            shutil.copy2(shell.folder / step["with"]["path"], artifacts)
        elif action == "actions/download-artifact":
            shutil.copytree(artifacts, shell.folder, dirs_exist_ok=True)
        elif "run" in step and step["name"] != INSTALLS:
            given = {"${{ github.token }}": PASSWORD}
            environ = {key: given[value] for key, value in step.get("env", {}).items()}
            return Shell(shell.folder, {**shell.environ, **environ}, shell.meaning).run(step["run"])
        return ""


@pytest.mark.usefixtures("docker_engine")
def test_a_pull_request_writes_nothing_and_a_push_does_what_its_plan_says(
    tmp_path: Path, registry_with_auth: Registry, repository_name: str
) -> None:
    registry, repository = registry_with_auth, repository_name.lower()
    meaning = {"ghcr.io/OWNER/api": f"{registry.address}/{repository}", "git add": "git init --quiet; git add"}
    done = play("github-actions", tmp_path, meaning)
    runner = Runner(done, registry, "pull_request")
    before = contents(done.project.private / "backend")
    said = runner.run("preview")
    (uri,) = set(re.findall(rf"{registry.address}/{repository}:\w+", said))
    assert contents(done.project.private / "backend") == before
    assert [request for request in registry.requests() if repository in request.path] == []
    assert not (tmp_path / "artifacts" / "plan.json").exists()

    runner.event = "push"
    assert uri in runner.run("preview")
    assert registry.tags(repository) == []
    assert uri in runner.run("up")
    assert registry.tags(repository) == [uri.rpartition(":")[2]]

    (done.root / "api" / "settings.json").write_text('{"greeting": "good day"}')
    assert "settings.json" in runner.run("preview")
    (done.root / "api" / "settings.json").write_text('{"greeting": "good night"}')
    with pytest.raises(AssertionError, match="violates plan"):
        runner.run("up")
    assert registry.tags(repository) == [uri.rpartition(":")[2]]


def contents(folder: Path) -> dict[Path, bytes]:
    """Return all files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
