"""R29: what earlier releases stored makes no difference today.

Each file in `recorded/` is the state of one image as the release of that name wrote it, for the program below. A file
is added with each release and never changed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import plugin as plugins
from tests.support.contexts import write_files

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*.json"))

FILES = {
    "app/Dockerfile": "FROM scratch\nCOPY . /\n",
    "app/.dockerignore": "*.log\n",
    "app/src/a.py": "one\n",
    "app/x.log": "log",
}
INPUTS: dict[str, Any] = {
    "directory": "app",
    "repository": "registry.example.com/team/app",
    "buildArgs": {"V": "1"},
    "tagPrefix": "v1-",
    "invalidation": {"ignoredBuildArgs": ["TOKEN"]},
    "labels": {"a": "b"},
    "extraTags": ["latest"],
}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_the_state_of_a_release_makes_no_difference(file: Path, tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    stored = json.loads(file.read_text())
    with plugins.running(tmp_path) as plugin:
        plugin.configure()
        inputs, failures = plugin.check(INPUTS)
        assert failures == {}
        assert plugin.diff(stored["inputs"], inputs, stored["outputs"]) == []


def test_the_releases_are_recorded() -> None:
    assert [file.stem for file in RECORDED] == ["0.1.0"]
