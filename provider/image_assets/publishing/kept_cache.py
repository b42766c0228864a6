"""`cache`: where the layers of a build are kept for the next one, in a word.

Docker's "Cache storage backends". In a registry a cache is an image manifest, since ECR takes no index of layers.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from image_assets.docker.spec import KeptCache
from image_assets.errors import RegistryError
from image_assets.inputs.build_fields import CACHE_TAGS, IN_REGISTRY
from image_assets.inputs.options import CacheOption
from image_assets.inputs.settings import Settings
from image_assets.oci import RegistryClient
from image_assets.own_folder import own_folder, sweep_folders
from image_assets.plan.plan import platforms_of
from image_assets.publishing.request import PublishRequest

_ALL_LAYERS: Final = {"mode": "max", "ignore-error": "true"}
_AS_IMAGE: Final = {"image-manifest": "true", "oci-mediatypes": "true"}
_PREFIX: Final = CACHE_TAGS.removesuffix("*")
_LONGEST_TAG: Final = 128
_NO_TAG: Final = re.compile(r"[^\w.-]+", re.ASCII)
_DIGITS: Final = 12


@contextmanager
def kept_cache(request: PublishRequest, client: RegistryClient, settings: Settings) -> Iterator[KeptCache | None]:
    """Say where a build finds and leaves its layers; None if it keeps none.

    Args:
        request: What is built.
        client: The registry that the image goes to.
        settings: Say where this machine's caches are.
    """
    if request.inputs.cache is None:
        yield None
        return
    asked = platforms_of(request.inputs, settings)
    with ExitStack() as stack:
        keep = partial(_kept, request, client, settings, stack)
        whole = keep("")
        parts = {platform: keep(f"-{platform}") for platform in asked} if whole and len(asked) > 1 else {}
        yield replace(whole, parts={platform: part for platform, part in parts.items() if part}) if whole else None


def _kept(
    request: PublishRequest, client: RegistryClient, settings: Settings, stack: ExitStack, part: str
) -> KeptCache | None:
    word, tag = request.inputs.cache or "", cache_tag(request.job.name + part)
    if word == IN_REGISTRY:
        return _in_registry(request, client, tag)
    if word == "local":
        return stack.enter_context(_on_this_machine(request, settings, tag))
    scope = {"scope": tag}
    return KeptCache(word, CacheOption(word, scope), CacheOption(word, {**scope, **_ALL_LAYERS}))


def cache_tag(asset: str) -> str:
    """Return the tag of an asset's cache; a name that is no tag gets some digits, so that no two share one."""
    tag = _PREFIX + asset
    if len(tag) <= _LONGEST_TAG and not _NO_TAG.search(asset):
        return tag
    digits = hashlib.sha256(asset.encode()).hexdigest()[:_DIGITS]
    return f"{_NO_TAG.sub('-', tag)[: _LONGEST_TAG - _DIGITS - 1]}-{digits}"


def _in_registry(request: PublishRequest, client: RegistryClient, tag: str) -> KeptCache:
    repository = request.target.repository
    ref = {"ref": f"{repository.registry}/{repository.full_path}:{tag}"}
    try:
        is_there = client.head_manifest(repository.full_path, tag) is not None
    except RegistryError:
        # The builder asks again, and has the message.
        is_there = True
    source = CacheOption("registry", ref) if is_there else None
    return KeptCache(IN_REGISTRY, source, CacheOption("registry", {**ref, **_ALL_LAYERS, **_AS_IMAGE}))


@contextmanager
def _on_this_machine(request: PublishRequest, settings: Settings, tag: str) -> Iterator[KeptCache | None]:
    """Keep the layers of the last build only: BuildKit adds to a directory and takes nothing away."""
    directory = _directory(request, settings, tag)
    if directory is None:
        request.job.task.warn("`cache: local` keeps nothing, as this user has no home: set `cacheDirectory`")
        yield None
        return
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep_folders(str(directory.parent))
    with own_folder(str(directory.parent)) as temporary:
        new, old = temporary / "new", temporary / "old"
        source = CacheOption("local", {"src": str(directory)}) if _is_cache(directory) else None
        yield KeptCache("local", source, CacheOption("local", {"dest": str(new), **_ALL_LAYERS}))
        if _is_cache(new):
            # Another process may do the same; then one of the two stays.
            with suppress(OSError):
                directory.rename(old)
            with suppress(OSError):
                new.rename(directory)
            shutil.rmtree(old, ignore_errors=True)


def _is_cache(directory: Path) -> bool:
    return (directory / "index.json").is_file()


def _directory(request: PublishRequest, settings: Settings, tag: str) -> Path | None:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path(os.environ.get("HOME", "")) / ".cache")
    root = settings.cache_directory or (str(Path(home) / "image-assets") if Path(home).is_absolute() else None)
    if root is None:
        return None
    name = hashlib.sha256(f"{request.target.repository}\0{tag}".encode()).hexdigest()[:_DIGITS]
    return Path(root).absolute() / "layers" / f"{tag}-{name}"
