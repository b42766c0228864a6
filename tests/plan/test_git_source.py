"""Which commit a git URL means, and its files, from git's own server."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_assets.errors import InputError
from image_assets.plan.git_source import GitSource, check_out, commit_of
from image_assets.task import Task
from tests.support.contexts import write_files


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    command = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits, a branch and an annotated tag of one name, at the second and the first."""
    folder = tmp_path / "served" / "it"
    for content in ("1", "2"):
        write_files(folder, {"app/a": content})
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", content)
    git(folder, "tag", "-a", "v1", "-m", "x", "HEAD~")
    return folder


@pytest.fixture
def url(repository: Path) -> Iterator[str]:
    """Serve it with `git daemon`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={repository.parent}", "--export-all")
    with subprocess.Popen(
        ["git", *words, "--verbose", "--log-destination=stderr"], stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        assert "Ready to rumble" in server.stderr.readline()
        yield f"git://127.0.0.1:{port}/it"
        server.terminate()


def test_a_ref_is_a_commit_and_its_files_are_those_of_the_commit(url: str, repository: Path, tmp_path: Path) -> None:
    first, second = git(repository, "rev-parse", "HEAD~"), git(repository, "rev-parse", "HEAD")
    refs = {"": second, "main": second, "refs/heads/main": second, "v1": first, first: first}
    for index, (ref, commit) in enumerate(refs.items()):
        source = GitSource(url, ref, "app")
        assert commit_of(source, Task()) == commit
        directory = check_out(source, commit, tmp_path / str(index), Task())
        assert (directory / "a").read_text() == ("1" if commit == first else "2")
        assert not list((tmp_path / str(index)).rglob(".git"))


def test_what_is_not_there_is_said(url: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no branch or tag none"):
        commit_of(GitSource(url, "none", ""), Task())
    with pytest.raises(InputError, match="cannot be read"):
        commit_of(GitSource(url + "-other", "", ""), Task())
    with pytest.raises(InputError, match="has no directory none"):
        check_out(GitSource(url, "", "none"), git(repository, "rev-parse", "HEAD"), tmp_path / "x", Task())
