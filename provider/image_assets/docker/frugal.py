"""What buildx does for every build although nobody asked for it, switched off where the user has not decided."""

from collections.abc import Mapping
from typing import Final

from image_assets.docker.argv import OFF
from image_assets.docker.spec import BuildSpec

_COLLECTOR: Final = {"GOGC": "400"}
"""One build lives shortly and needs some 20 MB: collecting its garbage takes a sixth of its processor time."""
_NO_GIT: Final = {"BUILDX_GIT_INFO": "false"}
"""Only provenance tells what repository a build came from; to ask git, which may look at all its files, takes long."""
_ABOUT_GIT: Final = ("BUILDX_GIT_INFO", "BUILDX_GIT_LABELS")
_PROVENANCE: Final = ("--provenance", "--attest")


def frugal(spec: BuildSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that make buildx do no more than a build needs.

    Args:
        spec: The build.
        environ: The user's environment: what it decides stays.
    """
    collector = {} if "GOGC" in environ else _COLLECTOR
    wants_git = spec.provenance != OFF or any(flag.startswith(_PROVENANCE) for flag in spec.build_flags)
    return {**collector, **({} if wants_git or any(name in environ for name in _ABOUT_GIT) else _NO_GIT)}
