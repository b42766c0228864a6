"""The code blocks of the pages that users read, and a shell in which their commands are run."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.paths import REPO
from tests.support.project import Project

_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
SHELLS = {"console", "sh", "bash"}

#: Blocks that no test runs, by page and by how they begin, with the reason. They are checked for their syntax.
NOT_RUN: Mapping[tuple[str, str], str] = {
    ("README.md", "make demo"): "builds the tools anew, and is this test suite",
    ("examples/README.md", "make setup"): "builds the tools anew, and takes a registry from Docker Hub",
    ("docs/retention.md", "# Kubernetes"): "asks a cluster and AWS's own command line",
}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: The page, relative to the repository.
        line: The line of its first fence.
        language: What stands behind the fence.
        text: What stands in it.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def commands(self) -> str:
        """What a user types: the lines with a prompt if there are any, with what they go on with, else all."""
        lines = self.text.splitlines()
        if not any(line.startswith(_PROMPT) for line in lines):
            return self.text
        return "".join(f"{line.removeprefix(_PROMPT)}\n" for line in lines if line.startswith(_PROMPT))

    @property
    def is_run(self) -> bool:
        """Whether a test is to run it."""
        return not any(self.page == page and self.text.startswith(begin) for page, begin in NOT_RUN)


def pages() -> Iterator[str]:
    """Yield the pages with blocks, relative to the repository."""
    found = [REPO / "README.md", *(REPO / "docs").rglob("*.md"), *(REPO / "examples").rglob("README.md")]
    for path in sorted(found):
        if "node_modules" not in path.parts:
            yield path.relative_to(REPO).as_posix()


def blocks(page: str) -> list[Block]:
    """Return a page's blocks in order."""
    text = (REPO / page).read_text()
    return [
        Block(page, text[: found.start()].count("\n") + 1, found["language"], found["text"])
        for found in _FENCE.finditer(text)
    ]


def shell_blocks(page: str) -> list[Block]:
    """Return the blocks with commands."""
    return [block for block in blocks(page) if block.language in SHELLS]


@dataclass
class Shell:
    """A user's terminal.

    Attributes:
        folder: The folder that it is in; it stays in the one where the last command left it.
        environ: Its variables.
        meaning: What texts of the pages are here: a registry's address for another.
    """

    folder: Path
    environ: Mapping[str, str]
    meaning: Mapping[str, str] = field(default_factory=dict)

    def run(self, text: str) -> str:
        """Type commands, each of which must succeed, and return what they print."""
        for shown, real in self.meaning.items():
            text = text.replace(shown, real)
        with tempfile.NamedTemporaryFile("r") as place:
            script = f"set -euo pipefail\ntrap 'pwd > \"{place.name}\"' EXIT\n{text}"
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                stdout, stderr = process.communicate(timeout=240)
            except subprocess.TimeoutExpired:
                # What the commands have started would stay.
                os.killpg(process.pid, signal.SIGKILL)
                raise
            assert process.returncode == 0, f"{text}\nended with {process.returncode}:\n{stdout}\n{stderr}"
            self.folder = Path(place.read().strip())
        return stdout

    def play(self, page: str) -> list[str]:
        """Type the commands of a page, and return what each block printed."""
        return [self.run(block.commands) for block in shell_blocks(page) if block.is_run]


def at_home(project: Project, meaning: Mapping[str, str]) -> Shell:
    """Open the terminal of a project's user, who confirms everything; the commands make the stack."""
    project.prepare()
    return Shell(project.folder, {**project.isolated_environ, "PULUMI_SKIP_CONFIRMATIONS": "true"}, meaning)
