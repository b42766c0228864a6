"""A context that several processes read has the entries that one process finds."""

import itertools
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedWriter
from pathlib import Path
from typing import cast, get_args

import pytest

from image_assets.context import ContextSpec, DigestCache, fingerprint
from image_assets.context.content import LARGE
from image_assets.context.files import Files
from image_assets.context.large_files import LargeFile, LargeFiles
from image_assets.context.part import Order, Part
from image_assets.context.place import Places
from image_assets.context.reader import Reading
from image_assets.context.selection import Selection, select
from image_assets.context.spec import FollowSymlinks, IgnoreMode
from image_assets.context.tree import Tree
from image_assets.context.whole import Whole, read_context
from image_assets.context.workers import Workers
from image_assets.errors import CancelledByUserError, InputError
from image_assets.task import Task
from tests.context.cases import make_case

_CASES = range(400)
_WAYS = list(itertools.product(get_args(IgnoreMode), get_args(FollowSymlinks)))

needs_a_second_core = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="with one core there are no workers")


def alone(spec: ContextSpec) -> Reading:
    """Read a context; it is too small for a worker."""
    with ThreadPoolExecutor(1) as pool:
        return read_context(select(spec), pool, Task(), None)


def in_parts(spec: ContextSpec) -> Reading:
    """Read a context as a worker does that never comes to more than one directory."""
    reading, pending = Reading(), [""]
    with Places() as places, Places() as others, ThreadPoolExecutor(1) as pool:
        selection = select(spec)
        part = Part(Order(selection), places, seconds=0)
        tree = selection.tree(others, Task())
        large = LargeFiles(pool, Task())
        while pending:
            answer = part.read([pending.pop()])
            if answer.problems:
                raise InputError(answer.problems)
            reading.add(answer.reading)
            pending += answer.left
            for path, name, follow in answer.large:
                large.add(LargeFile(tree.place_of(path), name, path, follow))
        reading.records.extend(large.records(lambda status, digest: None))
    return reading


def with_workers(selection: Selection, cache: DigestCache | None = None) -> tuple[Reading, int]:
    """Read a context with workers from its first directory on; return how many answers they gave, too."""
    order = Order(selection, cache.path, cache.limit) if cache else Order(selection)
    task = Task()
    with ThreadPoolExecutor(1) as pool, Places() as places, Workers(order, task, patience=0) as workers:
        started(workers, selection.tree(places, task))
        large = LargeFiles(pool, task)
        whole = Whole(selection.tree(places, task), Files(task, cache, large.add), large)
        return whole.read(workers, cache), workers.answers


def started(workers: Workers, tree: Tree) -> Tree:
    """Wait until the first worker is ready, or has died; return the tree as if that had taken no time."""
    next(tree.listings())
    if workers._start_at != float("inf"):
        workers._start()
    while workers._starting:
        workers._collect(1)
    return tree


def children() -> Iterator[int]:
    """Yield the processes that this one has started."""
    for thread in Path("/proc/self/task").iterdir():
        yield from map(int, (thread / "children").read_text().split())


def add_links(root: Path) -> None:
    """Add links to a file, to a directory, to nowhere and to outside."""
    outside = root.parent / f"{root.name}-outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "file").write_text("outside")
    # One directory only: with links that lead up in several, `always` has more to follow than anybody waits for.
    directory = max((root, *filter(Path.is_dir, root.rglob("*"))))
    for name, target in (("to-up", ".."), ("to-nowhere", "none"), ("to-file", str(outside / "deep/file"))):
        (directory / name).symlink_to(target)
    (directory / "to-outside").symlink_to(outside)


def wide(root: Path, count: int = 3000) -> Path:
    """Make a tree that a worker surely gets to before it is read."""
    for number in range(count):
        directory = root / f"a{number % 7}" / f"b{number % 60}" / f"c{number}"
        directory.mkdir(parents=True)
        (directory / "file").write_text(str(number))
    (root / "a1" / os.fsdecode(b"caf\xe9\n")).mkdir()
    (root / "a1" / os.fsdecode(b"caf\xe9\n") / os.fsdecode(b"\xff")).write_text("odd name")
    (root / "a2" / "b2" / "large").write_bytes(bytes(LARGE))
    return root


