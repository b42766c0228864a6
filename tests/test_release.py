"""What `make release` makes, as a stranger installs it."""

import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from image_assets import HOME
from tests.support.contexts import make_bulk, write_files
from tests.support.examples import base_image, copy_example
from tests.support.paths import REPO, TOOLS_BIN, VENV_BIN
from tests.support.project import Project
from tests.support.registry import Registry
from tools.artifacts import packages, plugin, vouchers
from tools.kit import golang

VERSION = json.loads((REPO / "schema.json").read_text())["version"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed plugin of this machine's platform."""
    folder = tmp_path_factory.mktemp("release")
    return plugin.pack(plugin.freeze(folder), VERSION, folder)


@pytest.fixture(scope="module")
def without_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with all that a user has, but no Python."""
    folder = tmp_path_factory.mktemp("path")
    for name in ("pulumi", "pulumi-language-yaml"):
        program = shutil.which(name, path=f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}")
        assert program
        (folder / name).symlink_to(program)
    for name in ("docker", "sh", "env", "git"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def installed(archive: Path, without_python: Path, project: Project) -> Project:
    """Install the plugin as its users do."""
    project.environ["PATH"] = str(without_python)
    project.pulumi("plugin", "install", "resource", "image-assets", VERSION, "--file", str(archive))
    return project


@pytest.mark.timeout(900)  # PyInstaller alone takes a minute on two cores.
@pytest.mark.usefixtures("docker_engine")
def test_the_packed_plugin_passes_the_quickstart_without_python(
    archive: Path, without_python: Path, tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    folder = copy_example("quickstart", tmp_path / "quickstart") / "yaml"
    project = installed(archive, without_python, Project(folder, tmp_path / "private"))
    project.set_config("repository", f"{registry.address}/{repository_name}")
    project.set_config("base", base_image(registry))
    uri = project.preview().outputs["imageUri"]
    assert project.up().outputs["imageUri"] == uri
    assert registry.tags(repository_name) == [uri.rpartition(":")[2]]
    project.preview(expect_no_changes=True)
    project.destroy()


@pytest.mark.timeout(900)
def test_its_fingerprints_are_those_of_the_environment(archive: Path, tmp_path: Path) -> None:
    """Large contexts are read by more processes, which are started from the packed program itself."""
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "plugin", filter="data")
    context = make_bulk(tmp_path / "context", 6000)
    write_files(context, {"ä/ö.txt": "names are not ASCII", ".dockerignore": "d001\n"})
    told = [
        subprocess.run(
            [program, "fingerprint", context, "--json"],
            capture_output=True,
            text=True,
            check=True,
            env={"LC_ALL": "C", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        ).stdout
        for program in (tmp_path / "plugin" / "image-assets", VENV_BIN / "image-assets")
    ]
    hashes = {json.loads(text)["assetHash"] for text in told}
    assert len(hashes) == 1


def test_the_archive_is_named_and_laid_out_as_pulumi_wants_it(archive: Path) -> None:
    assert archive.name.startswith(f"pulumi-resource-image-assets-v{VERSION}-")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
        assert {"pulumi-resource-image-assets", "image-assets", "LICENSE"} <= set(names)
        assert {(member.mtime, member.uid, member.uname) for member in packed} == {(0, 0, "")}
        assert not [name for name in names if "pulumi_aws" in name or name.endswith("/pulumi/__init__.py")]


@pytest.mark.timeout(600)
def test_the_wheels_say_what_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    made = {wheel.name.partition("-")[0]: wheel for wheel in packages.wheels(tmp_path, out)}
    assert made.keys() == {"image_assets", "pulumi_image_assets"}
    for wheel in made.values():
        with zipfile.ZipFile(wheel) as packed:
            (metadata,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
            described = Parser().parsestr(packed.read(metadata).decode())
            assert described["Version"] == VERSION
            urls = [url.partition(", ")[2] for url in described.get_all("Project-URL") or ()]
            assert urls
            assert all(url.startswith(f"https://{HOME}") for url in urls)
            assert described.get_all("Classifier")
            assert any("LICENSE" in name for name in packed.namelist())


PAGE = (REPO / "docs" / "first-preview.md").read_text()
FIRST: dict[str, tuple[str, str, str]] = {
    # The heading, the main file, and what `pulumi new` has put beside it.
    "YAML": ("yaml", "Pulumi.yaml", ""),
    "Python": ("python", "__main__.py", ""),
    "TypeScript": ("nodejs", "index.ts", '{"name": "first", "main": "index.ts"}'),
    "Go": ("go", "main.go", "module first\n\ngo 1.25\n"),
}
_BESIDE = {"TypeScript": "package.json", "Go": "go.mod"}


@pytest.fixture(scope="module")
def release(archive: Path) -> Path:
    """What `make release` makes for a user, but for what vouches for it."""
    packages.wheels(archive.parent, archive.parent)
    packages.npm(archive.parent, archive.parent)
    packages.go_module(archive.parent, VERSION, archive.parent)
    return archive.parent


def stranger_path(folder: Path) -> str:
    """Return a PATH with what a user of Pulumi has: its hosts (stand-ins here), and nothing else of this checkout."""
    folder.mkdir()
    hosts = REPO / "tests" / "support" / "bin"
    for name in ("pulumi", "pulumi-language-yaml", "go", "node", "npm"):
        program = shutil.which(name, path=f"{TOOLS_BIN}{os.pathsep}{os.environ['PATH']}")
        if program:
            (folder / name).symlink_to(Path(program).resolve())
    for name in ("pulumi-language-nodejs", "pulumi-language-go"):
        (folder / name).write_text(f'#!/bin/sh\nexec {VENV_BIN / "python"} {hosts / name} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "pulumi-language-python").symlink_to(hosts / "pulumi-language-python")
    return os.pathsep.join([str(folder), "/usr/bin", "/bin"])


@pytest.mark.slow
@pytest.mark.timeout(1200)  # PyInstaller, and each language's own packages from its registry.
@pytest.mark.parametrize("language", FIRST)
def test_a_stranger_has_a_preview_in_three_commands(language: str, release: Path, tmp_path: Path) -> None:
    runtime, main, beside = FIRST[language]
    section = PAGE.partition(f"## {language}\n")[2].partition("\n## ")[0]
    (program,) = re.findall(r"^```(?:yaml|python|typescript|go)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (commands,) = re.findall(r"^```console\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "release").symlink_to(release)
    folder = tmp_path / "first"
    write_files(folder, {"Pulumi.yaml": f"name: first\nruntime: {runtime}\n", "api/Dockerfile": "FROM scratch\n"})
    write_files(folder, {main: program} | ({_BESIDE[language]: beside} if beside else {}))
    path = stranger_path(tmp_path / "bin")
    if language == "Python":
        subprocess.run(["/usr/bin/env", "python3", "-m", "venv", tmp_path / "venv"], check=True)
        path = os.pathsep.join([str(tmp_path / "venv" / "bin"), path])
    kept = ("PIP_", "npm_", "NPM_", "GO", "SSL_", "NODE_EXTRA", "HTTPS_PROXY", "https_proxy")
    environ = {name: value for name, value in os.environ.items() if name.startswith(kept)} | {
        "PATH": path,
        "HOME": str(tmp_path / "home"),
        # Pulumi asks the system where the home is, and not HOME.
        "PULUMI_HOME": str(tmp_path / "home" / ".pulumi"),
        "GOFLAGS": "-mod=mod",
        # Users' caches of downloads are those of the machine; they hold nothing of this project.
        "GOPATH": subprocess.check_output([golang.go(), "env", "GOPATH"], text=True).strip(),
        "GOCACHE": subprocess.check_output([golang.go(), "env", "GOCACHE"], text=True).strip(),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_NODEJS_TYPESCRIPT": "true",
    }
    lines = ["pulumi stack init dev --non-interactive", *commands.splitlines()]
    assert len(lines) - 1 <= 3
    for line in lines:
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert (tmp_path / "home" / ".pulumi" / "plugins" / f"resource-image-assets-v{VERSION}").is_dir()
    assert re.search(r"imageUri: +\"?registry\.example\.com/team/api:[0-9a-f]{32}", done.stdout)


def test_the_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    write_files(tmp_path, {"b.whl": "b", "a.tgz": "a"})
    vouchers.checksums([tmp_path / "b.whl", tmp_path / "a.tgz"], tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_actions_are_pinned_by_digest() -> None:
    for workflow in (REPO / ".github" / "workflows").glob("*.yml"):
        uses = [line.split("uses:")[1].split()[0] for line in workflow.read_text().splitlines() if "uses:" in line]
        assert uses
        assert all(len(action.partition("@")[2]) == 40 for action in uses)


def test_nothing_points_to_a_place_that_is_not_the_projects() -> None:
    """One constant says where releases live; by default that is nobody's."""
    schema = (REPO / "schema.json").read_text()
    described = json.loads(schema)
    for key in ("homepage", "repository", "logoUrl", "pluginDownloadURL"):
        assert described[key].startswith(f"https://{HOME}"), key
    assert "github.com/image-assets" not in schema
