"""What is left to be done when a process is killed, and only then."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, signal, sys
from image_assets.programs.if_killed import IfKilled
IfKilled(("sh", "-c", 'echo "$1" > "$0"', sys.argv[1], "ran"))
print("ready", flush=True)
sys.stdin.readline()
{end}
"""
ENDS = {"killed": "os.kill(0, signal.SIGKILL)", "faulty": "os.abort()", "ended": "sys.exit()", "failed": "1 / 0"}


@pytest.mark.parametrize(("end", "runs"), [("killed", True), ("faulty", True), ("ended", False), ("failed", False)])
def test_a_program_runs_only_if_the_process_was_killed(end: str, runs: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Nor does what kills the process with its group reach it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(end=ENDS[end]), tmp_path / "said"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    (shell,) = children(process.pid)
    watch = os.pidfd_open(shell)
    process.communicate(b"\n", timeout=20)
    assert select.select([watch], [], [], 20)[0]
    assert (tmp_path / "said").exists() is runs
    assert process.returncode == {"killed": -signal.SIGKILL, "faulty": -signal.SIGABRT, "ended": 0, "failed": 1}[end]


RUNNING = """
import sys, threading, time
from image_assets.programs.command import Command
from image_assets.programs.if_killed import IfKilled
from image_assets.programs.runner import LocalRunner
IfKilled(("sh", "-c", 'echo "$1" > "$0"', sys.argv[1], "ran"))
command = Command(("sh", "-c", "sleep 61 & echo $$ $!; wait"))
LocalRunner().run(Command(("true",)), threading.Event())
LocalRunner().run(command, threading.Event(), lambda line: print(line, flush=True))
"""


def test_what_a_killed_process_has_started_is_ended_without_the_systems_lists(tmp_path: Path) -> None:
    """Its children too: whoever is killed cannot tell them, and only Linux says who was given what."""
    process = subprocess.Popen([sys.executable, "-c", RUNNING, tmp_path / "said"], stdout=subprocess.PIPE)
    assert process.stdout
    watches = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
    assert len(watches) == 2
    assert select.select(watches, [], [], 0)[0] == []
    process.kill()
    for watch in watches:
        assert select.select([watch], [], [], 20)[0], watch
    process.communicate(timeout=20)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
