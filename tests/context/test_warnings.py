"""What the user is told of a context that is right, but perhaps not what was meant."""

from pathlib import Path
from typing import get_args

import pytest

from image_assets.context import ContextSpec, fingerprint
from image_assets.context.spec import IgnoreMode
from image_assets.task import Task
from tests.context.looking import fingerprint_of
from tests.support.contexts import write_files

REPOSITORY = {".git/HEAD": "ref: refs/heads/main", "app.py": ""}
WORKTREE = {".git": "gitdir: ../.git/worktrees/x", "app.py": ""}
SUBMODULE = {"vendor/lib/.git": "gitdir: ../../.git/modules/lib", "app.py": ""}
MODES = get_args(IgnoreMode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("files", "remedy"),
    [(REPOSITORY, ".git"), (WORKTREE, ".git"), (SUBMODULE, "**/.git"), (SUBMODULE | REPOSITORY, "**/.git")],
)
def test_git_in_the_context_is_warned_of_with_a_remedy_that_helps(
    root: Path, mode: IgnoreMode, files: dict[str, str], remedy: str
) -> None:
    write_files(root, files)
    (notice,) = fingerprint_of(ContextSpec(root, ignore_mode=mode)).notices
    assert ".git" in notice.partition(" ")[0]
    assert f"add `{remedy}` to the ignore file or to `exclude`" in notice
    assert fingerprint_of(ContextSpec(root, ignore_mode=mode, exclude=(remedy,))).notices == ()
    write_files(root, {".dockerignore": remedy})
    assert fingerprint_of(ContextSpec(root, ignore_mode=mode)).notices == ()


def test_only_what_counts_is_warned_of(root: Path) -> None:
    """A name that only looks like it, a link, and what no instruction takes."""
    write_files(
        root,
        {
            ".github/x": "",
            "a.git": "",
            "b/x.git": "",
            ".gitignore": "",
            "src/.git/HEAD": "",
            "Dockerfile": "FROM scratch\nCOPY b /b",
        },
    )
    (root / "b" / ".git").symlink_to("../src/.git")
    spec = ContextSpec(root, dockerfile=root / "Dockerfile", scope="dockerfile")
    assert fingerprint_of(spec).notices == ()
    (notice,) = fingerprint_of(ContextSpec(root)).notices
    assert notice.startswith("src/.git reaches")


@pytest.mark.parametrize("mode", MODES)
def test_other_directories_that_change_by_themselves_are_one_warning(root: Path, mode: IgnoreMode) -> None:
    paths = (
        ".terraform/x",
        ".pulumi/x",
        "a/__pycache__/x",
        "b/__pycache__/x",
        ".venv/a/__pycache__/x",
        "node_modules/.cache/x",
    )
    write_files(root, dict.fromkeys(paths, ""))
    (notice,) = fingerprint_of(ContextSpec(root, ignore_mode=mode)).notices
    assert "(3 of them)" in notice
    patterns = (".terraform", ".pulumi", "**/__pycache__", ".venv", "node_modules/.cache")
    assert "add " + ", ".join(f"`{pattern}`" for pattern in patterns) + " to the ignore file" in notice
    assert fingerprint_of(ContextSpec(root, ignore_mode=mode, exclude=patterns)).notices == ()


def test_a_named_context_is_named_and_has_no_exclude(root: Path) -> None:
    write_files(root, {"main/x": "", "lib/.git/HEAD": ""})
    contexts = {"": ContextSpec(root / "main"), "lib": ContextSpec(root / "lib")}
    (notice,) = fingerprint((), contexts, Task(), None).notices
    assert notice.startswith(".git of the context `lib` reaches")
    assert "add `.git` to the context's ignore file" in notice
