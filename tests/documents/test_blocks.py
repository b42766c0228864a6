"""No block of a page goes unproven: commands are run by a test or say why not, programs have inputs that exist."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.languages.test_schema_examples import programs
from tests.support.documents import NOT_RUN, SHELLS, Block, blocks, pages, shell_blocks
from tests.support.examples import EXAMPLES, take_go_sdk
from tests.support.paths import REPO
from tools.kit import golang, node

SCHEMA = json.loads((REPO / "schema.json").read_text())
#: Pages that a test outside this folder plays.
ELSEWHERE = {"docs/first-preview.md": REPO / "tests" / "test_release.py"}
SHOWN_ONLY = {"mermaid", "text", ""}
PROGRAMS = {"python", "typescript", "go", "yaml", "json", "csharp", "java"}
MYPY = """
[mypy]
[mypy-pulumi_aws.*]
follow_imports = skip
[mypy-pulumi_image_assets.*]
ignore_errors = True
"""
ALL = [block for page in pages() for block in blocks(page)]


def in_language(language: str) -> list[Any]:
    return [pytest.param(one, id=f"{one.page}:{one.line}") for one in ALL if one.language == language]


def test_every_page_with_commands_is_played_by_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    played = set(re.findall(r'\bplay\("([\w./-]+\.md)"', source))
    played |= {f"examples/{name}/README.md" for name in re.findall(r'\bplay\(\s*"([\w-]+)"', source)}
    played |= {page for page, test in ELSEWHERE.items() if f'"{page.rpartition("/")[2]}"' in test.read_text()}
    wanted = {page for page in pages() if any(block.is_run for block in shell_blocks(page))}
    assert (wanted - played, played - wanted) == (set(), set())


def test_what_is_not_run_is_on_its_page_and_what_is_shown_is_of_a_known_kind() -> None:
    left = {key for key in NOT_RUN if any(block.page == key[0] and not block.is_run for block in ALL)}
    assert left == set(NOT_RUN)
    known = SHELLS | PROGRAMS | SHOWN_ONLY
    assert [f"{block.page}:{block.line}" for block in ALL if block.language not in known] == []


@pytest.mark.parametrize("language", ["csharp", "java"])
def test_programs_for_these_languages_are_examples_of_the_schema(language: str) -> None:
    """Those are compiled, where there is a compiler."""
    known = [text.strip() for text in programs(language)]
    assert [block.line for block in ALL if block.language == language and block.text.strip() not in known] == []


def test_commands_that_are_not_run_are_shell() -> None:
    for block in ALL:
        if block.language in SHELLS and not block.is_run:
            done = subprocess.run(["bash", "-n"], input=block.commands, text=True, capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


def test_json_is_json() -> None:
    for block in ALL:
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("block", in_language("yaml"))
def test_inputs_in_yaml_exist(block: Block) -> None:
    assert list(wrong_resources(yaml.safe_load(block.text))) == []


@pytest.mark.parametrize(
    "program", sorted(EXAMPLES.rglob("Pulumi.yaml")), ids=lambda path: str(path.relative_to(EXAMPLES).parent)
)
def test_inputs_of_examples_in_yaml_exist(program: Path) -> None:
    assert list(wrong_resources(yaml.safe_load(program.read_text()))) == []


def wrong_resources(program: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong in the assets that a program or a part of one declares."""
    for name, resource in program.get("resources", {}).items():
        package, _, kind = resource["type"].rpartition(":")
        if package == "image-assets":
            described = SCHEMA["resources"][f"image-assets:index:{kind}"]
            missing = set(described.get("requiredInputs", ())) - set(resource["properties"])
            yield from (f"{name}.{key} is missing" for key in missing)
            yield from wrong_inputs(resource["properties"], described["inputProperties"], name)


