"""An image that the engine of this machine has already: asked for, never built or pulled."""

import json
from collections.abc import Mapping
from typing import Any, Final

from image_assets import platforms
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.programs.command import Command, CommandMissingError, CommandTimeoutError
from image_assets.programs.runner import LocalRunner
from image_assets.task import Task

PROPERTY: Final = "localImage"
_TIMEOUT: Final = 60.0
"""Seconds for a question that an engine answers from its own store."""


@dataclass(frozen=True)
class EngineImage:
    """An image in an engine's store.

    Attributes:
        identity: What the engine calls it: the digest of its config, or with the containerd store of its manifest.
        platform: `os/architecture[/variant]`; None if it does not say, or if there may be several: of an index the
            containerd store tells the platform of this machine, whatever else it holds.
    """

    identity: str
    platform: str | None


def inspect(executable: str, name: str, task: Task) -> EngineImage:
    """Ask the engine for an image.

    Raises:
        InputError: The engine has no such image, or does not answer.
        CancelledByUserError: The user cancelled.
    """
    command = Command((executable, "image", "inspect", name), timeout=_TIMEOUT)
    try:
        finished = LocalRunner().run(command, task.cancelled)
    except (CommandMissingError, CommandTimeoutError) as error:
        raise InputError.single(PROPERTY, f"the engine cannot be asked for {name}: {error}") from error
    if finished.code:
        said = finished.errors.decode(errors="replace").strip()
        raise InputError.single(
            PROPERTY, f"the engine cannot show the image {name}; build or pull it first ({executable}: {said})"
        )
    try:
        return _read(json.loads(finished.output))
    except (ValueError, LookupError, TypeError) as error:
        raise InputError.single(PROPERTY, f"`{executable} image inspect {name}` tells no image: {error}") from error


def _read(told: Any) -> EngineImage:
    facts = told[0]
    identity = str(facts["Id"]).removeprefix("sha256:")
    if _may_be_index(facts, f"sha256:{identity}"):
        return EngineImage(f"sha256:{identity}", None)
    names = (str(facts.get(key) or "") for key in ("Os", "Architecture", "Variant"))
    return EngineImage(f"sha256:{identity}", platforms.joined(*names))


def _may_be_index(facts: Mapping[str, Any], identity: str) -> bool:
    """Say whether an image may have several platforms.

    Before version 1.48 of its API the engine does not say what an image is. In containerd's store its ID is the digest
    by which registries know it, in the older store that of its config, which no registry knows it by.
    """
    from image_assets.oci.media_types import INDEXES  # noqa: PLC0415 - few programs have such an image

    if kind := (facts.get("Descriptor") or {}).get("mediaType"):
        return kind in INDEXES
    return any(str(one).endswith(f"@{identity}") for one in facts.get("RepoDigests") or ())
