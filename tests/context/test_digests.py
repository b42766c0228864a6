"""The digest cache: faster, never wrong (R26), and no harm whatever becomes of its file."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, DigestCache, fingerprint
from image_assets.context.digests import is_settled, key_of
from image_assets.task import Task
from tests.context.opened import opened

_LONG_AGO = 1_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "digests"


def settle(root: Path) -> None:
    """Wait until the files are old enough to be remembered: ctime cannot be set."""
    newest = max(path.lstat().st_ctime for path in root.rglob("*"))
    time.sleep(max(0.0, newest + 2.1 - time.time()))


def digest_of(root: Path, cache: DigestCache | None) -> str:
    return fingerprint((), {"": ContextSpec(root)}, Task(), cache).digest


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A context of files that are old enough."""
    root = tmp_path_factory.mktemp("settled")
    (root / "a").write_text("a")
    (root / "run").write_text("b")
    (root / "run").chmod(0o755)
    (root / "large").write_bytes(b"x" * 400_000)
    (root / "empty").touch()
    settle(root)
    return root


def test_a_second_run_opens_no_file_and_says_the_same(settled: Path, file: Path) -> None:
    first = digest_of(settled, DigestCache(file))
    assert first == digest_of(settled, None)
    remembered = DigestCache(file)
    assert len(remembered.known()) == 4
    with opened() as paths:
        assert digest_of(settled, remembered) == first
    assert not [path for path in paths if path.startswith(f"{settled}/") and path != f"{settled}/"]


def test_a_file_of_the_same_size_with_a_restored_mtime_is_seen(tmp_path: Path, file: Path) -> None:
    root = tmp_path / "context"
    root.mkdir()
    (root / "a").write_text("one")
    settle(root)
    cache = DigestCache(file)
    before = digest_of(root, cache)
    status = (root / "a").stat()
    (root / "a").write_text("two")
    os.utime(root / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest_of(root, cache) != before
    assert digest_of(root, DigestCache(file)) == digest_of(root, None)


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path, file: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "a").write_text("a")
    digest_of(tmp_path / "context", DigestCache(file))
    assert not DigestCache(file).known()


def test_a_file_from_the_future_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.utime(path, (time.time() + 1e6, time.time() + 1e6))
    assert not is_settled(path.stat(), time.time_ns())


def test_a_change_of_the_executable_bit_is_seen(settled: Path, file: Path, tmp_path: Path) -> None:
    cache = DigestCache(file)
    before = digest_of(settled, cache)
    (settled / "a").chmod(0o755)
    try:
        assert digest_of(settled, cache) != before
    finally:
        (settled / "a").chmod(0o644)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[:-1],
    "cut at a record": lambda content: content[:-72],
    "a flipped bit": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "another version": lambda content: content.replace(b"digests 1", b"digests 2"),
    "empty": lambda _: b"",
    "the magic alone": lambda content: content[:23],
    "noise": lambda _: os.urandom(1000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_counts_as_empty_and_is_replaced(settled: Path, file: Path, damage: str) -> None:
    right = digest_of(settled, DigestCache(file))
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    damaged = DigestCache(file)
    assert not damaged.known()
    assert digest_of(settled, damaged) == right
    assert DigestCache(file).known()


def test_a_cache_that_cannot_be_read_or_written_does_no_harm(settled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "digests").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "file" / "digests", tmp_path / "folder" / "digests", tmp_path / "pipe", Path("/proc/x/y")):
        assert digest_of(settled, DigestCache(path)) == digest_of(settled, None)


def test_the_cache_keeps_no_more_than_its_limit_and_the_newest(file: Path) -> None:
    for start in range(0, 30, 10):
        DigestCache(file, limit=15).add({bytes(39) + bytes([number]): bytes(32) for number in range(start, start + 10)})
    assert {key[-1] for key in DigestCache(file).known()} == set(range(15, 30))
    assert file.stat().st_size == 23 + 15 * 72 + 32


def test_two_processes_add_to_one_cache(file: Path) -> None:
    one, other = DigestCache(file), DigestCache(file)
    assert not one.known()
    assert not other.known()
    one.add({bytes(40): bytes(32)})
    other.add({bytes([1]) * 40: bytes(32)})
    assert len(DigestCache(file).known()) == 2


def test_the_file_is_the_users_alone(settled: Path, file: Path) -> None:
    digest_of(settled, DigestCache(file))
    assert file.stat().st_mode & 0o077 == 0


def test_a_kill_while_it_is_written_leaves_a_whole_cache(file: Path) -> None:
    script = (
        "import sys, pathlib, itertools; from image_assets.context import digests\n"
        "digests._SAVE_INTERVAL = 0\n"
        "cache = digests.DigestCache(pathlib.Path(sys.argv[1])); print(flush=True)\n"
        "for n in itertools.count():\n"
        "    cache.add({(n * 1000 + i).to_bytes(40): bytes(32) for i in range(1000)})\n"
    )
    for delay in (0.02, 0.05, 0.11, 0.23):
        environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            [sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, env=environ
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert not file.exists() or DigestCache(file).known()


def test_what_a_kill_left_behind_is_swept_away_later(file: Path) -> None:
    file.parent.mkdir()
    left = file.with_name("digests.abc.new")
    left.touch()
    os.utime(left, (1, 1))
    DigestCache(file).add({bytes(40): bytes(32)})
    assert [path.name for path in file.parent.iterdir()] == ["digests"]


def test_fingerprints_in_many_threads_share_one_cache(settled: Path, file: Path) -> None:
    cache = DigestCache(file)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(digest_of(settled, cache))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {digest_of(settled, None)}
    assert len(found) == 50


def test_the_users_cache_follows_the_xdg_rules() -> None:
    def path(**environ: str) -> str | None:
        cache = DigestCache.of_user(environ)
        return str(cache.path) if cache else None

    assert path(XDG_CACHE_HOME="/x", HOME="/h") == "/x/image-assets/digests"
    assert path(HOME="/h") == "/h/.cache/image-assets/digests"
    assert path() is None


def test_a_key_tells_apart_what_the_file_system_tells_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    assert key_of((tmp_path / "a").stat()) != key_of((tmp_path / "b").stat())


def test_a_cache_inside_the_context_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    settle(tmp_path)
    cache = DigestCache(tmp_path / "cache" / "digests")
    assert digest_of(tmp_path, cache) == digest_of(tmp_path, cache)
    assert not (tmp_path / "cache").exists()
