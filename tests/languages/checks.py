"""What must be true of the same story, told by programs of different languages."""

import re
from typing import Any

from tests.fakes.ecr_front import EcrFront


def check_story(story: dict[str, Any], aws: EcrFront, project: str) -> None:
    """Check what a program told of two previews and two deployments."""
    first, second = story["first"]["imageUri"], story["second"]["imageUri"]
    assert re.fullmatch(rf"{aws.address}/{project}\S*:[0-9a-f]{{32}}", first)
    assert first != second
    # The first preview knows the address, the second names the file and the new address.
    assert first in story["previews"]
    assert second in story["previews"]
    assert "a.txt" in story["previews"]
    assert story["first"]["granted"] == first
    assert story["first"]["platforms"] == ["linux/amd64"]
    assert set(story["after"]) == {"same"}
