"""Parts of one stream are sent several at once, in bounded memory; progress is told seldom."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from image_assets.errors import CancelledByUserError
from image_assets.task import Task
from image_assets.transfer.jobs import jobs_of
from image_assets.transfer.progress import Progress
from image_assets.transfer.streaming import Pipe, held, send_while_reading

MB = 1_000_000
Read = Callable[[], Iterator[bytes]]


def unread() -> Iterator[bytes]:
    raise AssertionError("read a second time")


def joined(read: Read) -> bytes:
    return b"".join(read())


def test_what_goes_in_comes_out() -> None:
    with jobs_of(Task()) as jobs:
        futures = [send_while_reading(jobs, [bytes([at])] * 1000, unread, joined) for at in range(20)]
        jobs.settle()
        assert [future.result() for future in futures] == [bytes([at]) * 1000 for at in range(20)]


def test_a_part_may_not_run_far_ahead_of_its_upload() -> None:
    taken = []
    go_on = threading.Event()

    def chunks() -> Iterator[bytes]:
        for at in range(100):
            taken.append(at)
            yield bytes(MB)

    def slow(read: Read) -> int:
        parts = read()
        next(parts)
        go_on.wait(20)
        return sum(map(len, parts))

    with jobs_of(Task()) as jobs:
        thread = threading.Thread(target=send_while_reading, args=(jobs, chunks(), unread, slow))
        thread.start()
        time.sleep(0.3)
        assert len(taken) < 12
        go_on.set()
        thread.join()
        jobs.settle()
    assert len(taken) == 100


def test_an_upload_that_starts_again_reads_the_part_anew() -> None:
    def twice(read: Read) -> bytes:
        next(read())
        return b"".join(read())

    with jobs_of(Task()) as jobs:
        future = send_while_reading(jobs, [bytes(MB)] * 50, lambda: iter([b"again"]), twice)
        jobs.settle()
        assert future.result() == b"again"


def test_an_upload_that_needs_no_bytes_lets_the_stream_go_on() -> None:
    with jobs_of(Task()) as jobs:
        assert send_while_reading(jobs, [bytes(MB)] * 50, unread, lambda _read: 7).result() == 7


def test_the_first_failure_ends_the_rest() -> None:
    def failing(read: Read) -> bytes:
        next(read())
        raise ValueError("first")

    def all_parts() -> None:
        with jobs_of(Task()) as jobs:
            send_while_reading(jobs, [b"x"] * 10, unread, failing)
            for _ in range(10):
                send_while_reading(jobs, [bytes(MB)] * 50, unread, joined)
            jobs.settle()

    with pytest.raises(ValueError, match="first"):
        all_parts()


def test_a_stream_that_fails_fails_its_upload() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"), jobs_of(Task()) as jobs:
        send_while_reading(jobs, chunks(), unread, joined)


def test_a_cancelled_deployment_ends_a_part_that_waits() -> None:
    task = Task()
    timer = threading.Timer(0.2, task.cancelled.set)

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(MB)

    def stuck(read: Read) -> None:
        next(read())
        time.sleep(1)

    timer.start()
    started = time.monotonic()
    with pytest.raises(CancelledByUserError), jobs_of(task) as jobs:
        send_while_reading(jobs, endless(), unread, stuck)
    assert time.monotonic() - started < 10


def test_progress_is_told_at_most_twice_a_second() -> None:
    lines: list[str] = []
    now = [0.0]
    progress = Progress(Task(status=lines.append), 10 * MB, lambda: now[0])
    one, two = progress.counter(), progress.counter()
    for at in range(100):
        now[0] = at / 50
        one(at * 50_000)
        two(at * 50_000)
    assert lines == ["pushing 0/10 MB", "pushing 2/10 MB", "pushing 4/10 MB", "pushing 7/10 MB"]


def test_a_part_that_starts_again_is_not_counted_twice() -> None:
    lines: list[str] = []
    now = [0.0]
    report = Progress(Task(status=lines.append), 10 * MB, lambda: now[0]).counter()
    report(8 * MB)
    now[0] = 1
    report(0)
    assert lines == ["pushing 8/10 MB", "pushing 0/10 MB"]


class _FullError(Exception):
    """A pipe would wait now."""


def test_many_blobs_that_wait_for_few_transfers_hold_little_together() -> None:
    """Each fits into its own pipe, and all of them would be hundreds of megabytes."""

    def full() -> None:
        raise _FullError

    before, pipes, waiting = held.size, [Pipe(full, unread) for _ in range(100)], 0
    for pipe in pipes:
        with contextlib.suppress(_FullError):
            pipe.fill([bytes(MB)] * 7, lambda: False)
            continue
        waiting += 1
    assert waiting > 80
    # Every blob may go on with one chunk, or a transfer that has begun would wait for those that have not.
    assert held.size - before < 96 * 2**20 + 100 * MB
    for pipe in pipes:
        pipe.close()
    assert held.size == before
