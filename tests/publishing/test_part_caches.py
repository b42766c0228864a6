"""Caches of images of several platforms that several nodes build: no node's takes the place of another's."""

import pytest

from image_assets.docker import CacheOption
from image_assets.publishing.part_caches import of_platform

# Name: type, parameters of `cacheTo` and of `cacheFrom`, and what becomes of the parameter that names the cache.
NAMED = {
    "a tag": (
        "registry",
        {"ref": "r.example:5000/a:c", "mode": "max"},
        {"ref": "r.example:5000/a:c"},
        "{}-linux-arm64",
    ),
    "no tag": ("registry", {"ref": "r.example:5000/a"}, {"ref": "r.example:5000/a"}, "{}:latest-linux-arm64"),
    "a directory": ("local", {"dest": "/c"}, {"src": "/c"}, "{}/linux-arm64"),
    "a scope": ("gha", {"scope": "x"}, {"scope": "x", "token": "t"}, "{}-linux-arm64"),
    "a bucket": ("s3", {"bucket": "b", "name": "n"}, {"bucket": "b", "name": "n"}, "{}-linux-arm64"),
}


@pytest.mark.parametrize("what", NAMED)
def test_each_platform_has_a_cache_of_its_own(what: str) -> None:
    kind, to, from_, expected = NAMED[what]
    sources, targets = of_platform((CacheOption(kind, from_),), (CacheOption(kind, to),), "linux/arm64")
    for before, after in ((from_, sources[0].params), (to, targets[0].params)):
        changed = {name: after[name] for name in after if after[name] != before[name]}
        assert changed == {name: expected.format(before[name]) for name in changed}
        assert len(changed) == 1


@pytest.mark.parametrize("kind", ["gha", "s3", "azblob"])
def test_a_cache_without_a_name_gets_one(kind: str) -> None:
    sources, targets = of_platform((CacheOption(kind, {}),), (CacheOption(kind, {}),), "linux/arm/v7")
    assert sources == targets
    assert list(targets[0].params.values()) == ["buildkit-linux-arm-v7"]


def test_what_the_program_only_reads_keeps_its_name() -> None:
    given = (CacheOption("registry", {"ref": "a:1"}), CacheOption("registry", {"ref": "a:2"}), CacheOption("new", {}))
    written = (CacheOption("registry", {"ref": "a:2"}), CacheOption("inline", {}))
    sources, targets = of_platform(given, written, "linux/amd64")
    assert sources == (given[0], CacheOption("registry", {"ref": "a:2-linux-amd64"}), given[2])
    assert targets == (CacheOption("registry", {"ref": "a:2-linux-amd64"}), written[1])
