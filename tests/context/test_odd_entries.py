"""Entries that break other tools (R38): each is right, or one clear error; nothing hangs, nothing is written."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from image_assets.context import ContextSpec, staged
from image_assets.context.content import open_regular, read_small
from image_assets.context.place import Place
from image_assets.errors import InputError
from tests.context.looking import content_of, counted, digest_of, fingerprint_of
from tests.context.opened import opened

_LIBRARY = os.pathsep.join(filter(None, sys.path))


def make_socket(path: Path) -> None:
    """Leave a socket behind; its path may be long."""
    with socket.socket(socket.AF_UNIX) as made, tempfile.TemporaryDirectory() as short:
        made.bind(f"{short}/s")
        Path(f"{short}/s").rename(path)


def test_odd_entries_are_hashed_in_no_time_and_without_opening_any(root: Path) -> None:
    (root / "kept").write_text("x")
    (root / "locked").mkdir(mode=0o000)
    (root / ".dockerignore").write_text("locked\n")
    os.mkfifo(root / "pipe")
    make_socket(root / "socket")
    (root / "dangling").symlink_to("nowhere")
    begun = time.monotonic()
    with opened() as paths:
        entries = counted(ContextSpec(root))
    assert time.monotonic() - begun < 10
    assert not [path for path in paths if Path(path).name in {"locked", "pipe", "socket", "dangling"}]
    assert set(entries) == {"kept", ".dockerignore", "pipe", "socket", "dangling"}
    assert entries["dangling"] == ("link", "nowhere")
    assert entries["socket"] == content_of(b"", executable=True)


def test_ignored_directories_are_never_listed(root: Path) -> None:
    for name in ("node_modules", "src"):
        (root / name / "deep").mkdir(parents=True)
    (root / ".dockerignore").write_text("**/node_modules\n!src\n")
    with opened() as paths:
        fingerprint_of(ContextSpec(root))
    assert not [path for path in paths if "node_modules" in path]


def test_a_fifo_that_takes_a_files_place_does_not_hang(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(InputError, match="pipe changed while it was read"):
        open_regular(Place(f"{root}/"), "pipe", "")


def test_a_link_that_takes_a_files_place_is_not_followed(root: Path) -> None:
    (root / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="link changed while it was read"):
        open_regular(Place(f"{root}/"), "link", "")


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a link": lambda entry: entry.symlink_to("/etc/passwd"),
    "a directory": Path.mkdir,
    "nothing": str,
}


@pytest.mark.parametrize("what", REPLACEMENTS)
def test_what_takes_a_small_files_place_is_an_error_that_names_it(root: Path, what: str) -> None:
    REPLACEMENTS[what](root / "entry")
    before = set(Path("/proc/self/fd").iterdir())
    directory = os.open(root, os.O_RDONLY)
    try:
        with pytest.raises(InputError, match="d/entry changed while it was read"):
            read_small(directory, "entry", "d/")
    finally:
        os.close(directory)
    assert set(Path("/proc/self/fd").iterdir()) == before


def as_nobody(root: Path, body: str) -> str:
    """Take the fingerprint in a process that file modes hold for; return what it printed."""
    script = dedent(f"""
        import os, pathlib
        from image_assets.context import *
        from image_assets.errors import InputError
        from image_assets.task import Task
        root = pathlib.Path({str(root)!r})
        if not os.geteuid():
            os.setgroups(())
            os.setgid(65534)
            os.setuid(65534)
        try:
            print(sorted(fingerprint((), {{"": ContextSpec(root{body})}}, Task(), None).outline))
        except InputError as error:
            print(error)
    """)
    command = [sys.executable, "-c", script]
    environ = {"PYTHONPATH": _LIBRARY}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def public_root() -> Iterator[Path]:
    """A context that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_an_unreadable_file_is_an_error_that_names_it(public_root: Path) -> None:
    (public_root / "secret").touch(mode=0o000)
    said = as_nobody(public_root, "")
    assert said.startswith("directory: cannot read secret: Permission denied")
    assert "ignore file" in said


