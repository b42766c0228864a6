"""What is hashed is what is built, in every mode: the image's files are the fingerprint's entries."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, staged
from image_assets.context.habits import NERDCTL
from image_assets.errors import InputError
from tests.context.buildkit import COPY_ALL, BuildKit
from tests.context.looking import content_of, counted, fingerprint_of
from tests.context.test_odd_entries import make_deep


@pytest.fixture
def context(root: Path, tmp_path: Path) -> Path:
    """A context with something of everything, and ignore patterns that each language reads in its own way."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far").write_text("far")
    for folder in ("src/deep", "empty", "build", "keep"):
        (root / folder).mkdir(parents=True)
    for path in ("src/a.log", "src/deep/b.log", "src/deep/c.py", "build/x", "keep/y", "a.log", "ünïcode", "new\nline"):
        (root / path).write_text(path)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "closed").touch(mode=0o600)
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("src/a.log")
    (root / "folder-link").symlink_to("src")
    (root / "out").symlink_to(outside)
    (root / "dangling").symlink_to("nowhere")
    (root / "Dockerfile").write_text(COPY_ALL)
    (root / ".dockerignore").write_text("*.log\nbuild\n!build/x\n")
    return root


SPECS: dict[str, dict[str, object]] = {
    "docker mode in place": {},
    "docker mode with exclude": {"exclude": ("src/deep", "!a.log", "# no pattern", "empty/")},
    "git mode": {"ignore_mode": "git"},
    "git mode with exclude": {"ignore_mode": "git", "exclude": ("deep/", "Dockerfile")},
    "glob mode": {"ignore_mode": "glob"},
    "glob mode with exclude": {"ignore_mode": "glob", "exclude": ("{keep,empty}", "!(a)/a.log")},
    "all links followed": {"follow_symlinks": "always"},
    "external links followed": {"follow_symlinks": "external", "exclude": ("src",)},
    "git mode with links followed": {"ignore_mode": "git", "follow_symlinks": "always"},
    "docker mode for a builder with one copy": {"habits": NERDCTL},
    "git mode for a builder with one copy": {"habits": NERDCTL, "ignore_mode": "git"},
}


@pytest.mark.parametrize("what", SPECS)
def test_the_image_holds_what_the_fingerprint_counts(buildkit: BuildKit, context: Path, what: str) -> None:
    spec = ContextSpec(context, context / "Dockerfile", **SPECS[what])  # type: ignore[arg-type]
    with staged(spec) as given:
        assert buildkit.receive(given.directory, given.dockerfile) == counted(spec)


@pytest.mark.parametrize("name", ["docker/api.Dockerfile", "../elsewhere/api.Dockerfile", "Dockerfile"])
@pytest.mark.parametrize(("exclude", "given"), [((), None), (("keep",), None), ((), b"FROM scratch\nCOPY . /\n\n")])
def test_the_dockerfiles_own_ignore_file_wins_wherever_it_lies(
    buildkit: BuildKit, context: Path, name: str, exclude: tuple[str, ...], given: bytes | None
) -> None:
    """Also where the builder is given another content for it."""
    dockerfile = context / name
    dockerfile.parent.mkdir(exist_ok=True)
    dockerfile.write_text("FROM nothing" if given else COPY_ALL)
    dockerfile.with_name(dockerfile.name + ".dockerignore").write_text("src\npipe\n")
    spec = ContextSpec(context, dockerfile, exclude=exclude)
    with staged(spec, dockerfile=given) as made:
        received = buildkit.receive(made.directory, made.dockerfile)
    assert received == counted(spec)
    assert "a.log" in received
    assert "src/" not in received


@pytest.mark.parametrize("name", ["Dockerfile", "sub/Dockerfile", "Do cker[1]", "!D", "D*", "é", ".D"])
def test_a_dockerfile_that_the_builder_cannot_find_by_name_is_copied(
    buildkit: BuildKit, context: Path, name: str
) -> None:
    (context / "Dockerfile").rename(context.parent / "outside" / "D")
    (context / "sub").mkdir()
    (context / name).symlink_to(context.parent / "outside" / "D")
    (context / f"{name}.dockerignore").write_text("src\npipe\n")
    spec = ContextSpec(context, context / name)
    with staged(spec) as given:
        received = buildkit.receive(given.directory, given.dockerfile)
    assert received == counted(spec)
    assert "a.log" in received


def test_an_empty_ignore_file_of_the_dockerfile_wins_too(buildkit: BuildKit, context: Path) -> None:
    (context / "Dockerfile.dockerignore").touch()
    spec = ContextSpec(context, context / "Dockerfile")
    with staged(spec) as given:
        # Some BuildKit frontends take an empty file for none: they must never see one.
        assert given.dockerfile.with_name("Dockerfile.dockerignore").stat().st_size
        received = buildkit.receive(given.directory, given.dockerfile)
    assert received == counted(spec)
    assert "a.log" in received


