"""Running programs: their output, their end, and what is left of them."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.errors import CancelledByUserError
from image_assets.programs.command import Command, CommandFailedError, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner, run_helper

NEVER = threading.Event()


def shell(script: str, **more: object) -> Command:
    return Command(("sh", "-c", script), **more)  # type: ignore[arg-type]  # the test names the fields


def cancelled_after(seconds: float) -> threading.Event:
    event = threading.Event()
    threading.Timer(seconds, event.set).start()
    return event


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def waits_until(fact: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.02)
    return fact()


def test_lines_of_both_outputs_come_while_the_program_runs() -> None:
    came: list[tuple[str, float]] = []
    script = "echo one; echo two >&2; sleep 0.5; printf three"
    LocalRunner().run(shell(script), NEVER, lambda line: came.append((line, time.monotonic())))
    assert sorted(line for line, _ in came[:2]) == ["one", "two"]
    assert came[2][0] == "three"
    assert came[2][1] - came[0][1] > 0.3


def test_the_code_and_each_output_are_kept_apart() -> None:
    finished = LocalRunner().run(shell("echo out; echo err >&2; exit 7"), NEVER)
    assert (finished.code, finished.output, finished.errors) == (7, b"out\n", b"err\n")


def test_of_an_endless_output_only_the_end_is_kept() -> None:
    lines = [0]

    def count(_line: str) -> None:
        lines[0] += 1

    finished = LocalRunner().run(shell("seq 1 1000000"), NEVER, count)
    assert lines == [1000000]
    assert len(finished.output) == 4 << 20
    assert finished.output.endswith(b"\n1000000\n")


def test_a_line_without_an_end_does_not_pile_up() -> None:
    longest = [0]
    LocalRunner().run(
        shell("head -c 10000000 /dev/zero"), NEVER, lambda line: longest.append(len(line))
    )  # fmt: skip
    assert sum(longest) == 10_000_000
    assert max(longest) < 2_000_000


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    lines: list[str] = []
    LocalRunner().run(shell(r"printf 'a\377b\r\n'"), NEVER, lines.append)
    assert lines == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_program_reads_what_it_is_given_and_runs_where_it_is_told(tmp_path: Path) -> None:
    finished = LocalRunner().run(shell("cat; pwd", stdin=b"x" * 300_000, directory=str(tmp_path)), NEVER)
    assert finished.output == b"x" * 300_000 + f"{tmp_path}\n".encode()


def test_a_program_need_not_read_what_it_is_given() -> None:
    assert LocalRunner().run(shell("exit 0", stdin=b"x" * 300_000), NEVER).code == 0


def test_a_program_has_the_environment_it_is_given_and_no_other() -> None:
    finished = LocalRunner().run(shell("env", environment={"PATH": os.environ["PATH"], "ONLY": "this"}), NEVER)
    names = {line.split(b"=")[0] for line in finished.output.splitlines()}
    assert b"ONLY" in names
    assert b"HOME" not in names


def test_a_daemon_left_behind_does_not_hold_us_up() -> None:
    started = time.monotonic()
    finished = LocalRunner().run(shell("sleep 60 & echo $!"), NEVER)
    assert time.monotonic() - started < 10
    assert is_running(int(finished.output))
    os.kill(int(finished.output), 9)


@pytest.mark.parametrize("ignores", ["", "trap '' TERM;"])
def test_cancelling_ends_the_program_and_all_it_started(ignores: str, tmp_path: Path) -> None:
    """R48."""
    script = f"{ignores} sleep 60 & echo $! > a; setsid sleep 61 & echo $! > b; echo $$ > c; wait; wait; sleep 62"
    started = time.monotonic()
    with pytest.raises(CancelledByUserError):
        LocalRunner().run(shell(script, directory=str(tmp_path)), cancelled_after(0.5))
    assert time.monotonic() - started < 10
    pids = [int((tmp_path / name).read_text()) for name in "abc"]
    assert waits_until(lambda: not any(map(is_running, pids)))


def test_a_program_that_takes_too_long_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(CommandTimeoutError, match=r"`sleep` did not end within 0\.3 s"):
        LocalRunner().run(Command(("sleep", "60"), timeout=0.3), NEVER)
    assert time.monotonic() - started < 10


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandMissingError, match="no-such-program"):
        LocalRunner().run(Command(("no-such-program",)), NEVER)


def test_a_listener_that_fails_ends_the_program(tmp_path: Path) -> None:
    def fail(_line: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LocalRunner().run(shell("echo $$ > pid; echo x; exec sleep 60", directory=str(tmp_path)), NEVER, fail)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_stream_gives_the_bytes_as_they_are() -> None:
    with LocalRunner().stream(shell("head -c 3000000 /dev/zero; echo err >&2"), NEVER) as stream:
        assert stream.read() == bytes(3_000_000)


def test_a_stream_of_a_program_that_fails_is_no_whole_stream() -> None:
    with (
        pytest.raises(CommandFailedError, match="code 3: why") as caught,
        LocalRunner().stream(shell("echo part; echo why >&2; exit 3"), NEVER) as stream,
    ):
        stream.read()
    assert (caught.value.code, caught.value.errors) == (3, b"why\n")


def test_a_stream_left_early_ends_the_program_without_an_error(tmp_path: Path) -> None:
    with LocalRunner().stream(shell("echo $$ > pid; cat /dev/zero", directory=str(tmp_path)), NEVER) as stream:
        stream.read(10)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_cancelling_cuts_a_stream_and_says_why() -> None:
    started = time.monotonic()
    with (
        pytest.raises(CancelledByUserError),
        LocalRunner().stream(shell("echo part; sleep 60"), cancelled_after(0.5)) as stream,
    ):
        stream.read(1000)
    assert time.monotonic() - started < 10


def test_a_stream_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandTimeoutError), LocalRunner().stream(shell("sleep 60", timeout=0.3), NEVER) as stream:
        stream.read()


def test_a_helper_answers_with_its_output() -> None:
    assert run_helper(["cat"], b"registry.example\n") == b"registry.example\n"


def test_a_helper_that_fails_tells_what_it_said() -> None:
    with pytest.raises(CommandFailedError) as caught:
        run_helper(["sh", "-c", "echo not found in native keychain; exit 1"], b"x")
    assert caught.value.output == b"not found in native keychain\n"


def test_no_thread_stays_behind() -> None:
    before = threading.active_count()
    for _ in range(2):
        LocalRunner().run(shell("seq 1 100000"), NEVER)
        with pytest.raises(CommandTimeoutError):
            LocalRunner().run(shell("cat /dev/zero", timeout=0.2), NEVER)
    assert waits_until(lambda: threading.active_count() <= before)


def test_nothing_given_to_a_program_shows_in_what_describes_it() -> None:
    assert "hunter2" not in repr(shell("true", stdin=b"hunter2", environment={"A": "hunter2"}))
