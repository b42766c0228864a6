"""Whether the program that builds knows the network that is asked for, as far as its name tells."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from image_assets.errors import Problem
from image_assets.inputs.build_checks import check_network

#: What BuildKit's `force-network-mode` takes.
_NETWORKS: Final = ("default", "host", "none")
_WITH_BUILDKIT: Final = ("docker", "nerdctl", "finch")


def network_problems(network: str | None, executable: str) -> Iterator[Problem]:
    """Yield that BuildKit has no such network; other programs, as podman, have further ones."""
    name = PurePath(executable).name.lower()
    if not network or network in _NETWORKS or check_network(network):
        return
    if any(word in name for word in _WITH_BUILDKIT):
        yield Problem(
            "networkMode",
            f"BuildKit knows {', '.join(_NETWORKS)} only; another one is a builder's own (`docker buildx create "
            "--driver-opt network=NAME`)",
        )
