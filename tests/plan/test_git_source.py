"""Which commit a git URL means, and its files, from git's own server."""

import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.errors import InputError
from image_assets.plan.git_source import Commits, GitSource, GitUnreadableError, check_out, commit_of
from image_assets.task import Task
from tests.fakes import git_server
from tests.fakes.certificates import make_certificates
from tests.fakes.git_server import TOKEN, GitServer
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
        assert commit_of(source, {}, Task()) == commit
        directory = check_out(source, commit, tmp_path / str(index), {}, Task())
        assert (directory / "a").read_text() == ("1" if commit == first else "2")
        assert not list((tmp_path / str(index)).rglob(".git"))


def test_what_is_not_there_is_said(url: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no branch or tag none"):
        commit_of(GitSource(url, "none", ""), {}, Task())
    with pytest.raises(InputError, match="cannot be read"):
        commit_of(GitSource(url + "-other", "", ""), {}, Task())
    with pytest.raises(InputError, match="has no directory none"):
        check_out(GitSource(url, "", "none"), git(repository, "rev-parse", "HEAD"), tmp_path / "x", {}, Task())


@pytest.fixture(params=["http", "https"])
def server(
    request: pytest.FixtureRequest, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitServer]:
    certificates = None
    if request.param == "https":
        certificates = make_certificates(tmp_path, "localhost")
        monkeypatch.setenv("GIT_SSL_CAINFO", str(certificates.authority))
    with git_server.running(repository.parent, certificates) as running:
        yield running


def login(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Return the login in each form: by value, by a variable, in a file."""
    header = f"Basic {b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}"
    monkeypatch.setenv("TOKEN_OF_TEST", TOKEN)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        "a token": {"GIT_AUTH_TOKEN": {"value": TOKEN}},
        "a header": {"GIT_AUTH_HEADER": {"value": header}, "GIT_AUTH_TOKEN": {"value": "wrong"}},
        "for the host": {"GIT_AUTH_TOKEN.HOST": {"env": "TOKEN_OF_TEST"}, "GIT_AUTH_TOKEN.other": {"value": "x"}},
        "in a file": {"GIT_AUTH_TOKEN": {"file": str(tmp_path / "token")}},
    }[name]


@pytest.mark.parametrize("form", ["a token", "a header", "for the host", "in a file"])
def test_a_private_repository_gets_the_login_and_nobody_else_does(
    server: GitServer, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    server.private.add("it")
    secrets = {
        name.replace("HOST", server.address): value for name, value in login(form, tmp_path, monkeypatch).items()
    }
    source, commit = GitSource(server.url("it"), "main", "app"), git(repository, "rev-parse", "HEAD")
    assert commit_of(source, secrets, Task()) == commit
    assert (check_out(source, commit, tmp_path / "out", secrets, Task()) / "a").read_text() == "2"
    for wrong in ({}, {"GIT_AUTH_TOKEN": {"value": "stale-token"}}, {"GIT_AUTH_TOKEN.other.example": {"value": TOKEN}}):
        with pytest.raises(GitUnreadableError) as refused:
            commit_of(source, wrong, Task())
        assert "stale-token" not in str(refused.value)
        assert b64encode(b"x-access-token:stale-token").decode() not in str(refused.value)


def test_submodules_come_along_with_the_login_of_their_host_alone(
    server: GitServer, repository: Path, tmp_path: Path
) -> None:
    """One beside it by a relative URL, and one of another host, which gets no login."""
    (tmp_path / "elsewhere").mkdir()
    for name in ("beside", "elsewhere/far"):
        folder = repository.parent / name if name == "beside" else tmp_path / name
        write_files(folder, {"x": name})
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "old")
        # A commit that is not the newest.
        git(folder, "commit", "-q", "--allow-empty", "-m", "new")
    with git_server.running(tmp_path / "elsewhere") as other:
        git(repository, "submodule", "add", "-q", server.url("beside"), "app/beside")
        git(repository, "submodule", "add", "-q", other.url("far"), "app/far")
        for name in ("beside", "far"):
            git(repository / "app" / name, "checkout", "-q", "HEAD~")
        git(repository, "config", "-f", ".gitmodules", "submodule.app/beside.url", "../beside")
        git(repository, "commit", "-q", "-a", "-m", "submodules")
        server.private |= {"it", "beside"}
        secrets, source = {"GIT_AUTH_TOKEN": {"value": TOKEN}}, GitSource(server.url("it"), "", "app")
        directory = check_out(source, commit_of(source, secrets, Task()), tmp_path / "out", secrets, Task())
        assert other.sent
        assert {header for _, header in other.sent} == {None}
    assert [(directory / name / "x").read_text() for name in ("beside", "far")] == ["beside", "elsewhere/far"]


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for source in ({"file": str(tmp_path / "none")}, {"env": "NOT_SET_IN_TESTS"}):
        with pytest.raises(InputError, match="the secret GIT_AUTH_TOKEN, a login for git, cannot be read"):
            commit_of(GitSource("https://x.example/it.git", "", ""), {"GIT_AUTH_TOKEN": source}, Task())


def test_all_images_of_one_place_are_of_one_commit(server: GitServer, repository: Path) -> None:
    """It is asked for once, and again after a failure; a branch that moves meanwhile makes no difference."""
    server.private.add("it")
    commits, login, source = Commits(), {"GIT_AUTH_TOKEN": {"value": TOKEN}}, GitSource(server.url("it"), "main", "")
    with pytest.raises(GitUnreadableError):
        commits.of(source, {}, Task())
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda path: commits.of(replace(source, path=path), login, Task()), ("", "app", "b", "c")))
    asked = len(server.sent)
    git(repository, "commit", "-q", "--allow-empty", "-m", "3")
    assert found == {commits.of(source, login, Task())}
    assert len(server.sent) == asked
    assert commits.of(replace(source, ref="HEAD"), login, Task()) not in found
