"""Running other programs and finding them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
TOOLS = REPO / ".tools"
TOOLS_BIN = TOOLS / "bin"
VENV = REPO / ".venv"


class SetupError(Exception):
    """Something is missing that cannot be made here; says what to install."""


@contextmanager
def ending_in_a_line(name: str) -> Iterator[None]:
    """End this program with one line, if something is missing or somebody has pressed Ctrl-C.

    Args:
        name: How the line begins.
    """
    try:
        yield
    except SetupError as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        # What a shell makes of SIGINT.
        sys.exit(130)


def say(text: str) -> None:
    """Tell the user what takes time now."""
    print(f"setup: {text}", flush=True)


def run_quietly(command: Sequence[str | Path], *, cwd: Path = REPO, environ: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed; its output is shown only if it does not.

    Raises:
        SetupError: It failed.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        printed = done.stdout.decode(errors="replace")
        raise SetupError(f"failed with code {done.returncode}: {' '.join(map(str, command))}\n{printed}")


def output(command: Sequence[str | Path]) -> str:
    """Return what a command prints, nothing if it fails or does not exist."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def find(program: str) -> Path | None:
    """Return where a program is: on PATH, or among those made here."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), str(TOOLS_BIN)]))
    return Path(found) if found else None


def version(text: str) -> tuple[int, ...]:
    """Return the first dotted version number of a text; () if it holds none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()