def test_an_unreadable_directory_is_an_error_that_names_it(public_root: Path) -> None:
    (public_root / "locked").mkdir(mode=0o000)
    assert as_nobody(public_root, "").startswith("directory: cannot read locked/: Permission denied")


def test_an_unreadable_ignored_entry_is_none(public_root: Path) -> None:
    (public_root / "locked").mkdir(mode=0o000)
    (public_root / "secret").touch(mode=0o000)
    (public_root / "kept").touch()
    assert as_nobody(public_root, ", exclude=('locked', 'secret')") == "['kept']"


def test_an_unreadable_ignored_directory_in_which_something_could_be_included_is_skipped(public_root: Path) -> None:
    (public_root / "locked").mkdir(mode=0o000)
    (public_root / "kept.py").touch()
    assert as_nobody(public_root, ", exclude=('*', '!**/*.py')") == "['kept.py']"


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"a\\b", b"n" * 255, " ü ".encode(), b"-rf", b"a:b", b"*"])
def test_any_name_counts_by_its_bytes(root: Path, name: bytes) -> None:
    (root / "other").touch()
    before = digest_of(root)
    (root / os.fsdecode(name)).write_bytes(b"x")
    spec = ContextSpec(root)
    assert counted(spec)[os.fsdecode(name)] == content_of(b"x")
    assert digest_of(root) != before
    "".join(fingerprint_of(spec).outline).encode()


def test_names_that_differ_in_case_only_are_two(root: Path) -> None:
    (root / "a").write_text("1")
    (root / "A").write_text("2")
    assert len(counted(ContextSpec(root))) == len(list(root.iterdir()))


def make_deep(root: Path, name: str, depth: int) -> None:
    """Make a chain of directories whose path no system call takes, with a file at its end."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
    os.symlink("nowhere", "link", dir_fd=fd)
    os.close(fd)


@pytest.mark.parametrize(("name", "depth"), [("d", 2000), ("long" * 60, 200)])
def test_2000_levels_and_paths_longer_than_a_system_call_takes_are_walked(root: Path, name: str, depth: int) -> None:
    make_deep(root, name, depth)
    entries = counted(ContextSpec(root))
    assert len(entries) == depth + 2
    assert entries[f"{name}/" * depth + "file"] == content_of(b"")
    subprocess.run(["rm", "-rf", str(root)], check=True)


def test_a_file_that_vanishes_is_an_error_that_names_it(root: Path) -> None:
    with pytest.raises(InputError, match="gone changed while it was read"):
        open_regular(Place(f"{root}/"), "gone", "")


def test_a_file_that_grows_while_it_is_read_is_an_error_or_counted_whole(root: Path) -> None:
    growing = root / "growing"
    growing.write_bytes(b"x" * 300_000)
    stop = threading.Event()

    def grow() -> None:
        with growing.open("ab") as file:
            while not stop.is_set():
                file.write(b"y" * 1000)
                file.flush()
                time.sleep(0.0001)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(20):
            with contextlib.suppress(InputError):
                assert fingerprint_of(ContextSpec(root)).files == 1
    finally:
        stop.set()
        writer.join()


def test_a_device_counts_by_its_numbers(root: Path) -> None:
    try:
        os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("needs the right to make devices")
    before = digest_of(root)
    (root / "null").unlink()
    os.mknod(root / "null", 0o020666, os.makedev(1, 5))
    assert digest_of(root) != before


def test_nothing_is_written_in_the_context(root: Path) -> None:
    (root / "Dockerfile").write_text("FROM scratch\n")
    (root / "sub").mkdir()
    for path in (root / "sub", root):
        os.utime(path, ns=(1, 1))
    for spec in (
        ContextSpec(root, root / "Dockerfile"),
        ContextSpec(root, root / "Dockerfile", exclude=("a",)),
        ContextSpec(root, root / "Dockerfile", "git", follow_symlinks="always"),
        ContextSpec(root, root / "Dockerfile", scope="dockerfile"),
    ):
        fingerprint_of(spec)
        with staged(spec):
            pass
    assert [path.stat().st_mtime_ns for path in (root, root / "sub")] == [1, 1]
