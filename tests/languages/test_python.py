"""The Python SDK under a type checker: a program of many kinds of inputs, wrong ones, and the schema's examples."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.languages.test_schema_examples import programs
from tests.support.contexts import write_files
from tests.support.paths import REPO

PROGRAMS = REPO / "tests" / "languages" / "python"
# An installed package is trusted; it is not here, where it is found in the checkout.
SETTINGS = "[mypy]\nstrict = True\n[mypy-pulumi_image_assets.*]\nignore_errors = True\n"


def test_mypy_finds_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    write_files(tmp_path, {f"example_{index}.py": text for index, text in enumerate(programs("python"))})
    for file in PROGRAMS.glob("*.py"):
        shutil.copy2(file, tmp_path)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", REPO / ".mypy_cache" / "sdk", "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(REPO / "sdk" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (REPO / "sdk" / "python" / "pulumi_image_assets" / "py.typed").exists()


def test_only_what_is_given_or_comes_back_is_followed() -> None:
    """The SDK makes an Output and several tasks of each property: most of the time of a program with many assets."""
    script = REPO / "tests" / "languages" / "python_cost.py"
    followed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout.split()
    assert {"directory", "image_uri", "platforms"} <= set(followed)
    assert "build_args" not in followed
    assert len(followed) == 12
