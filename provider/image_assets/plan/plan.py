"""From inputs to what will be read, built and published: absolute paths, and the options that count."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from image_assets.context.spec import ContextSpec, FollowSymlinks, IgnoreMode, Scope
from image_assets.errors import Problem
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.inputs.types import join, plain

#: Inputs by whose effect the content counts: while one is unknown, so is the fingerprint.
CONTENT_INPUTS = ("directory", "file", "exclude", "ignoreMode", "followSymlinks", "scope", "tarballFile", "image")

#: Options that count, by the `invalidation` switch that can take them out.
SWITCHES: Mapping[str, str] = {
    "buildArgs": "buildArgs",
    "buildContexts": "buildContexts",
    "buildSecrets": "buildSecrets",
    "target": "target",
    "networkMode": "networkMode",
    "platform": "platform",
    "platforms": "platform",
    "extraHash": "extraHash",
    "buildFlags": "buildFlags",
}


@dataclass(frozen=True)
class Plan:
    """What an image is made from, located on this machine.

    Attributes:
        options: The options that count, as (name, text).
        contexts: The contexts that count, the main one under the empty name; none if the user gave a hash.
        archive: The archive and the image's name in it, instead of contexts.
    """

    options: tuple[tuple[str, str], ...]
    contexts: Mapping[str, ContextSpec]
    archive: tuple[Path, str | None] | None = None


def fingerprint_is_known(inputs: Inputs) -> bool:
    """Say whether everything that counts is known."""
    if inputs.asset_hash is not None:
        return True
    return not any(path_counts(inputs, path) for path in inputs.unknown)


def path_counts(inputs: Inputs, path: str) -> bool:
    """Say whether an unknown value at this path makes the fingerprint unknown."""
    name = re.split(r"[.\[]", path, maxsplit=1)[0]
    if name in CONTENT_INPUTS or name in ("assetHash", "invalidation"):
        return True
    if name == "buildSecrets" and path != name:
        return False
    if path in {join("buildArgs", arg) for arg in inputs.ignored_build_args}:
        return False
    return name in SWITCHES and inputs.counts(SWITCHES[name])


def make_plan(inputs: Inputs, settings: Settings, base: Path) -> Plan:
    """Locate everything that is known; `base` is the program's directory."""
    if inputs.asset_hash is not None:
        return Plan((("assetHash", inputs.asset_hash),), {})
    if inputs.tarball_file is not None:
        return Plan((), {}, (base / inputs.tarball_file, inputs.image))
    contexts = {"": main_context(inputs, base)}
    if inputs.counts("buildContexts"):
        contexts |= named_contexts(inputs, base)
    return Plan(tuple(counted_options(inputs, settings)), contexts)


def main_context(inputs: Inputs, base: Path) -> ContextSpec:
    """Return the build context of a directory."""
    root = base / (inputs.directory or "")
    return ContextSpec(
        root=root,
        dockerfile=root / inputs.file,
        ignore_mode=cast("IgnoreMode", inputs.ignore_mode),
        exclude=inputs.exclude,
        follow_symlinks=cast("FollowSymlinks", inputs.follow_symlinks),
        count_dockerfile=inputs.counts("file"),
        scope=cast("Scope", inputs.scope),
        target=inputs.target,
        build_args=inputs.build_args,
        build_flags=inputs.build_flags,
    )


def named_contexts(inputs: Inputs, base: Path) -> dict[str, ContextSpec]:
    """Return the named contexts that are local directories."""
    local = {name: value for name, value in inputs.build_contexts.items() if is_local(value)}
    return {name: ContextSpec(root=base / value, dockerfile=None) for name, value in local.items()}


def is_local(value: str) -> bool:
    """Say whether a named context is a directory here (buildx: everything without a scheme is a path)."""
    return "://" not in value and not value.startswith(("target:", "git@"))


def platforms_of(inputs: Inputs, settings: Settings) -> tuple[str, ...]:
    """Return the platforms to build for, sorted, in their normal form."""
    given = inputs.platforms or ((inputs.platform,) if inputs.platform else (settings.default_platform,))
    return tuple(sorted({normal_platform(platform) for platform in given}))


def normal_platform(platform: str) -> str:
    """Return the shortest spelling (containerd platforms: arm64's variant v8 is the default)."""
    return platform.removesuffix("/v8") if platform.startswith("linux/arm64/") else platform


def counted_options(inputs: Inputs, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the options that count, as (name, text)."""
    for name, values in option_values(inputs, settings).items():
        if inputs.counts(SWITCHES[name]):
            yield from ((join(name, key) if key else name, text) for key, text in values)


def option_values(inputs: Inputs, settings: Settings) -> dict[str, list[tuple[str, str]]]:
    """Return each option's parts as (key, text); the order of keys does not count, that of flags does."""
    args = inputs.build_args.items()
    contexts = inputs.build_contexts.items()
    single = {"target": inputs.target, "networkMode": inputs.network_mode, "extraHash": inputs.extra_hash}
    return {
        "buildArgs": [(key, text) for key, text in args if key not in inputs.ignored_build_args],
        "buildContexts": [(key, "" if is_local(text) else text) for key, text in contexts],
        "buildSecrets": [(key, "") for key in inputs.build_secrets],
        "platform": [("", ",".join(platforms_of(inputs, settings)))],
        "buildFlags": [(str(index), flag) for index, flag in enumerate(inputs.build_flags)],
        **{name: [("", text)] for name, text in single.items() if text is not None},
    }


def location_problems(values: Mapping[str, Any], base: Path) -> Iterator[Problem]:
    """Yield what is wrong with the places that the inputs name, whatever else is wrong with them."""
    directory, tarball = plain(values.get("directory")), plain(values.get("tarballFile"))
    file = plain(values.get("file")) or "Dockerfile"
    if isinstance(directory, str) and directory:
        root = base / directory
        if not root.is_dir():
            yield Problem("directory", f"{missing(root, 'directory')}; paths are relative to {base}")
        elif isinstance(file, str) and file and not (root / file).is_file():
            yield Problem("file", f"{missing(root / file, 'Dockerfile')}; it is relative to `directory`")
    if isinstance(tarball, str) and tarball and not (base / tarball).is_file():
        yield Problem("tarballFile", f"{missing(base / tarball, 'file')}; paths are relative to {base}")


def missing(path: Path, what: str) -> str:
    """Say that there is something else or nothing at a path."""
    return f"{path} is not a {what}" if path.exists() else f"there is no {what} at {path}"
