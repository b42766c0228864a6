"""The fingerprint's format, and what has an influence on it (R3, R26, R37)."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, fingerprint
from image_assets.errors import CancelledByUserError, InputError
from image_assets.task import Task
from tests.context.looking import digest_of, fingerprint_of

GOLDEN_TREE = "1a83d28fc0513d487c75b6f1436cbc9fa60c58fa16fba4b7a65d3bba63f13af1"
GOLDEN_OPTIONS = "199dae70ab02d6090ba0bc31153e763987b6e444fee51571a4d71305fac36a63"


def make_tree(root: Path) -> Path:
    """Write the golden tree."""
    (root / "empty").mkdir(parents=True)
    (root / "src").mkdir()
    (root / "src" / "a.py").write_bytes(b"print('hello')\n")
    (root / "src" / "größe").write_bytes(b"")
    (root / "src.txt").write_bytes(b"x" * 300_000)
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/a.py")
    os.mkfifo(root / "pipe")
    (root / "Dockerfile").write_bytes(b"FROM scratch\nCOPY . /\n")
    (root / ".dockerignore").write_bytes(b"*.log\n")
    (root / "left.log").write_bytes(b"1")
    return root


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def file_entry(path: str, content: bytes, letter: bytes = b"f") -> bytes:
    return path.encode() + b"\0" + letter + len(content).to_bytes(8, "big") + hashlib.sha256(content).digest()


def by_the_description(options: list[tuple[str, str]]) -> str:
    """Compute the golden tree's digest as the module's docstring says, with nothing of the provider's code."""
    entries = [
        b"empty\0d",
        b"src\0d",
        file_entry("src/a.py", b"print('hello')\n"),
        file_entry("src/größe", b""),
        file_entry("src.txt", b"x" * 300_000),
        file_entry("run.sh", b"#!/bin/sh\n", b"x"),
        b"link\0lsrc/a.py",
        b"pipe\0p",
        file_entry("Dockerfile", b"FROM scratch\nCOPY . /\n"),
        file_entry(".dockerignore", b"*.log\n"),
    ]
    text = framed(b"image-assets fingerprint 1") + len(options).to_bytes(4, "big")
    for name, value in sorted(options):
        text += framed(name.encode()) + framed(value.encode())
    text += (1).to_bytes(4, "big") + framed(b"")
    text += framed(hashlib.sha256(b"FROM scratch\nCOPY . /\n").digest()) + len(entries).to_bytes(4, "big")
    text += b"".join(len(entry).to_bytes(4, "big") for entry in sorted(entries))
    return hashlib.sha256(text + b"".join(sorted(entries))).hexdigest()


@pytest.mark.parametrize(
    ("options", "golden"), [([], GOLDEN_TREE), ([("target", "x"), ("buildArgs.V", "1")], GOLDEN_OPTIONS)]
)
def test_the_digest_is_the_one_that_the_description_gives(
    tmp_path: Path, options: list[tuple[str, str]], golden: str
) -> None:
    root = make_tree(tmp_path / "context")
    spec = ContextSpec(root, root / "Dockerfile")
    assert by_the_description(options) == golden
    assert fingerprint(options, {"": spec}, Task(), None).digest == golden


def touch_all(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, ns=(1, 1), follow_symlinks=False)


def change_modes(root: Path) -> None:
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o775 if path.is_dir() or path.stat().st_mode & 0o100 else 0o664)


def make_again_backwards(root: Path) -> None:
    for path in sorted(root.glob("src/*"), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)


def edit_an_ignored_file(root: Path) -> None:
    (root / "left.log").write_bytes(b"2")


WITHOUT_INFLUENCE = (touch_all, change_modes, make_again_backwards, edit_an_ignored_file)


@pytest.mark.parametrize("change", WITHOUT_INFLUENCE)
def test_times_modes_order_and_ignored_files_have_no_influence(root: Path, change: Callable[[Path], None]) -> None:
    make_tree(root.parent / "made")
    made = root.parent / "made"
    before = digest_of(made)
    change(made)
    assert digest_of(made) == before


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


