"""The outline and what it says of a change (R40)."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, describe_change, fingerprint
from image_assets.context.outline import LIMIT, outline
from image_assets.task import Task
from tests.context.looking import fingerprint_of


def records(files: Iterable[str], content: str = "") -> list[bytes]:
    """Make the records of files, with all their directories."""
    found = set()
    for path in files:
        parts = path.split("/")
        found |= {("/".join(parts[:end]) + "\0d").encode() for end in range(1, len(parts))}
        found.add(f"{path}\0f{content}".encode())
    return sorted(found)


def test_a_small_context_has_a_row_for_each_entry() -> None:
    assert list(outline(records(["a", "b/c", "b/d/e"]))) == ["a", "b/", "b/c", "b/d/", "b/d/e"]


def test_there_are_never_more_rows_than_the_limit() -> None:
    many = [f"d{one}/e{two}/f{three}" for one in range(30) for two in range(30) for three in range(30)]
    rows = outline(records(many))
    assert len(rows) <= LIMIT
    assert "d0/e0/" in rows


def test_small_directories_are_shown_and_large_ones_collapse() -> None:
    rows = outline(records([*(f"large/{n}" for n in range(2000)), "small/a", "b"]))
    assert set(rows) == {"b", "large/", "small/", "small/a"}


def test_a_root_with_too_many_entries_is_one_row() -> None:
    assert set(outline(records(map(str, range(2000))))) == {"./"}


def test_a_change_names_what_was_added_removed_and_changed() -> None:
    old = outline(records(["same", "gone", "x/a"]))
    new = outline(sorted({*records(["same", "x/new"]), *records(["x/a"], "changed")}))
    change = describe_change(old, new)
    assert (change.added, change.removed, change.changed) == (("x/new",), ("gone",), ("x/a",))
    assert str(change) == "~ x/a, + x/new, - gone"


def test_the_text_is_bounded_and_counts_the_rest() -> None:
    change = describe_change({}, outline(records(f"f{n}" for n in range(100, 117))))
    assert str(change) == "+ f100, + f101, + f102, + f103, + f104 and 12 more"


def test_nothing_changed_is_no_text() -> None:
    rows = outline(records(["a", "b/c"]))
    assert str(describe_change(rows, rows)) == ""


def test_a_change_in_a_collapsed_directory_names_the_directory() -> None:
    files = [f"large/{n}" for n in range(2000)]
    old = outline(records([*files, "b"]))
    new = outline(records([*files, "large/new", "b"]))
    assert describe_change(old, new).changed == ("large/",)


def test_outlines_that_collapse_differently_are_compared_by_their_sums() -> None:
    many = [f"d{one}/e{two}" for one in range(10) for two in range(10)]
    wide, narrow = outline(records(many)), outline(records(many), 20)
    assert set(wide) != set(narrow)
    assert describe_change(wide, narrow) == describe_change(narrow, wide) == describe_change(wide, wide)
    changed = outline(records([*many, "d3/new"]), 20)
    assert describe_change(wide, changed).changed == ("d3/",)
    assert describe_change(changed, wide).changed == ("d3/",)


def test_a_file_in_a_directory_that_was_empty_is_added() -> None:
    old, new = outline([b"a\0d"]), outline(records(["a/b"]))
    assert describe_change(old, new).added == ("a/b",)


def test_two_files_that_swap_their_contents_in_a_collapsed_directory_change_its_row() -> None:
    """The CRC-32s of all records add up to the same before and after: these two were searched for."""
    rest = records(f"d/{n}" for n in range(1100))
    one, other = ([b"d/blue\0f" + a, b"d/green\0f" + b] for a, b in ((b"v504", b"v159"), (b"v159", b"v504")))
    assert sum(map(zlib.crc32, one)) == sum(map(zlib.crc32, other))
    assert describe_change(outline(sorted(rest + one)), outline(sorted(rest + other))).changed == ("d/",)


@pytest.mark.parametrize("prefix", ["", "lib://"])
def test_a_root_that_grows_too_large_is_named_and_nothing_else(prefix: str) -> None:
    def rows(count: int) -> dict[str, str]:
        return {prefix + path: row for path, row in outline(records(f"f{n}" for n in range(count)), 1000).items()}

    small, large = rows(1000), rows(1001)
    assert set(large) == {prefix + "./"}
    assert describe_change(small, large).changed == describe_change(large, small).changed == (prefix + "./",)
    beside = {"main": "1", "(Dockerfile)": "2"} if prefix else {"lib://x": "1", "(Dockerfile)": "2"}
    assert describe_change(small | beside, large | beside) == describe_change(small, large)
    assert describe_change(rows(999), small).added == (f"{prefix}f999",)


def test_rows_of_different_contexts_never_meet(root: Path) -> None:
    for path in ("lib:x", "b:c", "c", "x", "a\nb", "a\\nb"):
        (root / path).write_text(path)
    names = ("", "lib", "a", "a:b")
    rows = fingerprint((), {name: ContextSpec(root) for name in names}, Task(), None).outline
    assert len(rows) == 6 * len(names)


def test_an_entry_beside_a_directory_of_a_similar_name_is_kept_apart() -> None:
    rows = outline(records(["a/x", "a-b", "a.b/y"]))
    assert set(rows) == {"a/", "a-b", "a.b/", "a.b/y", "a/x"}


def test_the_dockerfile_has_a_row_of_its_own_only_if_it_is_no_entry(root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    for path in (root / "Dockerfile", tmp_path / "Dockerfile"):
        path.write_text("FROM scratch\n")
    assert "(Dockerfile)" not in fingerprint_of(ContextSpec(root, root / "Dockerfile")).outline
    assert "(Dockerfile)" not in fingerprint_of(ContextSpec(root, root / "sub" / ".." / "Dockerfile")).outline
    assert "(Dockerfile)" in fingerprint_of(ContextSpec(root, tmp_path / "Dockerfile")).outline


def test_a_change_of_what_a_linked_dockerfile_leads_to_is_named(root: Path) -> None:
    (root / "docker").mkdir()
    (root / "docker" / "D").write_text("FROM scratch\n")
    (root / "Dockerfile").symlink_to("docker/D")
    (root / ".dockerignore").write_text("docker\n")
    old = fingerprint_of(ContextSpec(root, root / "Dockerfile"))
    (root / "docker" / "D").write_text("FROM scratch AS other\n")
    new = fingerprint_of(ContextSpec(root, root / "Dockerfile"))
    assert old.digest != new.digest
    assert describe_change(old.outline, new.outline).changed == ("(Dockerfile)",)


@pytest.mark.parametrize("count", [10, 3000])
def test_editing_one_file_of_a_real_context_names_it(root: Path, count: int) -> None:
    for number in range(count):
        folder = root / f"d{number // 100}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_text(str(number))
    (root / "a.py").touch()
    old = fingerprint_of(ContextSpec(root)).outline
    (root / "a.py").write_text("changed")
    assert str(describe_change(old, fingerprint_of(ContextSpec(root)).outline)) == "~ a.py"


def test_the_rows_of_a_very_deep_tree_stay_short() -> None:
    rows = outline(records(["d/" * 2000 + "file"]))
    assert max(map(len, rows)) < 1000
    changed = outline(records(["d/" * 2000 + "file"], "changed"))
    assert len(describe_change(rows, changed).changed) == 1
