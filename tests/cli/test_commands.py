"""The command line as people and scripts use it: its own process, real registries, pipes and terminals."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.conftest import NewProject
from tests.fakes.images import an_image, docker_save, oci_index
from tests.support.contexts import write_files
from tests.support.paths import VENV_BIN
from tests.support.registry import PASSWORD, USER, Registry

PROGRAM = str(VENV_BIN / "image-assets")
NO_CHANGE: Mapping[str, str] = MappingProxyType({})


def run(
    *arguments: str | Path, code: int = 0, folder: Path | None = None, environ: Mapping[str, str] = NO_CHANGE
) -> "subprocess.CompletedProcess[str]":
    command = [PROGRAM, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, **environ}, timeout=60
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def told(
    *arguments: str | Path, code: int = 0, folder: Path | None = None, environ: Mapping[str, str] = NO_CHANGE
) -> Any:
    return json.loads(run(*arguments, "--json", code=code, folder=folder, environ=environ).stdout)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A context with an ignore file and a re-included page."""
    files = {
        "Dockerfile": "FROM scratch\nCOPY . /\n",
        ".dockerignore": "# what is built\n*.log\nbuild\n!build/keep.txt\n",
        "a.txt": "a" * 2000,
        "b.log": "b",
        "build/x.bin": "x",
        "build/keep.txt": "k",
        "[slug].html": "page",
    }
    write_files(tmp_path / "site", files)
    return tmp_path / "site"


def test_ls_lists_what_reaches_the_builder(site: Path) -> None:
    found = {entry["path"]: entry["size"] for entry in told("ls", site)}
    assert found.keys() == {"Dockerfile", ".dockerignore", "a.txt", "build/", "build/keep.txt", "[slug].html"}
    assert found["a.txt"] == 2000
    first, *_ = run("ls", site, "--sort", "size").stdout.splitlines()
    assert first == "2.0 kB\ta.txt"


def test_ls_says_which_line_keeps_a_path_out(site: Path) -> None:
    out = {entry["path"]: (entry["origin"], entry["pattern"]) for entry in told("ls", site, "--ignored")}
    assert out == {"b.log": (".dockerignore:2", "*.log"), "build/x.bin": (".dockerignore:3", "build")}
    more = told("ls", site, "--ignored", "--exclude", "a.*", "--exclude", "!b.log")
    assert [(one["path"], one["origin"]) for one in more] == [
        ("a.txt", "exclude[0]"),
        ("build/x.bin", ".dockerignore:3"),
    ]


@pytest.mark.parametrize("mode", ["git", "glob"])
def test_ls_explains_other_languages_too(site: Path, mode: str) -> None:
    out = {entry["path"]: entry["pattern"] for entry in told("ls", site, "--ignored", "--ignore-mode", mode)}
    assert out == {"b.log": "*.log", "build/": "build"}


def test_ls_names_the_scope_where_no_pattern_decides(site: Path) -> None:
    write_files(site, {"Dockerfile": "FROM scratch\nCOPY a.txt /\n"})
    out = {entry["path"]: entry["origin"] for entry in told("ls", site, "--ignored", "--scope", "dockerfile")}
    assert out["[slug].html"] == "scope"
    assert out["b.log"] == ".dockerignore:2"
    assert "a.txt" not in out


def test_the_fingerprint_is_that_of_a_program(site: Path, new_project: NewProject) -> None:
    project = new_project(
        "resources:\n  app: {type: 'image-assets:DockerImageAsset', properties: {directory: ../site, target: t, "
        "repository: 'localhost:5000/app', buildArgs: {A: b}, invalidation: {target: false}}}\n"
        "outputs: {tag: '${app.imageTag}', hash: '${app.assetHash}'}\n"
    )
    outputs = project.preview().outputs
    write_files(site.parent, {"more.json": '{"invalidation": {"target": false}}'})
    options: list[str | Path] = ["--build-arg", "A=b", "--target", "t", "--inputs", site.parent / "more.json"]
    facts = told("fingerprint", site, *options)
    assert (facts["tag"], facts["assetHash"]) == (outputs["tag"], outputs["hash"])


def test_the_fingerprint_of_a_git_repository_is_that_of_a_program(site: Path, new_project: NewProject) -> None:
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", site)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True)
    place = f"git+file://{site}#:build"
    project = new_project(
        "resources:\n  app: {type: 'image-assets:DockerImageAsset', properties: {directory: "
        f"'{place}', repository: 'localhost:5000/app'}}}}\noutputs: {{tag: '${{app.imageTag}}'}}\n"
    )
    assert told("fingerprint", place)["tag"] == project.preview().outputs["tag"]
    assert "check the git repository out" in run("ls", place, code=2).stderr
    assert "directory: " in run("fingerprint", "https://host.invalid/it", code=1).stderr


