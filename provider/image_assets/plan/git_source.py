"""A git repository as build context: which commit is meant, and its files.

Form: `URL#ref:subdirectory` (Docker's "Build context", "Git repositories"); both parts behind `#` may be missing.
Logins over HTTP are those of `git_login`, or what git itself finds.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.once import Answers
from image_assets.plan.git_login import Secrets, login_environment
from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

PROPERTY: Final = "directory"
_URL = re.compile(r"git://|ssh://|[\w.-]+@[\w.-]+:|https?://[^#]+\.git(?:#.*)?$|git\+\w+://")
#: Further forms that docker takes for a git repository (Docker's "Build context", "Git repositories").
_DOCKERS_URL = re.compile(r"git@|github\.com/|https?://[^#]+\.git\?")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LOGIN = re.compile(r"https?://[^/@]*@|://[^/@]*:[^/@]*@")
_PLAIN_REF = re.compile(r"(?!-)[\w./+@-]*", re.ASCII)
_TIMEOUT: Final = 60.0
"""Seconds for one question to a git server."""


class GitUnreadableError(InputError):
    """The repository did not answer, or refused."""


@dataclass(frozen=True)
class GitSource:
    """A place in a git repository.

    Attributes:
        url: The repository, as git takes it.
        ref: A branch, tag or commit; empty for the default branch.
        path: The directory in it, empty for its root.
    """

    url: str
    ref: str
    path: str


def git_source(directory: str) -> GitSource | None:
    """Return the place that a `directory` means, None if it is a path."""
    if not _URL.match(directory):
        return None
    url, _, rest = directory.partition("#")
    ref, _, path = rest.partition(":")
    return GitSource(url.removeprefix("git+"), ref, path.strip("/"))


def is_git(place: str) -> bool:
    """Say whether a place is meant as a git repository, also in a form that `git_source` does not take."""
    return bool(_URL.match(place) or _DOCKERS_URL.match(place))


def wrong_with(source: GitSource) -> str | None:
    """Return what is wrong with a place, without a word of the login that may be in it; None if nothing is."""
    if _LOGIN.search(source.url):
        return (
            "a login in a URL would be kept in the state and shown by other programs: take it out, and give it as the "
            "secret GIT_AUTH_TOKEN in `buildSecrets`, or to git by a credential helper or an ssh key"
        )
    if not _PLAIN_REF.fullmatch(source.ref):
        return "behind `#` there must be a branch, tag or commit"
    return "the directory must not lead out of the repository" if ".." in source.path.split("/") else None


def commit_of(source: GitSource, secrets: Secrets, task: Task) -> str:
    """Ask the repository for the commit that is meant.

    Raises:
        GitUnreadableError: It cannot be asked.
        InputError: It has none.
        CancelledByUserError: The user cancelled.
    """
    if _COMMIT.fullmatch(source.ref):
        return source.ref
    names = [source.ref, f"{source.ref}^{{}}"] if source.ref else ["HEAD"]
    git = _Git(None, login_environment(secrets, source.url), task)
    lines = git("ls-remote", "--", source.url, *names).splitlines()
    found = {name: commit for commit, _, name in (line.partition("\t") for line in lines)}
    # Of an annotated tag the commit counts, and a branch before a tag.
    places = [f"refs/heads/{source.ref}", f"refs/tags/{source.ref}^{{}}", f"refs/tags/{source.ref}", source.ref, "HEAD"]
    commit = next((found[place] for place in places if place in found), None)
    if commit is None:
        raise InputError.single(PROPERTY, f"{source.url} has no branch or tag {source.ref or 'HEAD'}")
    return commit


class Commits:
    """Asks for each commit once in a program, so that all images of one place are of the same; safe in many threads."""

    def __init__(self) -> None:
        self._answers: Answers[str] = Answers()

    def of(self, source: GitSource, secrets: Secrets, task: Task) -> str:
        """Return the commit that is meant; see `commit_of`, whose errors are not kept."""
        key = (source.url, source.ref, *sorted(login_environment(secrets, source.url).items()))
        return self._answers.get(key, lambda: commit_of(source, secrets, task), task)


def check_out(source: GitSource, commit: str, folder: Path, secrets: Secrets, task: Task) -> Path:
    """Write the files of a commit to a folder, without git's own; return the directory that is meant.

    Raises:
        InputError: The repository does not give it, or it has no such directory.
        CancelledByUserError: The user cancelled.
    """
    import shutil  # noqa: PLC0415 - most programs have no git source

    task.status(f"fetching {commit[:12]} of {source.url}")
    folder.mkdir()
    git = _Git(folder, login_environment(secrets, source.url), task)
    git("init", "-q")
    # Where submodules with relative URLs begin.
    git("remote", "add", "origin", source.url)
    try:
        git("fetch", "-q", "--depth=1", "origin", commit)
    except InputError:
        # Some servers give by name only.
        git("fetch", "-q", "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    git("-c", "advice.detachedHead=false", "checkout", "-q", commit)
    update = ("submodule", "-q", "update", "--init", "--recursive")
    try:
        git(*update, "--depth=1")
    except InputError:
        git(*update)
    # BuildKit, too, leaves them out of a context from git: they differ between two clones.
    shutil.rmtree(folder / ".git")
    for file in folder.rglob(".git"):
        file.unlink()
    directory = folder / source.path
    if not directory.is_dir():
        raise InputError.single(PROPERTY, f"commit {commit[:12]} of {source.url} has no directory {source.path}")
    return directory


@dataclass(frozen=True)
class _Git:
    """Runs git.

    Attributes:
        folder: Where; None for questions to servers.
        login: Variables with logins.
        task: Can cancel.
    """

    folder: Path | None
    login: Mapping[str, str] = field(repr=False)
    task: Task

    def __call__(self, *words: str) -> str:
        where = () if self.folder is None else ("-C", str(self.folder))
        timeout = _TIMEOUT if self.folder is None else None
        command = Command(("git", *where, *words), environment={**_environment(), **self.login}, timeout=timeout)
        try:
            finished = LocalRunner().run(command, self.task.cancelled)
        except (CommandMissingError, CommandTimeoutError) as error:
            raise GitUnreadableError.single(PROPERTY, f"the git repository cannot be read: {error}") from error
        if finished.code:
            raise GitUnreadableError.single(PROPERTY, f"the git repository cannot be read: {finished.text}")
        return finished.output.decode(errors="replace")


def _environment() -> Mapping[str, str]:
    """Return an environment in which git asks nobody."""
    return {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
