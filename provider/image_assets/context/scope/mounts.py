"""The mounts of a `RUN`, as far as they can be of the context.

Source: moby/buildkit, frontend/dockerfile/instructions/commands_runmount.go (`parseMount`).
"""

from typing import Final

from image_assets.context.scope.variables import Variables
from image_assets.context.scope.words import MARKS, UnjudgeableError

FLAG: Final = "--mount="
_OF_NO_CONTEXT: Final = frozenset(("cache", "tmpfs", "secret", "ssh"))
_SOURCES: Final = ("source", "src")
_WILD: Final = frozenset("*?[")


def mounted(mount: str, variables: Variables) -> tuple[str | None, str | None]:
    """Return the stage or image that a mount is of, and the path in the context if it is of that.

    Raises:
        UnjudgeableError: It is written in a form that is not understood.
    """
    if MARKS & set(mount):
        raise UnjudgeableError("it has quotes or escapes inside")
    options: dict[str, str] = {}
    for part in mount.split(","):
        key, _, value = part.partition("=")
        options["source" if key.lower() in _SOURCES else key.lower()] = value
    if from_ := options.get("from"):
        return from_, None
    kind = options.get("type", "bind").lower()
    if kind in _OF_NO_CONTEXT:
        return None, None
    if kind != "bind":
        raise UnjudgeableError(f"the type {kind} is not known here")
    path = variables.path(options.get("source", ""))
    if _WILD & set(path):
        # It is taken literally there, and names files here.
        raise UnjudgeableError("its source has characters of a pattern")
    return None, path