def test_rows_differ_where_two_machines_do(site: Path) -> None:
    before = run("fingerprint", site, "--rows").stdout.splitlines()
    (site / "a.txt").chmod(0o755)
    after = run("fingerprint", site, "--rows").stdout.splitlines()
    assert [line.split("\t")[:2] for line in {*after} - {*before}] == [["executable", '"a.txt"']]
    assert before[0] == 'option\t"platform"\t"linux/amd64"'


def test_why_names_the_files_that_changed_since_a_state(
    site: Path, new_project: NewProject, registry: Registry
) -> None:
    archive = site.parent / "app.tar"
    archive.write_bytes(docker_save(an_image()))
    project = new_project(
        f"resources:\n  app: {{type: 'image-assets:DockerImageAsset', properties: {{directory: ../site, "
        f"repository: '{registry.address}/why'}}}}\n"
    )
    # The state of a preview is none, so the image is imported under the name that a publish would give it.
    tag = told("fingerprint", site)["tag"]
    project.set_config("image-assets:defaultPlatform", "linux/amd64")
    state = site.parent / "state.json"
    state.write_text(json.dumps(stored(project.name, site, told("fingerprint", site), registry)))
    assert f"nothing has changed, its tag is {tag}" in run("why", state, "app", "-C", project.folder).stdout
    (site / "a.txt").write_text("changed")
    write_files(site, {"new.txt": "n"})
    found = told("why", state, "app", "-C", project.folder)
    assert (found["edited"], found["added"], found["removed"]) == (["a.txt"], ["new.txt"], [])
    assert found["oldTag"] == tag != found["newTag"]
    assert "app" in run("why", state, "typo", "-C", project.folder, code=1).stderr