def outcome(spec: ContextSpec, *, parts: bool) -> tuple[object, ...]:
    """Return all that reading a context tells, or why it is refused."""
    try:
        reading = in_parts(spec) if parts else alone(spec)
    except InputError:
        # Where there is more than one reason, the first that is met is told.
        return ("refused",)
    return reading.all_records(), reading.files, reading.size, sorted(reading.emptied), reading.weights


def test_parts_together_are_the_whole(tmp_path: Path) -> None:
    for number, (mode, follow) in zip(_CASES, itertools.cycle(_WAYS), strict=False):
        case = make_case(number)
        root = case.build(tmp_path / str(number))
        add_links(root)
        spec = ContextSpec(root, exclude=tuple(case.ignore.split("\n")), ignore_mode=mode, follow_symlinks=follow)
        assert outcome(spec, parts=True) == outcome(spec, parts=False), (case, mode, follow)


def test_a_directory_with_a_long_path_stays_with_who_came_upon_it(root: Path) -> None:
    fd = os.open(root, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=fd)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    try:
        assert in_parts(ContextSpec(root)).all_records() == alone(ContextSpec(root)).all_records()
    finally:
        shutil.rmtree(root)


@needs_a_second_core
def test_workers_read_a_part_of_it(root: Path) -> None:
    spec = ContextSpec(wide(root), exclude=("**/c1*", "!a1/b1/c1*"))
    reading, answers = with_workers(select(spec))
    expected = alone(spec)
    assert answers > 0
    assert reading.all_records() == expected.all_records()
    assert (reading.files, reading.size, reading.weights) == (expected.files, expected.size, expected.weights)


@needs_a_second_core
def test_what_workers_have_read_is_in_the_cache(root: Path, tmp_path: Path) -> None:
    for file in (path for path in wide(root).rglob("*") if path.is_file()):
        # Nothing that changed within the last two seconds is remembered, and ctime cannot be set.
        os.utime(file, (0, 0))
    cache = DigestCache(tmp_path / "cache" / "digests")
    threading.Event().wait(2.1)
    files = with_workers(select(ContextSpec(root)), cache)[0].files
    assert len(DigestCache(cache.path).known()) == files
    again, answers = with_workers(select(ContextSpec(root)), DigestCache(cache.path))
    assert answers > 0
    assert again.all_records() == alone(ContextSpec(root)).all_records()


@needs_a_second_core
def test_the_cache_takes_no_more_of_the_workers_than_it_keeps(root: Path, tmp_path: Path) -> None:
    wide(root)
    threading.Event().wait(2.1)
    cache = DigestCache(tmp_path / "cache" / "digests", limit=100)
    assert with_workers(select(ContextSpec(root)), cache)[1] > 0
    assert len(cache.known()) == len(DigestCache(cache.path).known()) == 100


@needs_a_second_core
def test_workers_end_with_who_started_them(root: Path) -> None:
    """A directory that takes long to list does not keep them."""
    for number in range(60_000):
        (root / f"f{number}").touch()
    (root / "d").mkdir()
    before = set(children())
    with Places() as places, Workers(Order(select(ContextSpec(root))), Task(), patience=0) as workers:
        tree = started(workers, select(ContextSpec(root)).tree(places, Task()))
        workers._left = [""]
        workers.exchange(tree)
        (worker,) = workers._busy
        cast("BufferedWriter", worker.peer.input).raw.close()
        (process,) = set(children()) - before
        deadline = time.monotonic() + 2
        while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)


@needs_a_second_core
def test_what_a_worker_refuses_is_refused(root: Path) -> None:
    (wide(root) / "a6" / "b6" / "c6" / "link").symlink_to("/etc")
    selection = select(ContextSpec(root, follow_symlinks="internal-only"))
    with pytest.raises(InputError, match="a6/b6/c6/link"):
        with_workers(selection)


