"""Symbolic links: which are followed, and that each change of one is seen (R41)."""

from pathlib import Path

import pytest

from image_assets.context import ContextSpec
from image_assets.context.spec import FollowSymlinks
from image_assets.errors import InputError
from tests.context.looking import content_of, counted, digest_of, fingerprint_of


@pytest.fixture
def linked(root: Path, tmp_path: Path) -> Path:
    """A context with a link of every sort; what lies outside is in `tmp_path/outside`."""
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "file").write_text("far")
    (root / "inside").mkdir()
    (root / "inside" / "file").write_text("near")
    (root / "to-file").symlink_to("inside/file")
    (root / "to-folder").symlink_to("inside")
    (root / "out-file").symlink_to(outside / "folder" / "file")
    (root / "out-folder").symlink_to(outside / "folder")
    (root / "dangling").symlink_to("nowhere")
    return root


NEAR, FAR = content_of(b"near"), content_of(b"far")
FOLLOWED: dict[FollowSymlinks, dict[str, tuple[str, ...] | None]] = {
    "never": {"to-file": ("link", "inside/file"), "to-folder/file": None, "out-folder/file": None},
    "external": {"to-file": ("link", "inside/file"), "to-folder/file": None, "out-file": FAR, "out-folder/file": FAR},
    "always": {"to-file": NEAR, "to-folder/file": NEAR, "out-file": FAR, "out-folder/file": FAR},
}


@pytest.mark.parametrize("mode", FOLLOWED)
def test_a_link_counts_as_what_the_mode_says(linked: Path, mode: FollowSymlinks) -> None:
    entries = counted(ContextSpec(linked, follow_symlinks=mode))
    assert {path: entries.get(path) for path in FOLLOWED[mode]} == FOLLOWED[mode]
    assert entries["dangling"] == ("link", "nowhere")


def test_internal_only_follows_none_and_refuses_a_link_that_leads_out_by_name(linked: Path) -> None:
    spec = ContextSpec(linked, follow_symlinks="internal-only")
    with pytest.raises(InputError, match="the link out-f"):
        fingerprint_of(spec)
    (linked / ".dockerignore").write_text("out-*\n")
    assert counted(spec)["to-file"] == ("link", "inside/file")


@pytest.mark.parametrize("name", ["to-file", "to-folder", "out-file", "out-folder", "dangling"])
def test_pointing_a_link_elsewhere_changes_the_fingerprint(linked: Path, name: str) -> None:
    before = digest_of(linked)
    (linked / name).unlink()
    (linked / name).symlink_to("inside/other")
    assert digest_of(linked) != before


def test_what_a_link_that_is_not_followed_leads_to_has_no_influence(linked: Path, tmp_path: Path) -> None:
    before = digest_of(linked)
    (tmp_path / "outside" / "folder" / "file").write_text("changed")
    assert digest_of(linked) == before


def test_what_a_followed_link_leads_to_has_an_influence(linked: Path, tmp_path: Path) -> None:
    spec = ContextSpec(linked, follow_symlinks="external")
    before = fingerprint_of(spec).digest
    (tmp_path / "outside" / "folder" / "file").write_text("changed")
    assert fingerprint_of(spec).digest != before


def test_a_followed_link_counts_like_a_copy_of_what_it_leads_to(linked: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "file").write_text("near")
    (linked / ".dockerignore").write_text("*\n!to-file\n")
    followed = counted(ContextSpec(linked, follow_symlinks="always"))
    assert followed == {"to-file": content_of(b"near")}


def test_ignore_patterns_hold_inside_a_followed_directory(linked: Path) -> None:
    (linked / ".dockerignore").write_text("**/file\n")
    entries = counted(ContextSpec(linked, follow_symlinks="always"))
    assert "to-folder/" in entries
    assert "to-folder/file" not in entries


def test_loops_end(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "self").symlink_to("self")
    (root / "here").symlink_to(".")
    entries = counted(ContextSpec(root, follow_symlinks="always"))
    assert entries == {
        "a/": ("directory",),
        "a/up": ("link", ".."),
        "a/self": ("link", "self"),
        "here": ("link", "."),
    }


def test_links_that_multiply_end_in_an_error(root: Path) -> None:
    """Eight directories that are all linked to each other have 110,000 paths."""
    names = [f"d{number}" for number in range(8)]
    for name in names:
        (root / name).mkdir()
        for other in names:
            (root / name / f"to-{other}").symlink_to(f"../{other}")
    assert len(counted(ContextSpec(root))) == 8 * 9
    with pytest.raises(InputError, match=r"the links of the context multiply: d\d+/to-d"):
        fingerprint_of(ContextSpec(root, follow_symlinks="always"))


def test_many_links_to_one_directory_are_followed(root: Path) -> None:
    (root / "lib").mkdir()
    (root / "lib" / "file").touch()
    for number in range(900):
        (root / f"link{number}").symlink_to("lib")
    assert len(counted(ContextSpec(root, follow_symlinks="always"))) == 2 * 901


def test_a_link_to_a_device_stays_a_link(root: Path) -> None:
    (root / "log").symlink_to("/dev/null")
    assert counted(ContextSpec(root, follow_symlinks="always")) == {"log": ("link", "/dev/null")}


def test_a_link_to_what_each_process_has_of_its_own_stays_a_link(root: Path) -> None:
    for name, target in (("access.log", "/dev/stdout"), ("exe", "/proc/self/exe"), ("self", "/proc/self/attr")):
        (root / name).symlink_to(target)
    entries = counted(ContextSpec(root, follow_symlinks="always"))
    assert entries == {
        "access.log": ("link", "/dev/stdout"),
        "exe": ("link", "/proc/self/exe"),
        "self": ("link", "/proc/self/attr"),
    }


def test_the_context_itself_may_be_a_link(linked: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(linked)
    before = digest_of(tmp_path / "link")
    assert before == digest_of(linked)
    (linked / "inside" / "file").write_text("changed")
    assert digest_of(tmp_path / "link") != before