INFLUENCES: dict[str, Callable[[Path], object]] = {
    "a byte": lambda root: (root / "src" / "a.py").write_bytes(b"print('hallo')\n"),
    "a byte of a large file": lambda root: (root / "src.txt").write_bytes(b"x" * 299_999 + b"y"),
    "the executable bit set": lambda root: (root / "src" / "a.py").chmod(0o744),
    "the executable bit taken": lambda root: (root / "run.sh").chmod(0o655),
    "a new file": lambda root: (root / "new").touch(),
    "a new empty directory": lambda root: (root / "empty" / "more").mkdir(),
    "a file less": lambda root: (root / "src" / "größe").unlink(),
    "another name": lambda root: (root / "src.txt").rename(root / "src.text"),
    "a file in place of a link to the same": lambda root: replace(root / "link", b"print('hello')\n"),
    "a file in place of a FIFO": lambda root: replace(root / "pipe", b""),
}


@pytest.mark.parametrize("what", INFLUENCES)
def test_what_reaches_the_builder_has_an_influence(tmp_path: Path, what: str) -> None:
    root = make_tree(tmp_path / "made")
    before = digest_of(root)
    INFLUENCES[what](root)
    assert digest_of(root) != before


def test_the_absolute_path_has_no_influence(tmp_path: Path) -> None:
    assert digest_of(make_tree(tmp_path / "a")) == digest_of(make_tree(tmp_path / "somewhere" / "else"))


@pytest.mark.parametrize(
    "environ", [{"LC_ALL": "C"}, {"LC_ALL": "tr_TR.UTF-8"}, {"PYTHONUTF8": "1"}, {"PYTHONHASHSEED": "7"}]
)
def test_locale_and_interpreter_settings_have_no_influence(tmp_path: Path, environ: dict[str, str]) -> None:
    root = make_tree(tmp_path / "made")
    script = (
        "import sys, pathlib; from image_assets.context import *; from image_assets.task import Task\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "print(fingerprint((), {'': ContextSpec(root, root / 'Dockerfile')}, Task(), None).digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ},
    )
    assert done.stdout.strip() == GOLDEN_TREE


def test_the_order_of_options_has_no_influence_but_their_text_has(root: Path) -> None:
    spec = {"": ContextSpec(root)}
    options = [("a", "1"), ("b", "2")]
    given = fingerprint(options, spec, Task(), None).digest
    assert fingerprint(options[::-1], spec, Task(), None).digest == given
    for other in ([("a", "2"), ("b", "1")], [("a", "1")], [("a", "1b"), ("", "2")], []):
        assert fingerprint(other, spec, Task(), None).digest != given


def with_dockerfile(root: Path, text: str = "FROM scratch\n", name: str = "Dockerfile") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_ignored_dockerfile_counts_unless_it_shall_not(root: Path) -> None:
    dockerfile = with_dockerfile(root)
    (root / ".dockerignore").write_text("Dockerfile\n")
    counting, not_counting = (ContextSpec(root, dockerfile, count_dockerfile=count) for count in (True, False))
    before = fingerprint_of(counting).digest, fingerprint_of(not_counting).digest
    with_dockerfile(root, "FROM scratch\nUSER 1\n")
    assert fingerprint_of(counting).digest != before[0]
    assert fingerprint_of(not_counting).digest == before[1]


def test_a_dockerfile_that_does_not_count_still_counts_as_an_entry(root: Path) -> None:
    spec = ContextSpec(root, with_dockerfile(root), count_dockerfile=False)
    before = fingerprint_of(spec).digest
    with_dockerfile(root, "FROM scratch\nUSER 1\n")
    assert fingerprint_of(spec).digest != before


def test_where_the_dockerfile_lies_outside_the_context_has_no_influence(root: Path, tmp_path: Path) -> None:
    one, other = (with_dockerfile(tmp_path / name) for name in ("one", "other"))
    assert fingerprint_of(ContextSpec(root, one)).digest == fingerprint_of(ContextSpec(root, other)).digest