@needs_a_second_core
def test_the_directories_of_a_worker_that_dies_are_read_by_another(root: Path) -> None:
    selection = select(ContextSpec(wide(root)))
    before = set(children())
    with Places() as places, Workers(Order(selection), Task(), patience=0) as workers:
        started(workers, selection.tree(places, Task()))
        tree = selection.tree(places, Task())
        listings = tree.listings()
        met = {next(listings).path for _ in range(3)}
        assert workers.exchange(tree) == []
        for worker in set(children()) - before:
            os.kill(worker, signal.SIGKILL)
        met |= {listing.path for listing in listings}
        answers: list[object] = []
        while found := workers.wait():
            answers += found[0]
            if not found[1]:
                break
            met |= {listing.path for listing in tree.listings(found[1])}
    assert answers == []
    assert met == {"", *(str(path.relative_to(root)) + "/" for path in root.rglob("*") if path.is_dir())}


@needs_a_second_core
@pytest.mark.parametrize("program", ["/bin/false", "/bin/true", "/nonexistent", ""])
def test_where_no_worker_starts_one_process_reads_all(
    root: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("sys.executable", program)
    reading, answers = with_workers(select(ContextSpec(wide(root, 100))))
    assert answers == 0
    assert reading.all_records() == alone(ContextSpec(root)).all_records()


@needs_a_second_core
def test_a_worker_that_does_not_get_ready_is_not_waited_for(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    selection, before = select(ContextSpec(wide(root, 100))), set(children())
    with ThreadPoolExecutor(1) as pool, Places() as places, Workers(Order(selection), Task(), patience=0) as workers:
        large = LargeFiles(pool, Task())
        reading = Whole(selection.tree(places, Task()), Files(Task(), None, large.add), large).read(workers, None)
        assert len(set(children()) - before) == 1
    assert set(children()) == before
    assert reading.all_records() == alone(ContextSpec(root)).all_records()


@needs_a_second_core
def test_what_a_late_worker_has_is_read_here(root: Path) -> None:
    selection, before = select(ContextSpec(wide(root, 500))), set(children())
    with ThreadPoolExecutor(1) as pool, Places() as places, Workers(Order(selection), Task(), patience=0) as workers:
        started(workers, selection.tree(places, Task()))
        (process,) = set(children()) - before
        os.kill(process, signal.SIGSTOP)
        large = LargeFiles(pool, Task())
        reading = Whole(selection.tree(places, Task()), Files(Task(), None, large.add), large).read(workers, None)
        assert workers.answers == 0
    assert reading.all_records() == alone(ContextSpec(root)).all_records()


@needs_a_second_core
def test_a_small_context_starts_no_worker_and_a_large_one_does(root: Path) -> None:
    """By the processor's time, so that other load makes no difference."""
    for count, is_worth_it in ((10, False), (20_000, True)):
        selection, before = select(ContextSpec(wide(root / str(count), count))), set(children())
        with ThreadPoolExecutor(1) as pool, Places() as places, Workers(Order(selection), Task()) as workers:
            large = LargeFiles(pool, Task())
            Whole(selection.tree(places, Task()), Files(Task(), None, large.add), large).read(workers, None)
            assert bool(set(children()) - before) == is_worth_it


@needs_a_second_core
def test_a_cancelled_task_ends_the_workers(root: Path) -> None:
    task = Task()
    selection = select(ContextSpec(wide(root)))
    before = set(children())
    with Places() as places, Workers(Order(selection), task, patience=0) as workers:
        workers.exchange(started(workers, selection.tree(places, task)))
        assert set(children()) - before
        task.cancelled.set()
        with pytest.raises(CancelledByUserError):
            workers.wait()
    assert set(children()) - before == set()


@needs_a_second_core
def test_a_large_context_has_its_fingerprint_with_and_without_workers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(root, 6_000)
    shared = fingerprint((), {"": ContextSpec(root)}, Task(), None)
    monkeypatch.setattr("sys.executable", "")
    assert fingerprint((), {"": ContextSpec(root)}, Task(), None).digest == shared.digest
