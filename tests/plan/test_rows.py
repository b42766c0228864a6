"""The outline among an image's stored inputs."""

from typing import Any

import pytest

from image_assets.context import Fingerprint
from image_assets.custom_resource import Change, Kind
from image_assets.image.diff import row_changes
from image_assets.plan.fingerprints import SourceFacts
from image_assets.plan.rows import as_stored, rows_of, shown_rows
from image_assets.task import Task

FEW = {"Dockerfile": "1", "src/a b.py": "2f"}
MANY = {**FEW, **{f"d/{number}": f"{number:x}" for number in range(20)}}
ODD = {"__rows": "1", "base://alpine:3": "sha", "key: value": "2", "a\\nb": "3"}
CHANGED = {**MANY, "Dockerfile": "3", "d/new": "1"}


def stored(rows: dict[str, str], fingerprint: str = "") -> dict[str, Any]:
    return {"files": as_stored(rows), "fingerprint": fingerprint}


@pytest.mark.parametrize("rows", [{}, FEW, MANY, ODD])
def test_what_is_stored_can_be_read(rows: dict[str, str]) -> None:
    assert rows_of(stored(rows)) == rows


@pytest.mark.parametrize("before", [MANY, {"__rows": MANY}, {**FEW, "__rows": FEW}, {"__rows": "1"}])
def test_what_was_stored_otherwise_can_be_read(before: dict[str, Any]) -> None:
    expected = before.get("__rows") if isinstance(before.get("__rows"), dict) else before
    assert rows_of({"files": before}) == expected


def test_only_a_few_rows_are_shown() -> None:
    assert shown_rows(stored(FEW)) == FEW
    assert shown_rows(stored(MANY)) == {}


def test_the_engine_gets_few_properties() -> None:
    assert len(as_stored(MANY)) == 1
    assert all(isinstance(value, str) for value in as_stored(MANY).values())


@pytest.mark.parametrize(
    ("olds", "news", "expected"),
    [
        (FEW, {**FEW, "Dockerfile": "3"}, [Change('files["Dockerfile"]')]),
        (FEW, {"Dockerfile": "1"}, [Change('files["src/a b.py"]', Kind.DELETE)]),
        (MANY, CHANGED, [Change("files.__rows"), Change('files["Dockerfile"]'), Change('files["d/new"]')]),
        (
            FEW,
            {**FEW, **{f"{n:02}": "1" for n in range(9)}},
            [Change("files.__rows")] + [Change(f'files["{n:02}"]') for n in range(9)],
        ),
    ],
)
def test_changed_rows_are_named(olds: dict[str, str], news: dict[str, str], expected: list[Change]) -> None:
    assert list(row_changes(stored(olds, "1"), stored(news, "2"))) == expected


def test_rows_that_were_stored_as_properties_are_named_where_both_have_them() -> None:
    olds = {"files": {**MANY, "gone": "1"}, "fingerprint": "1"}
    assert list(row_changes(olds, stored(FEW, "2")))[-1] == Change('files["gone"]', Kind.DELETE)
    # One side's text cannot be compared with the other's properties: the message names the files.
    assert list(row_changes(olds, stored(CHANGED, "2"))) == [Change('files["d/new"]')]


def test_rows_are_kept_as_long_as_the_fingerprint_is() -> None:
    read = Fingerprint("f1", 1, 1, 0.0, ())
    taken = SourceFacts(read, MANY)
    kept = taken.as_inputs({"fingerprint": "f1", "files": as_stored(FEW)})["files"]
    assert kept == as_stored(FEW)
    assert "outline" not in vars(read)
    assert taken.as_inputs({"fingerprint": "f0", "files": as_stored(FEW)})["files"] == as_stored(MANY)
    # What an earlier release stored as many properties is stored anew.
    assert taken.as_inputs({"fingerprint": "f1", "files": FEW})["files"] == as_stored(MANY)


def test_what_is_the_same_is_not_told() -> None:
    told: list[str] = []
    taken = SourceFacts(Fingerprint("f1", 1, 1, 0.0, ("a notice",)))
    taken.report(Task(debug=told.append, warn=told.append), {"fingerprint": "f1"})
    assert told == ["a notice"]
    taken.report(Task(debug=told.append), {})
    assert told[1].startswith("fingerprint f1: 1 files")
