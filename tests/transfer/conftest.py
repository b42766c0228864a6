"""Something that publishes with a memory of its own."""

from pathlib import Path

import pytest

from tests.support.registry import Registry
from tests.transfer.support import Publisher


@pytest.fixture
def publisher(registry: Registry, tmp_path: Path) -> Publisher:
    """A publisher to the real registry."""
    return Publisher(registry.address, tmp_path)
