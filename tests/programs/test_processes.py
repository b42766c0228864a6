"""Which processes run no more."""

import os
import subprocess
import sys

from image_assets.programs import processes


def test_a_process_that_runs_is_not_over() -> None:
    assert not processes.is_over(processes.own_name())


def test_a_process_that_ended_is_over() -> None:
    code = "from image_assets.programs import processes; print(processes.own_name())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert processes.is_over(done.stdout.strip())


def test_a_later_process_of_the_same_number_is_another() -> None:
    pid, started, place = processes.own_name().split("-")
    assert processes.is_over(f"{pid}-{int(started) + 1}-{place}")


def test_a_process_of_another_machine_may_run() -> None:
    assert not processes.is_over(f"{os.getpid()}-1-{'0' * 12}")


def test_users_of_a_folder_are_found_by_their_environment() -> None:
    value = f"/no/such/folder/{os.urandom(8).hex()}"
    with subprocess.Popen(["sleep", "60"], env={**os.environ, "DOCKER_CONFIG": value}) as process:
        try:
            assert list(processes.with_variable_value(value)) == [process.pid]
        finally:
            process.kill()


def test_a_process_that_nobody_has_waited_for_is_over() -> None:
    """As in a container whose first process is no init."""
    code = "from image_assets.programs import processes; print(processes.own_name(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        name = process.stdout.readline().decode().strip()
        assert not processes.is_over(name)
        assert processes.is_there(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert processes.is_over(name)
        assert not processes.is_there(process.pid)
