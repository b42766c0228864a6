"""The memory of what was published: small, bounded, shared, and safe to lose."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from image_assets.transfer.blob_memory import BlobMemory, PackedLayer

LAYER = PackedLayer("sha256:" + "a" * 64, 10, "gzip", 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "blobs.json"


def saved(path: Path, count: int = 1) -> BlobMemory:
    known = BlobMemory(path)
    for at in range(count):
        known.remember(f"d{at}", "v", LAYER)
        known.note_repository("r", f"b{at}", "repo")
    known.save()
    return known


def test_another_process_finds_what_was_saved(path: Path) -> None:
    saved(path)
    assert BlobMemory(path).layer("d0", "v") == LAYER
    assert BlobMemory(path).repositories_with("r", "b0") == ("repo",)


def test_a_running_process_sees_what_another_one_saves(path: Path) -> None:
    running = BlobMemory(path)
    assert running.layer("d0", "v") is None
    saved(path)
    assert running.layer("d0", "v") == LAYER


def test_two_writers_lose_nothing(path: Path) -> None:
    one, two = BlobMemory(path), BlobMemory(path)
    one.remember("d1", "v", LAYER)
    two.remember("d2", "v", LAYER)
    one.save()
    two.save()
    assert all(BlobMemory(path).layer(name, "v") for name in ("d1", "d2"))


def test_the_way_of_packing_and_the_registry_count(path: Path) -> None:
    known = saved(path)
    assert known.layer("d0", "other") is None
    assert known.repositories_with("other", "b0") == ()


@pytest.mark.parametrize(
    "damage",
    [b"", b"x", b'image-assets blobs 1 sha256:0\n{"layers":{},"places":{}}', b"\xff\xfe", b"{}" * 1000],
    ids=["empty", "short", "wrong checksum", "no text", "other format"],
)
def test_a_damaged_file_says_nothing_and_is_replaced(path: Path, damage: bytes) -> None:
    saved(path)
    path.write_bytes(damage)
    known = BlobMemory(path)
    assert known.layer("d0", "v") is None
    known.remember("d5", "v", LAYER)
    known.save()
    assert BlobMemory(path).layer("d5", "v") == LAYER


def test_a_changed_digest_is_noticed(path: Path) -> None:
    saved(path)
    path.write_text(path.read_text().replace("aaaa", "bbbb", 1))
    assert BlobMemory(path).layer("d0", "v") is None


def test_a_file_that_others_can_write_is_not_believed(path: Path) -> None:
    """What it says decides what a tag's manifest names."""
    saved(path)
    path.chmod(0o666)
    assert BlobMemory(path).layer("d0", "v") is None


def test_only_its_user_can_read_it(path: Path) -> None:
    saved(path)
    assert path.stat().st_mode & 0o077 == 0


def test_it_is_bounded_and_forgets_what_was_not_used_for_longest(path: Path) -> None:
    known = saved(path, 4096)
    assert known.layer("d0", "v")
    known.remember("new", "v", LAYER)
    known.save()
    again = BlobMemory(path)
    assert (again.layer("d0", "v"), again.layer("d1", "v")) == (LAYER, None)
    assert path.stat().st_size < 2_000_000


def test_few_places_are_kept_the_latest_first(path: Path) -> None:
    known = saved(path)
    for at in range(9):
        known.note_repository("r", "b", f"repo{at}")
    assert known.repositories_with("r", "b") == ("repo8", "repo7", "repo6", "repo5")


def test_nothing_new_writes_nothing(path: Path) -> None:
    known = saved(path)
    before = path.stat().st_mtime_ns
    known.note_repository("r", "b0", "repo")
    known.save()
    assert path.stat().st_mtime_ns == before


def test_a_place_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    known = saved(tmp_path / "file" / "blobs.json")
    assert known.layer("d0", "v") == LAYER


def test_many_threads_may_use_it(path: Path) -> None:
    known = BlobMemory(path)

    def use(number: int) -> None:
        known.remember(f"d{number}", "v", LAYER)
        known.layer("d0", "v")
        known.save()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(64)))
    again = BlobMemory(path)
    assert all(again.layer(f"d{number}", "v") for number in range(64))
    assert list(path.parent.iterdir()) == [path]


def test_it_lies_where_the_users_caches_lie() -> None:
    assert BlobMemory.of_user({"XDG_CACHE_HOME": "/c"})._path == Path("/c/image-assets/blobs.json")
    assert BlobMemory.of_user({"HOME": "/h"})._path == Path("/h/.cache/image-assets/blobs.json")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"XDG_CACHE_HOME": "here"}])
def test_a_user_without_a_directory_has_a_memory_that_ends_with_the_process(environ: dict[str, str]) -> None:
    memory = BlobMemory.of_user(environ)
    memory.note_repository("r.io", "sha256:a", "app")
    memory.save()
    assert memory.repositories_with("r.io", "sha256:a") == ("app",)
    assert BlobMemory.of_user(environ).repositories_with("r.io", "sha256:a") == ()
