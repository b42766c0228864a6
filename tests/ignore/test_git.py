"""`ignoreMode: git` is git: generated trees and patterns, and what `git ls-files` says of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image_assets.context import ContextSpec
from image_assets.ignore.git import git_rules
from image_assets.ignore.ignorefile import read_raw_lines
from tests.context.cases import make_case
from tests.context.looking import counted
from tests.ignore.looking import included


def left_out(text: str, *paths: str) -> set[str]:
    return set(paths) - included(git_rules(read_raw_lines(text.encode(), "f")), paths)


def _listed_by_git(repository: Path, root: Path, ignore: Path) -> set[str]:
    options = ["--git-dir", str(repository / ".git"), "--work-tree", str(root), "-c", "core.excludesFile=/dev/null"]
    listing = ["ls-files", "--others", "-z", "--exclude-from", str(ignore)]
    done = subprocess.run(["git", *options, *listing], capture_output=True, check=True, cwd=root)
    return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}


def _differences(numbers: range, folder: Path) -> list[str]:
    subprocess.run(["git", "init", "-q", str(folder / "repository")], check=True, capture_output=True)
    wrong: list[str] = []
    for number in numbers:
        case = make_case(number)
        if any(".git" in path.split("/") for path in case.paths):
            continue
        root = case.build(folder / "root")
        dockerfile = folder / "Dockerfile"
        dockerfile.touch()
        ignore = folder / "Dockerfile.dockerignore"
        ignore.write_bytes(case.ignore.encode())
        ours = {path for path in counted(ContextSpec(root, dockerfile, "git")) if not path.endswith("/")}
        theirs = _listed_by_git(folder / "repository", root, ignore)
        if ours != theirs:
            wrong.append(f"{case}: {ours ^ theirs}")
        shutil.rmtree(root)
    return wrong


def test_300_generated_trees_are_what_git_lists(tmp_path: Path) -> None:
    assert _differences(range(300), tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_10000_generated_trees_are_what_git_lists(tmp_path: Path) -> None:
    assert _differences(range(1000, 11000), tmp_path) == []


def test_a_name_matches_at_any_depth_and_a_path_from_the_root() -> None:
    assert left_out("a\n/b\nc/d\n", "a", "x/a", "b", "x/b", "c/d", "x/c/d") == {"a", "x/a", "b", "c/d"}


def test_a_trailing_slash_matches_directories_only() -> None:
    assert left_out("a/", "a", "x/a/", "x/a/b") == {"x/a/", "x/a/b"}


def test_nothing_in_an_ignored_directory_can_be_included_again() -> None:
    assert left_out("a\n!a/b", "a/", "a/b") == {"a/", "a/b"}


def test_trailing_spaces_count_only_if_escaped() -> None:
    assert left_out("a  \nb\\ \n", "a", "b", "b ") == {"a", "b "}


def test_a_question_mark_is_one_byte() -> None:
    assert left_out("?", "a", "é") == {"a"}


def test_a_malformed_pattern_matches_nothing() -> None:
    assert left_out("a\\\n[\n[]\n", "a", "a\\", "[", "[]") == set()


def test_stars_behind_a_literal_start_count_as_standing_at_the_start() -> None:
    assert left_out("x/a**/b", "x/ab", "x/a/c/b", "x/ac/d/b") == {"x/ab", "x/a/c/b", "x/ac/d/b"}
