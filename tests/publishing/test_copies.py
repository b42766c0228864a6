"""What may be copied instead of built (R44)."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from image_assets.custom_resource import Job
from image_assets.inputs.image import Inputs
from image_assets.inputs.options import BuildOptions, CacheOption
from image_assets.logins.given import Login
from image_assets.plan.target import Target
from image_assets.publishing.copies import Copies, build_key, leaves_out_nothing, may_be_stored
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Reference, Repository

APP = Repository.parse("registry.example.com/app")
OTHER = Repository.parse("registry.example.com/other")


def request(secrets: Mapping[str, Mapping[str, str]] | None = None, **more: Any) -> PublishRequest:
    return PublishRequest(Job("urn"), Inputs(**more), Target(APP, "v1"), "f", {}, Login(), secrets or {})


def key(secrets: Mapping[str, Mapping[str, str]] | None = None, **more: Any) -> str:
    return build_key(request(secrets, **more), "f")


#: Another value of each option; those with None do not make another build, or the whole fingerprint knows them.
OTHERS: dict[str, Any] = {
    "build_args": {"A": "1"},
    "build_contexts": None,
    "build_ssh": ("default",),
    "target": "prod",
    "network_mode": "none",
    "platforms": None,
    "cache_from": None,
    "cache_to": None,
    "cache_disabled": True,
    "build_flags": ("--pull",),
    "labels": {"a": "b"},
    "provenance": "max",
    "sbom": "true",
    "source_date_epoch": "1700000000",
}


@pytest.mark.parametrize("name", [option.name for option in fields(BuildOptions)])
def test_each_option_of_a_build_counts(name: str) -> None:
    assert name in OTHERS, f"say in OTHERS whether `{name}` makes another build"
    if OTHERS[name] is not None:
        assert key(**{name: OTHERS[name]}) != key()


def test_caches_and_the_order_of_keys_do_not_count() -> None:
    assert key(cache_from=(CacheOption("inline"),), cache_to=(CacheOption("inline"),)) == key()
    assert key(labels={"a": "1", "b": "2"}) == key(labels={"b": "2", "a": "1"})


def test_the_value_of_a_secret_counts_wherever_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("one")
    monkeypatch.setenv("ONE", "one")
    same = [{"value": "one"}, {"env": "ONE"}, {"file": str(tmp_path / "one")}]
    assert len({key({"t": source}) for source in same}) == 1
    assert len({key(), key({"t": {"value": "two"}}), key({"u": {"value": "one"}}), key({"t": same[0]})}) == 4
    monkeypatch.setenv("ONE", "two")
    (tmp_path / "one").write_text("two")
    assert {key({"t": source}) for source in same[1:]} == {key({"t": {"value": "two"}})}


def test_a_key_of_secrets_is_not_stored() -> None:
    assert may_be_stored(request())
    assert not may_be_stored(request({"t": {"env": "T"}}))


@pytest.mark.parametrize("more", [{"labels": {"a": "b"}}, {"invalidation": {"target": False}}, {"build_ssh": ("a",)}])
def test_a_found_tag_does_not_tell_what_the_fingerprint_leaves_out(more: dict[str, Any]) -> None:
    assert leaves_out_nothing(request())
    assert not leaves_out_nothing(request(**more))


def test_an_image_that_is_known_by_one_key_is_not_taken_for_another() -> None:
    """Two assets share a tag, as what differs between them does not count: the second has found the first one's."""
    copies = Copies()
    assert copies.note("dev", APP, "sha256:1")
    assert not copies.note("prod", APP, "sha256:1")
    assert copies.of("prod") == ()
    assert copies.note("dev", OTHER, "sha256:1")
    assert copies.of("dev") == (Reference(OTHER, digest="sha256:1"), Reference(APP, digest="sha256:1"))
