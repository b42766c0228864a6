"""What an engine tells of an image, as its versions put it."""

import json
from pathlib import Path
from typing import Any

import pytest

from image_assets.plan.local_image import EngineImage, inspect
from image_assets.task import Task

ID = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    ("more", "platform"),
    [
        ({"RepoDigests": []}, "linux/arm64"),
        ({"RepoDigests": None}, "linux/arm64"),
        # In the older store the ID is the config's digest.
        ({"RepoDigests": [f"ghcr.io/me/app@{OTHER}"]}, "linux/arm64"),
        # In containerd's it is that of a manifest or an index, and before API 1.48 nothing says of which.
        ({"RepoDigests": [f"ghcr.io/me/app@{ID}"]}, None),
        ({"RepoDigests": [f"ghcr.io/me/app@{ID}"], "Descriptor": {"mediaType": INDEX}}, None),
        ({"RepoDigests": [f"ghcr.io/me/app@{ID}"], "Descriptor": {"mediaType": MANIFEST}}, "linux/arm64"),
    ],
)
def test_the_platform_is_known_where_there_is_but_one(
    more: dict[str, Any], platform: str | None, tmp_path: Path
) -> None:
    """The engine tells the platform of this machine, whatever else an index holds."""
    told = [{"Id": ID, "Os": "linux", "Architecture": "arm64", **more}]
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(told)}\nEND\n")
    program.chmod(0o755)
    assert inspect(str(program), "app", Task()) == EngineImage(ID, platform)
