"""The outline and what it says of a change (R40)."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, describe_change
from image_assets.context.outline import LIMIT, outline
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
