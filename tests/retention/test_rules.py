"""Verdicts and their order, from values alone."""

from datetime import UTC, datetime, timedelta

import pytest

from image_assets.retention.in_use import Named
from image_assets.retention.model import Stored
from image_assets.retention.order import in_order, sizes
from image_assets.retention.rules import Rules, decide, readable_time, subject_of_tag

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ALL = Rules(keep_last=0)


def stored(name: str, *tags: str, days: float | None = None, **more: object) -> Stored:
    created = None if days is None else NOW - timedelta(days=days)
    return Stored(name, tags, **{"created": created, **more})  # type: ignore[arg-type]


def stays(*held: Stored, rules: Rules = ALL, named: Named | None = None) -> set[str]:
    verdicts = decide({one.key: one for one in held}, [named] if named else [], rules, NOW)
    return {one.stored.key for one in verdicts if one.stays}


IMAGES = tuple(stored(f"d{age}", f"v{age}", days=age) for age in (1, 10, 40, 100))
LIMITS = {
    "newest": (Rules(keep_last=2), {"d1", "d10"}),
    "more than there are": (Rules(keep_last=9), {"d1", "d10", "d40", "d100"}),
    "none": (Rules(keep_last=0), set()),
    "age": (Rules(min_age=timedelta(days=40, seconds=1)), {"d1", "d10", "d40"}),
    "on the day": (Rules(min_age=timedelta(days=40)), {"d1", "d10"}),
    "both": (Rules(keep_last=3, min_age=timedelta(days=2)), {"d1", "d10", "d40"}),
    "protected": (Rules(keep_last=0, protect=("v1*",)), {"d1", "d10", "d100"}),
    "no rule": (Rules(), set()),
}


@pytest.mark.parametrize("case", LIMITS)
def test_each_rule_keeps_what_it_says(case: str) -> None:
    rules, expected = LIMITS[case]
    assert stays(*IMAGES, rules=rules) == expected


def test_an_image_of_unknown_age_is_kept_by_age_and_last_by_number() -> None:
    unknown = stored("u", "u")
    assert stays(unknown, *IMAGES, rules=Rules(min_age=timedelta(days=1))) == {"u"}
    assert stays(unknown, *IMAGES, rules=Rules(keep_last=1)) == {"d1"}
    assert stays(unknown, stored("w", "w"), IMAGES[0], rules=Rules(keep_last=2)) == {"u", "w", "d1"}


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "0001-01-01T00:00:00Z", "", "soon", 5]
)
def test_a_time_that_says_nothing_is_none(text: object) -> None:
    assert readable_time(text) is None


def test_times_are_read_as_go_writes_them() -> None:
    assert readable_time("2026-01-02T03:04:05.123456789Z") == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert readable_time("2026-01-02T03:04:05+01:00") == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)


def test_tags_tell_what_they_are_about() -> None:
    digest = "sha256:" + "a" * 64
    tag = digest.replace(":", "-")
    assert [subject_of_tag(one) for one in (tag, tag + ".sig", "sha256-abc", "v1")] == [digest, digest, None, None]


def test_children_and_referrers_follow_what_is_kept() -> None:
    about = "sha256-" + "b" * 64
    child = stored("sha256:" + "b" * 64)
    held = (
        stored("one", "one", days=1, children=(child.digest, "x")),
        stored("two", "two", days=50, children=(child.digest, "y")),
        child,
        stored("x", "child-tag", days=90),
        stored("y"),
        stored("list", about, children=("sig",), subjects=(child.digest,)),
        stored("sig", subjects=(child.digest,)),
        stored("sbom of y", subjects=("y",)),
        stored("sig of sbom", subjects=("sbom of y",)),
    )
    kept = stays(*held, rules=Rules(keep_last=1))
    assert kept == {"one", child.digest, "x", "list", "sig"}
    assert stays(*held, rules=Rules(keep_last=0)) == set()
    assert stays(*held, named=Named("state", tags=frozenset({"child-tag"}))) == {"x"}
    assert stays(*held, named=Named("state", digests=frozenset({"y"}))) == {"y", "sbom of y", "sig of sbom"}


def test_what_has_no_tag_yet_stays() -> None:
    young = stored("young", pushed=NOW - timedelta(hours=1))
    old = stored("old", pushed=NOW - timedelta(days=9))
    assert stays(young, old, stored("unknown"), stored("cache", "cache-api", days=900)) == {"young", "unknown", "cache"}


def test_what_cannot_be_read_stays() -> None:
    assert stays(stored("", "odd", fault="no manifest")) == {"odd"}


def test_parents_go_first_and_circles_end() -> None:
    held = [
        stored("p", "p", children=("c",)),
        stored("q", "q", children=("c",)),
        stored("c"),
        stored("r", subjects=("c",)),
    ]
    held += [stored("m", subjects=("n",)), stored("n", subjects=("m",))]
    order = [one.key for _, one in in_order(decide({one.key: one for one in reversed(held)}, [], ALL, NOW))]
    assert sorted(order) == ["c", "m", "n", "p", "q", "r"]
    assert max(order.index("p"), order.index("q")) < order.index("c") < order.index("r")


def test_a_layer_counts_once_and_not_if_it_stays() -> None:
    layers = {"base": 100, "a": 10, "b": 20}

    def image(name: str, *names: str) -> Stored:
        return stored(name, name, size=1, blobs=tuple((one, layers[one]) for one in names))

    held = {one.key: one for one in (image("kept", "base"), image("x", "base", "a"), image("y", "a", "b"))}
    found = sizes(decide(held, [], Rules(keep_last=0, protect=("kept",)), NOW))
    assert found == {"kept": 101, "x": 11, "y": 21}