def test_an_ignored_dockerfile_reaches_the_builder_but_not_the_image(buildkit: BuildKit, context: Path) -> None:
    (context / ".dockerignore").write_text("Dockerfile\nDockerfile.dockerignore\n.dockerignore\n")
    spec = ContextSpec(context, context / "Dockerfile")
    with staged(spec) as given:
        received = buildkit.receive(given.directory, given.dockerfile)
    assert received == counted(spec)
    assert "Dockerfile" not in received


@pytest.mark.parametrize("target", ["inside", "../outside/ignore", "/nowhere"])
def test_an_ignore_file_that_is_a_link_is_read_as_the_builder_reads_it(
    buildkit: BuildKit, context: Path, target: str
) -> None:
    (context / "inside").write_text("a.log\n")
    (context.parent / "outside" / "ignore").write_text("keep\n")
    (context / ".dockerignore").unlink()
    (context / ".dockerignore").symlink_to(target)
    spec = ContextSpec(context, context / "Dockerfile")
    with staged(spec) as given:
        assert buildkit.receive(given.directory, given.dockerfile) == counted(spec)


def test_a_file_that_the_walk_includes_and_the_open_does_not_arrives_empty_as_counted(
    buildkit: BuildKit, context: Path
) -> None:
    (context / ".dockerignore").write_text("keep\n!keep/y\nkeep\n")
    spec = ContextSpec(context, context / "Dockerfile")
    received = buildkit.receive(context, context / "Dockerfile")
    assert received["keep/y"] == content_of(b"")
    assert received == counted(spec)


def test_a_named_context_holds_what_is_counted(buildkit: BuildKit, context: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert buildkit.receive_each({"lib": context}, tmp_path / "empty")["lib"] == counted(ContextSpec(context))


def test_a_staged_tree_is_made_of_hard_links_and_taken_away(context: Path) -> None:
    with staged(ContextSpec(context, context / "Dockerfile", "git")) as given:
        assert given.directory != context
        assert (given.directory / "run.sh").stat().st_ino == (context / "run.sh").stat().st_ino
    assert not given.directory.exists()
    assert not given.dockerfile.exists()


def test_in_docker_mode_the_context_is_used_in_place(context: Path) -> None:
    with staged(ContextSpec(context, context / "Dockerfile", exclude=("a",))) as given:
        assert given.directory == context
        assert given.dockerfile.name == "Dockerfile"


def test_across_devices_files_are_copied(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == context.stat().st_dev:
        pytest.skip("needs a second file system")
    monkeypatch.setattr("tempfile.tempdir", str(memory))
    spec = ContextSpec(context, context / "Dockerfile", "git")
    with staged(spec) as given:
        assert (given.directory / "run.sh").stat().st_dev == memory.stat().st_dev
        in_memory = counted(ContextSpec(given.directory, given.dockerfile))
    assert in_memory == counted(spec)


def test_a_tree_that_cannot_be_staged_is_an_error_that_names_the_context(context: Path) -> None:
    make_deep(context, "long" * 60, 20)
    with pytest.raises(InputError, match="cannot prepare the build context"):
        staged(ContextSpec(context, context / "Dockerfile", "git")).__enter__()


def test_temporary_files_never_lie_in_the_context(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (context / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(context / "tmp"))
    with staged(ContextSpec(context, context / "Dockerfile", "git")) as given:
        assert not given.directory.is_relative_to(context)
        assert list((context / "tmp").iterdir()) == []


def test_a_dockerfile_that_is_no_file_is_built_under_the_contexts_own_ignore_file(
    buildkit: BuildKit, root: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (root / name).write_text(name)
    (root / ".dockerignore").write_text("b\n")
    (root / "dockerfileInline.dockerignore").write_text("a\n")
    spec = ContextSpec(root, root / "dockerfileInline", dockerfile_text=COPY_ALL)
    with staged(spec) as given:
        received = buildkit.receive(given.directory, given.dockerfile)
    assert received == counted(spec)
    assert "a" in received
    assert "b" not in received
    file = tmp_path / "elsewhere.Dockerfile"
    file.write_text(COPY_ALL)
    assert fingerprint_of(spec).digest == fingerprint_of(ContextSpec(root, file)).digest
    other = replace(spec, dockerfile_text=COPY_ALL + "USER 1\n")
    assert fingerprint_of(other).digest != fingerprint_of(spec).digest


def test_a_builder_with_one_copy_never_sees_a_time_twice(context: Path) -> None:
    """But the times of the image are those of the context: layers have whole seconds."""
    spec = ContextSpec(context, context / "Dockerfile", habits=NERDCTL)
    seen = set[int]()
    for _ in range(3):
        with staged(spec) as given:
            copies = [given.directory / "run.sh", given.directory / "link", given.dockerfile]
            assert len({copy.lstat().st_mtime_ns % 10**9 for copy in copies[:2]}) == 1
            assert int(copies[0].stat().st_mtime) == int((context / "run.sh").stat().st_mtime)
            assert not any(copy.lstat().st_mtime_ns in seen for copy in copies)
            seen.update(copy.lstat().st_mtime_ns for copy in copies)
