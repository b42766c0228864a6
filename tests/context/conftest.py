"""What the tests of contexts share: trees, and a BuildKit to compare with."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.context import buildkit as own_buildkit
from tests.context import everything as own_everything
from tests.context.buildkit import BuildKit
from tests.context.everything import Everything


@pytest.fixture(scope="session")
def buildkit() -> Iterator[BuildKit]:
    """A BuildKit of this test process alone; its folder is short, since a socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="bk-") as folder, own_buildkit.running(Path(folder)) as builder:
        yield builder


@pytest.fixture(scope="session")
def everything() -> Iterator[Everything]:
    """A registry that has every image."""
    with own_everything.running() as registry:
        yield registry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty context."""
    folder = tmp_path / "context"
    folder.mkdir()
    return folder
