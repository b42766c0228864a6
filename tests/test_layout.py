"""A room imports only from rooms in rows above its own, and the heavy libraries stay where they belong."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "provider" / "image_assets"

ROWS = (
    ("frozen",),
    ("errors", "values", "__init__"),
    ("secrets",),
    ("task", "reference", "programs", "platforms"),
    ("once", "own_folder", "addresses"),
    ("custom_resource", "ignore", "oci", "inputs", "protocol"),
    ("context", "archive", "aws"),
    ("logins",),
    ("transfer", "docker", "plan"),
    ("publishing", "repository_policy", "retention"),
    ("image", "components"),
    ("plugin", "cli"),
)
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}

#: Who may import what costs start-up time or ties code to the world outside.
CONFINED: dict[str, set[str]] = {
    "pulumi": {"protocol"},
    "pulumi_aws": set(),
    "grpc": {"plugin", "protocol"},
    "click": {"cli"},
    "rich": {"cli"},
    "boto3": {"aws"},
    "botocore": {"aws"},
    "urllib3": {"oci"},
    "subprocess": {"programs"},
}

FILES = sorted(PACKAGE.rglob("*.py"))


#: The rooms whose `__init__` tells what each of their modules is for.
TOLD = (
    "archive",
    "aws",
    "cli",
    "components",
    "context",
    "docker",
    "ignore",
    "image",
    "inputs",
    "logins",
    "oci",
    "plan",
    "plugin",
    "programs",
    "protocol",
    "publishing",
    "repository_policy",
    "retention",
    "transfer",
)


@pytest.mark.parametrize("room", TOLD)
def test_a_room_tells_what_its_modules_are_for(room: str) -> None:
    words = set(re.findall(r"\w+", ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""))
    assert {file.stem for file in (PACKAGE / room).glob("*.py")} - {"__init__"} - words == set()


@pytest.mark.parametrize("room", TOLD)
def test_a_room_tells_of_no_module_that_is_elsewhere(room: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
    rows = re.findall(r"^ *(\w+(?: · \w+)*)  +\S", text, re.MULTILINE)
    named = {name for row in rows for name in row.split(" · ")}
    assert named - {path.stem for path in (PACKAGE / room).iterdir()} == set()


def test_the_package_tells_what_its_rooms_are_for() -> None:
    words = set(re.findall(r"\w+", ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""))
    assert {unit(file) for file in FILES} - {"__init__"} - words == set()


def unit(file: Path) -> str:
    """Return the room that a file is in; a module at the root is a room by itself."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_from_rows_above(file: Path) -> None:
    own = {name.split(".")[1] for name in imports(file) if name.startswith("image_assets.")}
    assert {name for name in own if name != unit(file) and ROW_OF[name] >= ROW_OF[unit(file)]} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_heavy_library_stays_in_its_place(file: Path) -> None:
    used = {name.split(".")[0] for name in imports(file)}
    assert {name for name in used & CONFINED.keys() if unit(file) not in CONFINED[name]} == set()


def test_no_name_of_a_row_is_without_a_file() -> None:
    assert ROW_OF.keys() - {unit(file) for file in FILES} == set()
