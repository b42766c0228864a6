"""Caches that a program names, for builds of single platforms: in one place the last would replace the others.

The names are those of Docker's "Cache storage backends".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from image_assets.frozen import dataclass
from image_assets.inputs.options import CacheOption

_DEFAULT_NAME: Final = "buildkit"


@dataclass(frozen=True)
class _Naming:
    """How a kind of cache is named.

    Attributes:
        target: The parameter of `cacheTo` that names it.
        source: That of `cacheFrom`.
        join: Adds to a name that of a platform.
        default: The name where none is given; None if there has to be one.
    """

    target: str
    source: str
    join: Callable[[str, str], str]
    default: str | None = None


def _with_dash(name: str, platform: str) -> str:
    return f"{name}-{platform}"


def _as_tag(reference: str, platform: str) -> str:
    tagged = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
    return _with_dash(tagged, platform)


def _below(directory: str, platform: str) -> str:
    return f"{directory.rstrip('/')}/{platform}"


_NAMINGS: Final[Mapping[str, _Naming]] = {
    "registry": _Naming("ref", "ref", _as_tag),
    "local": _Naming("dest", "src", _below),
    "gha": _Naming("scope", "scope", _with_dash, _DEFAULT_NAME),
    "s3": _Naming("name", "name", _with_dash, _DEFAULT_NAME),
    "azblob": _Naming("name", "name", _with_dash, _DEFAULT_NAME),
}
"""The kinds that keep one cache under a name; others, as `inline`, go with the image."""


def of_platform(
    sources: Sequence[CacheOption], targets: Sequence[CacheOption], platform: str
) -> tuple[tuple[CacheOption, ...], tuple[CacheOption, ...]]:
    """Return `cacheFrom` and `cacheTo` of one platform's build.

    What is read is renamed only if the program writes there, too: all else is taken for what its name says.
    """
    part = platform.replace("/", "-")
    written = {(option.type, name) for option in targets if (name := _name(option, to_write=True)) is not None}
    return (
        tuple(
            _renamed(option, part, to_write=False)
            if (option.type, _name(option, to_write=False)) in written
            else option
            for option in sources
        ),
        tuple(_renamed(option, part, to_write=True) for option in targets),
    )


def _name(option: CacheOption, *, to_write: bool) -> str | None:
    naming = _NAMINGS.get(option.type)
    if naming is None:
        return None
    return option.params.get(naming.target if to_write else naming.source, naming.default)


def _renamed(option: CacheOption, part: str, *, to_write: bool) -> CacheOption:
    naming, name = _NAMINGS.get(option.type), _name(option, to_write=to_write)
    if naming is None or name is None:
        return option
    parameter = naming.target if to_write else naming.source
    return CacheOption(option.type, {**option.params, parameter: naming.join(name, part)})
