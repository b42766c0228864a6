"""What the tools make is what is checked in, and they do nothing twice."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.support import terminal
from tests.support.contexts import write_files
from tests.support.paths import REPO, TOOLS_BIN
from tools.kit import jobs
from tools.kit.commands import SetupError

_BUILT = {"__pycache__", "node_modules", "build"}
GENERATORS = (TOOLS_BIN / "codegen", TOOLS_BIN / "codegen-older")
needs_generators = pytest.mark.skipif(
    not all(program.exists() for program in GENERATORS), reason="needs the generators (tools/setup builds them)"
)


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


@needs_generators
def test_the_sdks_are_what_the_schema_says(tmp_path: Path) -> None:
    gensdk(REPO / "schema.json", tmp_path)
    now, checked_in = tree(tmp_path), tree(REPO / "sdk")
    assert sorted(now) == sorted(checked_in), "run `make schema`"
    assert [name for name in now if now[name] != checked_in[name]] == [], "run `make schema`"


@needs_generators
def test_the_examples_of_the_schema_are_what_their_programs_say() -> None:
    command = [REPO / "tools" / "genexamples", REPO / "schema.json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    checked_in = REPO / "provider" / "image_assets" / "inputs" / "examples.json"
    assert checked_in.read_text() == printed, "run `make schema`"


@needs_generators
def test_generating_again_deletes_what_is_stale_but_not_what_was_built(tmp_path: Path) -> None:
    gensdk(REPO / "schema.json", tmp_path)
    fresh = tree(tmp_path)
    write_files(tmp_path, {"python/stale.py": "", "nodejs/node_modules/kept": "", "go/old/gone.go": ""})
    gensdk(REPO / "schema.json", tmp_path)
    assert tree(tmp_path) == fresh
    assert (tmp_path / "nodejs" / "node_modules" / "kept").exists()


@needs_generators
def test_a_schema_that_does_not_bind_is_refused(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(
        '{"name": "x", "resources": {"x:index:A": {"inputProperties": {"a": {"$ref": "#/types/x:index:B"}}}}}'
    )
    command = [REPO / "tools" / "gensdk", schema, tmp_path / "sdk"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "x:index:B" in done.stderr
    assert not (tmp_path / "sdk").exists()


BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
from tools.kit import golang
from tools.kit.commands import SetupError
try:
    golang.build(*(golang.Program(name, name, ".") for name in sys.argv[2:]))
except SetupError as error:
    sys.exit(f"setup: {error}")
"""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A copy of the kit beside two small Go programs, with tools of its own."""
    shutil.copytree(REPO / "tools" / "kit", tmp_path / "tools" / "kit")
    for name in ("one", "two"):
        files = {"go.mod": f"module {name}\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {}\n"}
        write_files(tmp_path / "tools" / name, files)
    return tmp_path


def build_command(kit: Path, *names: str) -> list[str]:
    return [sys.executable, "-c", BUILD, str(kit), *names]


needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="needs go")


@needs_go
def test_building_prints_one_line_for_each_program_and_nothing_the_second_time(kit: Path) -> None:
    command = build_command(kit, "one", "two")
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    first = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"(setup: building (one|two): (\d+ min )?\d+ s\n){2}", first.stdout)
    assert first.stderr == ""
    assert all((kit / ".tools" / "bin" / name).exists() for name in ("one", "two"))
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout + again.stderr == ""


@needs_go
def test_a_terminal_shows_what_is_built_and_for_how_long(kit: Path) -> None:
    with terminal.opened(build_command(kit, "one", "two"), kit, os.environ | {"TERM": "xterm"}) as screen:
        shown = [line for line in screen.wait(120) if line]
    assert [line.rpartition(":")[0] for line in shown] == ["setup: building one", "setup: building two"]
    assert all(re.search(r": (\d+ min )?\d+ s$", line) for line in shown)


@needs_go
def test_a_build_that_fails_names_its_log(kit: Path) -> None:
    (kit / "tools" / "two" / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    failed = subprocess.run(build_command(kit, "one", "two"), capture_output=True, text=True, check=False)
    log = kit / ".tools" / "logs" / "two.log"
    assert failed.returncode == 1
    assert str(log) in failed.stderr
    assert "undefined: nonsense" in failed.stderr
    assert "undefined: nonsense" in log.read_text()
    assert "Traceback" not in failed.stderr


def test_jobs_run_side_by_side_and_the_first_failure_ends_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LOGS", tmp_path)
    both = threading.Barrier(2, timeout=20)

    def fail(_job: jobs.Job) -> None:
        both.wait()
        raise SetupError("no")

    def sleep(job: jobs.Job) -> None:
        both.wait()
        job.run(["sleep", "600"])

    started = time.monotonic()
    with pytest.raises(SetupError, match="no"):
        jobs.do(jobs.Job("fails", "fails", fail), jobs.Job("sleeps", "sleeps", sleep), at_once=2)
    assert time.monotonic() - started < 60


def test_setup_says_and_does_nothing_when_all_is_there() -> None:
    setup = str(REPO / "tools" / "setup")
    subprocess.run(setup, check=True)
    again = subprocess.run(setup, capture_output=True, text=True, check=True)
    assert again.stdout + again.stderr == ""


def test_setup_compiles_what_has_changed() -> None:
    source = REPO / "provider" / "image_assets" / "reference.py"
    compiled = Path(importlib.util.cache_from_source(str(source)))
    compiled.unlink(missing_ok=True)
    subprocess.run(str(REPO / "tools" / "setup"), env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, check=True)
    assert compiled.exists()


def test_with_docker_hands_on_the_exit_code() -> None:
    command = [str(REPO / "tools" / "with-docker"), "sh", "-c", "exit 7"]
    assert subprocess.run(command, check=False).returncode == 7


def interrupted(command: list[str], when: str) -> tuple[int, str]:
    """Press Ctrl-C when a command has printed something; return its exit code and the rest of what it printed."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        assert running.stdout
        assert any(when in line for line in running.stdout)
        os.killpg(running.pid, signal.SIGINT)
        rest = running.stdout.read()
    return running.returncode, rest


