"""What an update would change is decided from the inputs alone."""

from typing import Any

import pytest

from image_assets.custom_resource import Change, Kind
from image_assets.image.diff import changes
from image_assets.values import UNKNOWN, Secret

OLD: dict[str, Any] = {
    "directory": "app",
    "repository": "localhost:5000/app",
    "buildArgs": {"V": "1", "TOKEN": "t1"},
    "invalidation": {"ignoredBuildArgs": ["TOKEN"]},
    "fingerprint": "f1",
    "files": {"a.py": "1", "b.py": "1"},
}


def test_the_same_inputs_make_no_difference() -> None:
    assert changes(OLD, dict(OLD)) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"directory": "/elsewhere/app"},
        {"file": "../Dockerfile"},
        {"labels": {"a": "b"}},
        {"cacheFrom": [{"type": "local", "params": {"src": "c"}}]},
        {"buildArgs": {"V": "1", "TOKEN": "t2"}},
        {"platform": "linux/amd64"},
        {"retainOnDelete": True},
        {"extraTags": []},
        {"extraTags": [], "networkMode": "default"},
        {"registryAuth": "(kept in memory only)"},
    ],
)
def test_what_does_not_change_the_image_makes_no_difference(other: dict[str, Any]) -> None:
    assert changes(OLD, {**OLD, **other}) == ()


def test_a_changed_fingerprint_names_files_and_options() -> None:
    news = {
        **OLD,
        "fingerprint": "f2",
        "files": {"a.py": "2", "c.py": "1"},
        "buildArgs": {"V": "2", "TOKEN": "t2", "NEW": "x"},
        "target": "prod",
    }
    assert set(changes(OLD, news)) == {
        Change("buildArgs.V"),
        Change("buildArgs.NEW", Kind.ADD),
        Change("target", Kind.ADD),
        Change('files["a.py"]'),
        Change('files["b.py"]', Kind.DELETE),
        Change('files["c.py"]', Kind.ADD),
        Change("fingerprint"),
    }


@pytest.mark.parametrize(
    ("invalidation", "named"),
    [
        ({"ignoredBuildArgs": ["TOKEN", "V"]}, ["invalidation.ignoredBuildArgs"]),
        ({"ignoredBuildArgs": ["TOKEN"], "target": False}, ["invalidation.target"]),
        (None, ["invalidation"]),
        ({"ignoredBuildArgs": ["TOKEN"], "target": True}, []),
        (UNKNOWN, ["invalidation"]),
    ],
)
def test_what_counts_now_and_did_not_is_named(invalidation: Any, named: list[str]) -> None:
    """R40: nothing else may have changed."""
    found = changes(OLD, {**OLD, "invalidation": invalidation, "fingerprint": "f2"})
    assert [change.path for change in found] == [*named, "fingerprint"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"extraTags": ["a", "b"]}, {"extraTags": ["b", "a", "b"]}),
        ({"extraTags": Secret(["a"])}, {"extraTags": [Secret("a"), "a"]}),
    ],
)
def test_order_and_repetition_of_a_set_make_no_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changes({**OLD, **old}, {**OLD, **new}) == ()
    assert changes({**OLD, **old}, {**OLD, "extraTags": [UNKNOWN, "a"]}) == (Change("extraTags"),)


@pytest.mark.parametrize(
    "given", [{"networkMode": "default"}, {"provenance": False, "sbom": "false"}, {"buildFlags": [], "target": None}]
)
def test_what_holds_anyway_is_not_named_beside_what_changed(given: dict[str, Any]) -> None:
    assert changes(OLD, {**OLD, **given, "fingerprint": "f2"}) == (Change("fingerprint"),)
    assert changes({**OLD, **given}, {**OLD, "fingerprint": "f2"}) == (Change("fingerprint"),)


def test_an_unknown_fingerprint_is_a_change() -> None:
    news = {**OLD, "fingerprint": UNKNOWN, "files": UNKNOWN, "buildArgs": {"V": UNKNOWN, "TOKEN": "t1"}}
    assert set(changes(OLD, news)) == {Change("buildArgs.V"), Change("fingerprint")}


def test_another_repository_replaces() -> None:
    assert changes(OLD, {**OLD, "repository": "localhost:5000/other"}) == (Change("repository", replace=True),)


def test_an_unknown_repository_replaces() -> None:
    assert changes(OLD, {**OLD, "repository": UNKNOWN}) == (Change("repository", replace=True),)


@pytest.mark.parametrize(("name", "value"), [("tagPrefix", "v-"), ("extraTags", ["latest"]), ("retainOnDelete", False)])
def test_the_rest_updates_in_place(name: str, value: Any) -> None:
    assert changes(OLD, {**OLD, name: value}) == (Change(name, Kind.ADD),)


def test_a_secret_mark_alone_makes_no_difference() -> None:
    assert changes(OLD, {**OLD, "buildArgs": Secret({"V": Secret("1"), "TOKEN": "t1"})}) == ()


def test_a_path_with_quotes_is_quoted() -> None:
    news = {**OLD, "fingerprint": "f2", "files": {**OLD["files"], 'x"y': "1"}}
    assert Change('files["x\\"y"]', Kind.ADD) in changes(OLD, news)
