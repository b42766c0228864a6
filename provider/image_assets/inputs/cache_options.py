"""Where builds take layers from and leave them: the backends of BuildKit, and what each is told.

Rules: Docker's "Cache storage backends" and BuildKit's `cache/remotecache`, which passes over a parameter that it does
not know.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from image_assets.errors import Problem
from image_assets.inputs.checks import parsed_by
from image_assets.inputs.choices import CACHE_TYPE
from image_assets.inputs.options import CacheOption
from image_assets.inputs.property_path import join
from image_assets.inputs.types import Mapped, Property, Record, Text
from image_assets.inputs.wording import listed, nearest, one_of
from image_assets.reference import Reference
from image_assets.values import Secret, is_map, plain

_OF_ALL: Final = ("mode", "ignore-error", "compression", "compression-level", "force-compression")
_OF_MANIFESTS: Final = ("image-manifest", "oci-mediatypes")
_OF_STORES: Final = ("name", "prefix", "blobs_prefix", "manifests_prefix", "secret_access_key")
#: What each backend knows, for `cacheFrom` and `cacheTo` alike: the same object may stand in both.
_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "registry": ("ref", *_OF_ALL, *_OF_MANIFESTS, "registry.insecure"),
    "local": ("src", "dest", "digest", "tag", *_OF_ALL, *_OF_MANIFESTS),
    "gha": ("scope", "url", "url_v2", "token", "timeout", "repository", "ghtoken", "version", *_OF_ALL),
    "s3": (
        *("bucket", "region", "endpoint_url", "access_key_id", "session_token", "use_path_style", "touch_refresh"),
        *("upload_parallelism", "disable_accept_encoding", "retry_mode", "retry_max_attempts"),
        *_OF_STORES,
        *_OF_ALL,
    ),
    "azblob": ("account_url", "account_name", "container", *_OF_STORES, *_OF_ALL),
    "inline": _OF_ALL,
}
_BOOLEANS: Final = frozenset({"ignore-error", "force-compression", "registry.insecure", "use_path_style"}).union(
    _OF_MANIFESTS
)


def _word(*allowed: str) -> Callable[[str], str | None]:
    return lambda value: None if value in allowed else one_of(value, allowed)


def _boolean(value: str) -> str | None:
    # Go's strconv.ParseBool takes more; these are what people write.
    return None if value.lower() in {"true", "false", "1", "0"} else 'must be "true" or "false"'


#: What is wrong with a value, or None.
_VALUES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "mode": _word("min", "max"),
    "compression": _word("gzip", "zstd", "estargz", "uncompressed"),
    "ref": parsed_by(Reference.parse),
    **dict.fromkeys(_BOOLEANS, _boolean),
}


def _needing(needed: Mapping[str, tuple[str, str]]) -> Callable[[Mapping[str, Any]], Iterator[Problem]]:
    """Return the check of an option: a backend's parameters, of which some have to be there.

    Args:
        needed: By backend, the parameter and what it is.
    """

    def check(option: Mapping[str, Any]) -> Iterator[Problem]:
        kind, params = option.get("type"), option.get("params", {})
        if not isinstance(kind, str) or kind not in _PARAMETERS or not is_map(params):
            return
        for name, value in params.items():
            yield from _parameter_problems(kind, name, value)
        name, what = needed.get(kind, ("", ""))
        if name and plain(params.get(name)) in (None, ""):
            yield Problem(join("params", name), f"is missing: write {what}")

    return check


def _parameter_problems(kind: str, name: str, value: Any) -> Iterator[Problem]:
    path, known = join("params", name), list(_PARAMETERS[kind])
    bare = plain(value)
    if name not in known:
        reason = f"the cache of type `{kind}` has no such parameter{nearest(name, known) or listed(known)}"
        yield Problem(path, reason, is_shown=False)
    elif name in _VALUES and isinstance(bare, str) and (wrong := _VALUES[name](bare)):
        yield Problem(path, wrong, is_shown=not isinstance(value, Secret))


def _not_inline(kind: str) -> str | None:
    if kind != "inline":
        return None
    return (
        "`inline` is one for `cacheTo`; what it leaves is in the image: take it by `registry`, with its name as `ref`"
    )


def _option(
    check_kind: Callable[[str], str | None] | None, check: Callable[[Mapping[str, Any]], Iterator[Problem]]
) -> Record:
    return Record(
        "CacheOption",
        "A cache backend of BuildKit.",
        (
            Property(
                "type",
                Text(CACHE_TYPE, check=check_kind),
                "The backend: `registry`, `local`, `gha`, `s3`, `azblob`, or, in `cacheTo`, `inline`.",
                required=True,
            ),
            Property(
                "params",
                Mapped(Text(allow_empty=True)),
                "The backend's parameters by name, as in Docker's \"Cache storage backends\". Default: none.",
            ),
        ),
        check,
        CacheOption,
    )


_REFERENCE: Final = ("ref", "the image that holds the cache, as `registry/repository:tag`")
#: One item of `cacheFrom`, and one of `cacheTo`.
CACHE_SOURCE = _option(_not_inline, _needing({"registry": _REFERENCE, "local": ("src", "the cache's directory")}))
CACHE_TARGET = _option(None, _needing({"registry": _REFERENCE, "local": ("dest", "the cache's directory")}))