def test_with_docker_leaves_ctrl_c_to_the_command() -> None:
    slow = "trap 'sleep 1; exit 9' INT; echo started; while :; do sleep 1; done"
    code, _ = interrupted([str(REPO / "tools" / "with-docker"), "sh", "-c", slow], "started")
    assert code == 9


@pytest.mark.usefixtures("docker_engine")
def test_ctrl_c_ends_the_demo_in_a_line_and_leaves_nothing() -> None:
    before = images()
    code, printed = interrupted([str(REPO / "tools" / "demo")], "== ")
    assert (code, printed.splitlines()[-1]) == (130, "demo: stopped"), printed
    assert "Traceback" not in printed
    assert images() <= before


def images() -> set[str]:
    """Return the names of the demo's images in the engine."""
    command = ["docker", "images", "--format", "{{.Repository}}", "localhost:*/quickstart-base"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


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
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    shown = subprocess.run(
        ["make", "-s", "-C", REPO], capture_output=True, text=True, check=True, env={**os.environ, "MAKEFLAGS": ""}
    )
    assert {line.split()[0] for line in shown.stdout.splitlines()} == targets


def test_the_page_of_inputs_names_every_input_and_output_of_an_asset() -> None:
    asset = json.loads((REPO / "schema.json").read_text())["resources"]["image-assets:index:DockerImageAsset"]
    named = set(re.findall(r"`(\w+)`", (REPO / "docs" / "inputs.md").read_text()))
    assert set(asset["inputProperties"]) | set(asset["properties"]) <= named


def test_the_pictures_of_the_readme_are_there_for_light_and_dark_pages() -> None:
    named = set(re.findall(r'(?:src|srcset)="(docs/pictures/[^"]+)"', (REPO / "README.md").read_text()))
    assert named == {str(path.relative_to(REPO)) for path in (REPO / "docs" / "pictures").iterdir()}
    assert all("<svg" in (REPO / name).read_text() for name in named)
    assert not any(re.search(r"font-face|url\(https?:|/work/|/root/", (REPO / name).read_text()) for name in named)