@pytest.mark.parametrize("name", ["api.Dockerfile", "docker/api.Dockerfile", "../outside/Dockerfile"])
def test_the_dockerfiles_own_ignore_file_beats_the_contexts(root: Path, name: str) -> None:
    dockerfile = with_dockerfile(root, name=name)
    (root / ".dockerignore").write_text("a\n")
    dockerfile.with_name(dockerfile.name + ".dockerignore").write_text("b\n")
    (root / "a").touch()
    (root / "b").touch()
    rows = fingerprint_of(ContextSpec(root, dockerfile)).outline
    assert "a" in rows
    assert "b" not in rows


def test_a_comment_in_an_ignored_ignore_file_has_no_influence(root: Path) -> None:
    (root / ".dockerignore").write_text("a\n.dockerignore\n")
    before = digest_of(root)
    (root / ".dockerignore").write_text("# now with a comment\na  \n\n/.dockerignore\n")
    assert digest_of(root) == before


def test_a_named_context_counts_by_name_and_content_under_its_own_ignore_file(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / ".dockerignore").write_text("left\n")
    (root / ".dockerignore").write_text("counts\n")
    main, named = ContextSpec(root), ContextSpec(shared)

    def digest(name: str = "shared") -> str:
        return fingerprint((), {"": main, name: named}, Task(), None).digest

    before = digest()
    (shared / "left").touch()
    assert digest() == before
    assert digest("other") != before
    (shared / "counts").touch()
    assert digest() != before
    assert "shared://counts" in fingerprint((), {"": main, "shared": named}, Task(), None).outline


def test_excluded_patterns_follow_those_of_the_ignore_file(root: Path) -> None:
    (root / ".dockerignore").write_text("a*\n")
    for name in ("ab", "ac", "b"):
        (root / name).touch()
    rows = fingerprint_of(ContextSpec(root, exclude=("!ab", "b"))).outline
    assert set(rows) == {".dockerignore", "ab"}


@pytest.mark.parametrize(
    ("spec", "path", "text"),
    [
        (lambda root: ContextSpec(root / "none"), "directory", "No such file"),
        (lambda root: ContextSpec(root / "file"), "directory", "is not a directory"),
        (lambda root: ContextSpec(root, root / "none"), "file", "there is no Dockerfile at"),
        (lambda root: ContextSpec(root, root), "file", "is not a regular file"),
        (lambda root: ContextSpec(root, exclude=("a", "[")), "exclude[1]", "invalid"),
        (lambda root: ContextSpec(root / "bad"), "directory", ".dockerignore:2: the pattern"),
    ],
)
def test_a_wrong_input_is_named(root: Path, spec: Callable[[Path], ContextSpec], path: str, text: str) -> None:
    (root / "file").touch()
    (root / "bad").mkdir()
    (root / "bad" / ".dockerignore").write_text("a\n[\n")
    with pytest.raises(InputError) as error:
        fingerprint_of(spec(root))
    assert error.value.problems[0].path == path
    assert text in error.value.problems[0].reason


def test_a_fault_in_a_named_context_names_the_input(root: Path) -> None:
    with pytest.raises(InputError) as error:
        fingerprint((), {"": ContextSpec(root), "lib": ContextSpec(root / "none")}, Task(), None)
    assert error.value.problems[0].path == "buildContexts.lib"


def test_a_cancelled_task_ends_the_reading(root: Path) -> None:
    task = Task()
    task.cancelled.set()
    with pytest.raises(CancelledByUserError):
        fingerprint((), {"": ContextSpec(root)}, task, None)


def test_files_bytes_and_seconds_are_told(root: Path) -> None:
    (root / "a").write_bytes(b"12345")
    (root / "b").write_bytes(b"x" * 300_000)
    told = fingerprint_of(ContextSpec(root))
    assert (told.files, told.bytes) == (2, 300_005)
    assert told.seconds > 0


def test_a_warning_names_the_largest_directories_of_a_large_context(root: Path) -> None:
    (root / "data" / "models").mkdir(parents=True)
    with (root / "data" / "models" / "big").open("wb") as file:
        file.truncate(500_000_001)
    (root / "small").touch()
    (notice,) = fingerprint_of(ContextSpec(root)).notices
    assert "500 MB" in notice
    assert "data/models/ (500 MB)" in notice
