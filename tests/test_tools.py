"""What the tools make is what is checked in, and they do nothing twice."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support.contexts import write_files
from tests.support.paths import REPO, TOOLS_BIN

_BUILT = {"__pycache__", "node_modules", "build"}
_GENSDK = TOOLS_BIN / "gensdk"
needs_gensdk = pytest.mark.skipif(not _GENSDK.exists(), reason="needs .tools/bin/gensdk (tools/setup builds it)")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder that a generator could have made."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder): path for path in found}
    return {str(n): p.read_bytes() for n, p in names.items() if not _leftover(n)}


def _leftover(path: Path) -> bool:
    return any(part in _BUILT or part.endswith(".egg-info") for part in path.parts)


def gensdk(schema: Path, folder: Path) -> None:
    subprocess.run([REPO / "tools" / "gensdk", schema, folder], check=True)


def test_the_schema_is_what_the_tables_of_inputs_say() -> None:
    command = [sys.executable, "-m", "image_assets.inputs.schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (REPO / "schema.json").read_text() == printed, "run `make schema`"


@needs_gensdk
def test_the_sdks_are_what_the_schema_says(tmp_path: Path) -> None:
    gensdk(REPO / "schema.json", tmp_path)
    now, checked_in = tree(tmp_path), tree(REPO / "sdk")
    assert sorted(now) == sorted(checked_in), "run `make schema`"
    assert [name for name in now if now[name] != checked_in[name]] == [], "run `make schema`"


@needs_gensdk
def test_generating_again_deletes_what_is_stale_but_not_what_was_built(tmp_path: Path) -> None:
    gensdk(REPO / "schema.json", tmp_path)
    fresh = tree(tmp_path)
    write_files(tmp_path, {"python/stale.py": "", "nodejs/node_modules/kept": "", "go/old/gone.go": ""})
    gensdk(REPO / "schema.json", tmp_path)
    assert tree(tmp_path) == fresh
    assert (tmp_path / "nodejs" / "node_modules" / "kept").exists()


@needs_gensdk
def test_a_schema_that_does_not_bind_is_refused(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(
        '{"name": "x", "resources": {"x:index:A": {"inputProperties": {"a": {"$ref": "#/types/x:index:B"}}}}}'
    )
    done = subprocess.run([_GENSDK, schema, tmp_path / "sdk"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "x:index:B" in done.stderr
    assert not (tmp_path / "sdk").exists()


def test_setup_says_and_does_nothing_when_all_is_there() -> None:
    setup = str(REPO / "tools" / "setup")
    subprocess.run(setup, check=True)
    again = subprocess.run(setup, capture_output=True, text=True, check=True)
    assert again.stdout + again.stderr == ""


def test_with_docker_hands_on_the_exit_code() -> None:
    command = [str(REPO / "tools" / "with-docker"), "sh", "-c", "exit 7"]
    assert subprocess.run(command, check=False).returncode == 7


def test_the_source_plugin_starts_and_prints_its_port() -> None:
    plugin = subprocess.Popen([sys.executable, str(REPO)], stdout=subprocess.PIPE, text=True)
    try:
        assert plugin.stdout
        assert re.fullmatch(r"\d+\n", plugin.stdout.readline())
    finally:
        plugin.kill()
        plugin.communicate()


def test_the_first_program_of_the_readme_previews(new_project: NewProject, tmp_path: Path) -> None:
    text = (REPO / "README.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert program
    write_files(tmp_path, {"readme/api/Dockerfile": "FROM scratch\n"})
    project = new_project(program[1], "python", name="readme")
    assert re.search(r":[0-9a-f]{32}$", project.preview().outputs["imageUri"])


def test_every_target_of_the_makefile_is_explained() -> None:
    text = (REPO / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    shown = subprocess.run(
        ["make", "-s", "-C", REPO], capture_output=True, text=True, check=True, env={**os.environ, "MAKEFLAGS": ""}
    )
    assert {line.split()[0] for line in shown.stdout.splitlines()} == targets


def test_the_readme_names_every_input_and_output_of_an_asset() -> None:
    asset = json.loads((REPO / "schema.json").read_text())["resources"]["image-assets:index:DockerImageAsset"]
    named = set(re.findall(r"`(\w+)`", (REPO / "README.md").read_text()))
    assert set(asset["inputProperties"]) | set(asset["properties"]) <= named