def wrong_inputs(given: dict[str, Any], described: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the inputs that the schema has not got, and those of another kind, in objects and lists too."""
    for key, value in given.items():
        if key not in described:
            yield f"{path}.{key}"
        else:
            yield from wrong_value(value, described[key], f"{path}.{key}")


def wrong_value(value: Any, kind: dict[str, Any], path: str) -> Iterator[str]:
    reference = kind.get("$ref", "").rpartition("/")[2]
    if isinstance(value, str) and value.startswith("${"):
        return
    if isinstance(value, dict) and "properties" in SCHEMA["types"].get(reference, {}):
        yield from wrong_inputs(value, SCHEMA["types"][reference]["properties"], path)
    elif isinstance(value, list) and kind.get("type") == "array":
        for at, item in enumerate(value):
            yield from wrong_value(item, kind["items"], f"{path}[{at}]")
    elif isinstance(value, dict) and kind.get("type") == "object":
        for key, item in value.items():
            yield from wrong_value(item, kind.get("additionalProperties", {}), f"{path}.{key}")
    elif isinstance(value, list | dict) or (kind.get("type") in {"array", "object"}):
        yield f"{path}: {value!r}"
    elif (kind.get("type"), type(value)) in {("boolean", str), ("integer", str), ("string", bool), ("string", int)}:
        yield f"{path}: {value!r} is not of the type {kind['type']}"


def test_the_check_of_yaml_finds_what_is_wrong() -> None:
    text = """
        resources:
          a:
            type: image-assets:DockerImageAsset
            properties:
              dir: app
              destinations: [{repo: x}]
              buildArgs: [1]
              retainOnDelete: "no"
              pinBaseImages: ${x}
    """
    found = [problem.partition(":")[0] for problem in wrong_resources(yaml.safe_load(text))]
    assert found == ["a.directory is missing", "a.dir", "a.destinations[0].repo", "a.buildArgs", "a.retainOnDelete"]


def test_programs_in_python_have_inputs_that_exist(tmp_path: Path) -> None:
    """By mypy, over the SDK as it is installed; a second block of a page goes on from the first."""
    for page in pages():
        found = [block.text for block in blocks(page) if block.language == "python"]
        if found:
            name = re.sub(r"\W", "_", page)
            (tmp_path / f"{name}.py").write_text("\n".join(found))
            ast.parse("\n".join(found))
    for path in EXAMPLES.rglob("__main__.py"):
        shutil.copy2(path, tmp_path / f"{'_'.join(path.relative_to(EXAMPLES).parts[:-1]).replace('-', '_')}.py")
    (tmp_path / "wrong.py").write_text('import pulumi_image_assets as assets\n\nassets.DockerImageAsset("a", dir=1)\n')
    (tmp_path / "mypy.ini").write_text(MYPY)
    said = subprocess.run(
        [
            REPO / ".venv" / "bin" / "mypy",
            "--config-file",
            "mypy.ini",
            *sorted(path.name for path in tmp_path.glob("*.py")),
        ],
        cwd=tmp_path,
        env={"MYPYPATH": str(REPO / "sdk" / "python"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    wrong = [line for line in said.splitlines() if ": error:" in line]
    assert wrong, said
    assert [line for line in wrong if not line.startswith("wrong.py")] == []


def test_programs_in_typescript_compile(typescript_user: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(typescript_user / "node_modules")
    found = [block.text for block in ALL if block.language == "typescript"]
    for at, text in enumerate(found):
        (tmp_path / f"block{at}.ts").write_text(text)
    options = ["--strict", "--module", "commonjs", "--target", "es2022", "--skipLibCheck", "--noEmit"]
    tsc = typescript_user / "node_modules" / ".bin" / "tsc"
    done = subprocess.run(
        [tsc, *options, *tmp_path.glob("*.ts")], env=node.node().environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.timeout(900)
def test_programs_in_go_pass_vet(tmp_path: Path) -> None:
    shutil.copy2(EXAMPLES / "quickstart" / "go" / "go.mod", tmp_path)
    found = [block.text for block in ALL if block.language == "go"]
    for at, text in enumerate(found):
        (tmp_path / f"block{at}").mkdir()
        (tmp_path / f"block{at}" / "main.go").write_text(text)
    take_go_sdk(tmp_path)
    done = subprocess.run([golang.go(), "vet", "./..."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
