"""What the examples' tests share."""

from pathlib import Path

import pytest


@pytest.fixture
def sdk(language: str, request: pytest.FixtureRequest) -> Path | None:
    """The TypeScript SDK (see `typescript_user`), packed only for programs that take it."""
    return request.getfixturevalue("typescript_user") if language == "typescript" else None