def stored(project: str, site: Path, facts: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a state with one image, as `pulumi stack export` writes it."""
    from image_assets.context import fingerprint  # noqa: PLC0415 - only here is the outline of use
    from image_assets.context.spec import ContextSpec  # noqa: PLC0415 - same
    from image_assets.task import Task  # noqa: PLC0415 - same

    outline = fingerprint((), {"": ContextSpec(site, site / "Dockerfile")}, Task(), None).outline
    inputs = {
        "directory": "../site",
        "repository": f"{registry.address}/why",
        "fingerprint": facts["assetHash"],
        "files": dict(outline),
    }
    urn = f"urn:pulumi:dev::{project}::image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::app"
    resource = {"urn": urn, "type": "image-assets:index:PublishedImage", "inputs": inputs, "outputs": {}}
    return {"version": 3, "deployment": {"resources": [resource]}}


def test_why_asks_for_secrets_that_count(site: Path) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    urn = "urn:pulumi:dev::p::image-assets:index:PublishedImage::app"
    inputs = {"directory": str(site), "repository": "localhost:5000/a", "buildArgs": {"A": secret}}
    resource = {"urn": urn, "type": "image-assets:index:PublishedImage", "inputs": inputs}
    state = site.parent / "state.json"
    state.write_text(json.dumps({"deployment": {"resources": [resource]}}))
    assert "--show-secrets" in run("why", state, "app", code=1).stderr


def test_publish_and_copy_keep_the_digest(tmp_path: Path, registry: Registry, repository_name: str) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(oci_index({"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}))
    target = f"{registry.address}/{repository_name}"
    published = told("publish", archive, f"{target}/a:one")
    assert published["imageDigest"] == registry.digest(f"{repository_name}/a", "one")
    assert run("publish", archive, f"{target}/a:one").stdout.strip() == published["imageDigestUri"]
    run("copy", f"{target}/a:one", f"{target}/b")
    assert registry.digest(f"{repository_name}/b", "one") == published["imageDigest"]
    run("copy", f"{target}/a@{published['imageDigest']}", f"{target}/c:two")
    assert registry.digest(f"{repository_name}/c", "two") == published["imageDigest"]


def test_a_tag_that_holds_another_image_is_not_moved(tmp_path: Path, registry: Registry, repository_name: str) -> None:
    target = f"{registry.address}/{repository_name}"
    for seed in ("a", "b"):
        (tmp_path / f"{seed}.tar").write_bytes(docker_save(an_image(seed)))
    run("publish", tmp_path / "a.tar", f"{target}:v1")
    before = registry.digest(repository_name, "v1")
    assert "v1" in run("publish", tmp_path / "b.tar", f"{target}:v1", code=1).stderr
    assert registry.digest(repository_name, "v1") == before


@pytest.mark.usefixtures("docker_engine")
def test_the_doctor_finds_a_machine_well(registry: Registry, repository_name: str) -> None:
    found = told("doctor", f"{registry.address}/{repository_name}")
    assert all(one["ok"] for one in found["findings"])
    assert {"program", "builder", "disk"} < {one["what"] for one in found["findings"]}
    posts = [one for one in registry.requests(repository_name) if one.method == "DELETE"]
    assert [one.status for one in posts] == [204]


def test_the_doctor_names_faults_and_their_remedies(
    tmp_path: Path, registry_with_auth: Registry, repository_name: str
) -> None:
    config = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "unix:///nowhere.sock"}
    found = told("doctor", f"{registry_with_auth.address}/{repository_name}", code=1, environ=config)
    faults = {one["what"]: one["told"] for one in found["findings"] if not one["ok"]}
    assert "DOCKER_HOST" in faults["builder"]
    assert "docker login" in faults[f"pull {registry_with_auth.address}/{repository_name}"]
    login = {registry_with_auth.address: {"username": USER, "password": PASSWORD}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": login}))
    found = told("doctor", f"{registry_with_auth.address}/{repository_name}", code=1, environ=config)
    assert [one["what"] for one in found["findings"] if not one["ok"]] == ["builder"]
    assert any(one["told"].startswith(USER) for one in found["findings"])


WRONG = {
    "no command": ((), 2, "Usage"),
    "unknown command": (("lss",), 2, "did you mean ls?"),
    "unknown option": (("ls", ".", "--nope"), 2, "--nope"),
    "missing directory": (("ls", "nowhere"), 2, "nowhere"),
    "no Dockerfile": (("ls", "."), 1, "Dockerfile"),
    "bad platform": (("fingerprint", "site", "--platform", "amd64"), 1, "platform"),
    "bad argument": (("fingerprint", "site", "--build-arg", "A"), 2, '--build-arg: "A" must be NAME=VALUE'),
    "bad reference": (("copy", "UPPER", "localhost:5000/a:b"), 2, "UPPER"),
    "nobody there": (("copy", "127.0.0.1:1/a:b", "127.0.0.1:1/b:b"), 1, "see whether the registry runs there"),
    "no tag": (("publish", "site/a.txt", "localhost:5000/a"), 2, "tag"),
    "no archive": (("publish", "site/a.txt", "localhost:5000/a:b"), 1, "a.txt"),
    "no state": (("why", "site/a.txt", "app"), 1, "pulumi stack export"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_line(site: Path, case: str) -> None:
    arguments, code, word = WRONG[case]
    done = run(*arguments, code=code, folder=site.parent)
    assert word in done.stderr


@pytest.mark.parametrize("options", ["ls", "ls --json", "fingerprint --rows"])
def test_a_reader_that_has_seen_enough_is_no_error(site: Path, options: str) -> None:
    write_files(site, {f"many/{number}.txt": "" for number in range(3000)})
    pipe = f"set -o pipefail; {PROGRAM} {options} {site} | head -1"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stderr.count("\n") <= 1  # what was counted; no complaint


@pytest.mark.parametrize("options", [["ls"], ["ls", "--json"], ["fingerprint"]])
def test_a_full_disk_is_one_error(site: Path, options: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *options, site], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    assert re.fullmatch(r"(\d+ files, .+\n)?Error: .*No space left on device\n", done.stderr)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_the_doctor_is_quick_where_nobody_listens(closed_port: int) -> None:
    found = told("doctor", f"localhost:{closed_port}/a", code=1)
    faults = {one["what"].split()[0]: one["told"] for one in found["findings"] if not one["ok"]}
    assert {"pull", "push"} <= faults.keys()
    assert all("refused" in faults[what] and "HTTPS_PROXY" in faults[what] for what in ("pull", "push"))
    assert "in time" not in faults["pull"]


def test_a_terminal_gets_a_table_with_headings(site: Path) -> None:
    screen = "".join(in_terminal(PROGRAM, "ls", str(site)))
    assert "size" in screen
    assert "[slug].html" in screen
    assert re.search(r"2\.0 kB +a\.txt", screen)


def in_terminal(*command: str) -> Iterator[str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 4096):
                yield chunk.decode()
    os.close(ours)


@pytest.mark.parametrize("command", ["publish", "copy", "doctor"])
def test_ctrl_c_ends_what_waits_for_a_registry(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.tar").write_bytes(docker_save(an_image()))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = f"127.0.0.1:{silent.getsockname()[1]}/app:v1"
        arguments = {"publish": [str(tmp_path / "app.tar"), there], "copy": [there, f"{there}2"], "doctor": [there]}
        with subprocess.Popen([PROGRAM, command, *arguments[command]], stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            connection.close()
    assert (process.returncode, errors.strip().splitlines()[-1]) == (130, "interrupted")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered(shell: str) -> None:
    done = subprocess.run(
        [PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_IMAGE_ASSETS_COMPLETE": f"{shell}_source"},
    )
    assert "image-assets" in done.stdout


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"image-assets \d+\.\d+\.\d+\n", run("--version").stdout)


def test_help_and_completion_load_no_heavy_library() -> None:
    loaded = "import sys; from image_assets.cli.main import program; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"rich", "grpc", "pulumi", "botocore", "urllib3"} & set(eval(done.stdout))
