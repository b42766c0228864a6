"""A stack's state as `pulumi stack export` writes it, or as backends store it (Pulumi's "Stack import/export")."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from image_assets.frozen import dataclass
from image_assets.values import SECRET_SIGNATURE, SIGNATURE, UNKNOWN

# The versions of the format.
_VERSIONS: Final = (1, 2, 3, 4)


class StateUnreadableError(Exception):
    """A text is no state, or a part of one; the message says why."""


@dataclass(frozen=True)
class ExportedState:
    """A state.

    Attributes:
        resources: Its resources.
        pending: The resources of operations that were under way when it was written.
    """

    resources: Sequence[Mapping[str, Any]]
    pending: Sequence[Mapping[str, Any]]


def parse_state(text: str) -> ExportedState:
    """Read a state; every resource has a URN and a type.

    Raises:
        StateUnreadableError: It is none.
    """
    try:
        exported = json.loads(text)
        # A backend's own file has the same below `checkpoint`.
        deployment = exported["deployment"] if "deployment" in exported else exported["checkpoint"]["latest"]
        if exported.get("version", 3) not in _VERSIONS:
            raise StateUnreadableError(f"its version {exported.get('version')} is not known")
        if deployment is None:
            deployment = {"manifest": {}}
        resources = deployment.get("resources") or []
        if not resources and "manifest" not in deployment:
            raise StateUnreadableError("it has neither resources nor a manifest")
        pending = [one["resource"] for one in deployment.get("pending_operations") or []]
        if not all(isinstance(one["urn"], str) and isinstance(one["type"], str) for one in [*resources, *pending]):
            raise StateUnreadableError("a resource in it has no name")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateUnreadableError(f"it is no exported state ({type(error).__name__}: {error})") from error
    return ExportedState(resources, pending)


def stored_value(value: Any) -> Any:
    """Return a stored value without its marks; what is encrypted is `UNKNOWN`.

    Raises:
        StateUnreadableError: A secret in it is damaged, or it is nested too deeply.
    """
    try:
        return _unmarked(value)
    except RecursionError as error:
        raise StateUnreadableError("a value in it is nested too deeply") from error


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) != SECRET_SIGNATURE:
        return {key: _unmarked(item) for key, item in value.items()}
    if "plaintext" not in value:
        return UNKNOWN
    try:
        return _unmarked(json.loads(value["plaintext"]))
    except (ValueError, TypeError) as error:
        raise StateUnreadableError("a secret in it is damaged") from error
