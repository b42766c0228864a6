"""The two marks a Pulumi value can carry: not known yet, and secret."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from image_assets.frozen import dataclass

#: The key that marks an object as something else than one, and its value for a secret (Pulumi's property encoding).
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's mark of a secret, not one
#: What stands for an unknown text.
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class _Unknown(Enum):
    """The type of the one value that stands for "known only after the update"."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        """Show the name that Pulumi's own display uses."""
        return "<unknown>"


UNKNOWN: Final = _Unknown.UNKNOWN
EMPTY: Mapping[str, Any] = MappingProxyType({})


def empty() -> Mapping[str, Any]:
    """Return the empty mapping (dataclasses take no mapping as a default)."""
    return EMPTY


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that must be encrypted in the state and never shown."""

    value: Any

    def __repr__(self) -> str:
        """Show nothing of the value."""
        return "[secret]"


def is_map(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Say whether a value is a map, as it comes or frozen."""
    return isinstance(value, Mapping)


def is_list(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Say whether a value is a list, as it comes or frozen."""
    return isinstance(value, list | tuple)


def plain(value: Any) -> Any:
    """Take the secret mark off the outermost value."""
    return plain(value.value) if isinstance(value, Secret) else value


def reveal(value: Any) -> Any:
    """Return the value with every secret mark taken off, at any depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if is_map(value):
        return {key: reveal(item) for key, item in value.items()}
    if is_list(value):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Say whether any part of the value is unknown."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if is_map(value):
        return any(map(has_unknown, value.values()))
    if is_list(value):
        return any(map(has_unknown, value))
    return value is UNKNOWN


def has_secret(value: Any) -> bool:
    """Say whether any part of the value is secret."""
    if is_map(value):
        return any(map(has_secret, value.values()))
    if is_list(value):
        return any(map(has_secret, value))
    return isinstance(value, Secret)
