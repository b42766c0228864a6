"""The names of platforms: `os/architecture[/variant]`, one spelling for each.

Rules: containerd's `platforms` ("Normalize"), which docker, BuildKit and podman follow; the systems and architectures
are those that Go compiles for (`go tool dist list`), as the OCI image spec refers to its names.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

_ALIASES_OF_SYSTEMS: Mapping[str, str] = {"macos": "darwin"}
#: Other names of an architecture, with the variant that they imply.
_ALIASES: Mapping[str, tuple[str, str]] = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
#: Variants of an architecture by their other spellings; one that is the usual one is left out, but for arm's.
_VARIANTS: Mapping[str, Mapping[str, str]] = {
    "amd64": {"v1": ""},
    "arm64": {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"},
    "arm": {"": "v7", "5": "v5", "6": "v6", "7": "v7", "8": "v8"},
}
_KNOWN_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "amd64": ("v2", "v3", "v4"),
    "arm": ("v5", "v6", "v7", "v8"),
    "arm64": (*(f"v8.{minor}" for minor in range(1, 10)), "v9", *(f"v9.{minor}" for minor in range(1, 8))),
    "ppc64le": ("power8", "power9", "power10"),
    "riscv64": ("rva20u64", "rva22u64", "rva23u64"),
}
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "linux": (
        *("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64"),
        *("mips", "mipsle", "mips64", "mips64le", "ppc64"),
    ),
    "windows": ("amd64", "arm64", "arm", "386"),
    "darwin": ("amd64", "arm64"),
    "freebsd": ("amd64", "arm64", "arm", "386", "riscv64"),
    "netbsd": ("amd64", "arm64", "arm", "386"),
    "openbsd": ("amd64", "arm64", "arm", "386", "ppc64", "riscv64"),
    "dragonfly": ("amd64",),
    "solaris": ("amd64",),
    "illumos": ("amd64",),
    "aix": ("ppc64",),
    "android": ("amd64", "arm64", "arm", "386"),
    "ios": ("amd64", "arm64"),
    "plan9": ("amd64", "arm", "386"),
    "js": ("wasm",),
    "wasi": ("wasm",),
    "wasip1": ("wasm",),
}


def normal(platform: str) -> str:
    """Return the one spelling of a platform; parts that nobody knows stay as they are."""
    system, *rest = platform.lower().split("/")
    architecture, implied = _ALIASES.get(rest[0], (rest[0], "")) if rest else ("", "")
    variant = implied or "/".join(rest[1:])
    variant = _VARIANTS.get(architecture, {}).get(variant, variant)
    return "/".join(part for part in (_ALIASES_OF_SYSTEMS.get(system, system), architecture, variant) if part)


def joined(system: str, architecture: str, variant: str) -> str | None:
    """Write a platform of a config or descriptor (OCI image spec, "Platform"); None unless it names both."""
    return normal(f"{system}/{architecture}/{variant}".rstrip("/")) if system and architecture else None


def wrong_with(platform: str) -> str | None:
    """Return what is wrong with a platform and what to write instead, or None."""
    if all(platform.split("/")) and normal(platform) in all_platforms():
        return None
    return f'"{platform}" is not a platform; {_advice(platform)}'


@cache
def all_platforms() -> tuple[str, ...]:
    """Return every platform there is, in its one spelling, the usual ones first."""
    return tuple(dict.fromkeys(map(normal, _names())))


def _names() -> Iterator[str]:
    """Yield every platform there is."""
    for system, architectures in _KNOWN.items():
        for architecture in architectures:
            for variant in ("", *_KNOWN_VARIANTS.get(architecture, ())):
                yield f"{system}/{architecture}/{variant}".rstrip("/")


def _advice(platform: str) -> str:
    """Say what to write instead."""
    if "," in platform:
        return "write several as a list, in `platforms`"
    near = _nearest(platform.strip().lower())
    return f"did you mean {near}?" if near else "write os/architecture as in linux/amd64 or linux/arm64"


def _nearest(written: str) -> str:
    """Return the platform that was probably meant; an architecture alone means Linux's."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    parts = [part for part in re.split(r"[^a-z0-9_.]+", written) if part]
    guesses = ("/".join(parts), "/".join(parts[:2]), "/".join(["linux", *parts]), "/".join([*parts, "amd64"]))
    for guess in (*guesses, "/".join(reversed(parts))):
        if normal(guess) in all_platforms():
            return normal(guess)
    spellings = dict.fromkeys(all_platforms()) | dict.fromkeys(f"linux/{alias}" for alias in _ALIASES)
    for text, cutoff in ((written, 0.6), (f"linux/{written}", 0.8)):
        if close := get_close_matches(text, spellings, n=1, cutoff=cutoff):
            return normal(close[0])
    return ""
