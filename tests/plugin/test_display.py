"""What reaches the engine of a job's texts, by the rows that a terminal redraws and the lines of a log."""

import threading

import pytest

from image_assets.plugin.columns import Columns, fitted, shown
from image_assets.plugin.newest import Newest
from image_assets.plugin.reporter import component_of


class Received:
    """What was sent, by row."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.last = threading.Event()

    def __call__(self, row: str, text: str) -> None:
        self.texts.append((row, text))
        if text == "last":
            self.last.set()


def test_the_first_text_comes_at_once_and_the_last_one_always() -> None:
    received = Received()
    newest = Newest(received, interval=0.2)
    for number in range(1000):
        newest.put("a", str(number))
    newest.put("a", "last")
    assert received.last.wait(10)
    assert len(received.texts) <= 3


def test_each_row_has_its_own_newest_text() -> None:
    received = Received()
    newest = Newest(received, interval=0.2)
    rows = [f"row{number}" for number in range(20)]
    for row in rows:
        newest.put(row, f"of {row}")
    newest.put("end", "last")
    assert received.last.wait(10)
    assert dict(received.texts) == {row: f"of {row}" for row in rows} | {"end": "last"}


def test_what_waits_comes_before_what_stays() -> None:
    received = Received()
    newest = Newest(received, interval=60)
    newest.put("a", "last")
    assert received.last.wait(10)
    newest.put("a", "waits")
    newest.flush("a")
    assert received.texts == [("a", "last"), ("a", "waits")]


def test_the_row_of_the_component_is_found() -> None:
    urn = (
        "urn:pulumi:dev::proj::my:own:Thing$image-assets:index:DockerImageAsset$image-assets:index:PublishedImage::a::b"
    )
    assert component_of(urn) == "urn:pulumi:dev::proj::my:own:Thing$image-assets:index:DockerImageAsset::a::b"


PARENTS = "urn:pulumi:dev::proj::image-assets:index:DockerImageAsset"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("2/3: compiling", 25, "2/3: compiling"),
        ("2/3: compiling module 7 of 20", 29, "2/3: compiling module 7 of 20"),
        ("2/3: compiling module 7 of 20", 24, "2/3: compiling … 7 of 20"),
        ("2/3: compiling module 1 of 6", 24, "2/3: compiling … 1 of 6"),
        ("2/3: " + "x" * 40 + "end", 25, "2/3: xxxxxxxxx…xxxxxxxend"),
        ("2/3: fetching\nmore", 25, "2/3: fetching"),
        ("", 25, ""),
    ],
)
def test_a_text_that_is_too_long_keeps_beginning_and_end(text: str, width: int, shown: str) -> None:
    assert fitted(text, width) == shown
    assert len(shown) <= width


@pytest.mark.parametrize(
    ("urns", "width", "left"),
    [
        # " +   └─ image-assets:index:DockerImageAsset   frontend  creating (12s)..." and a gap; the last one is empty.
        ([f"{PARENTS}$image-assets:index:PublishedImage::frontend"], 100, 24),
        ([f"{PARENTS}$image-assets:index:PublishedImage::a-name-of-24-characters"], 100, 20),
        ([f"{PARENTS}$image-assets:index:PublishedImage::a-name-of-24-characters"], 120, 29),
        ([f"{PARENTS}::frontend", f"{PARENTS}::frontends"], 100, 24),
        ([], 20, 20),
    ],
)
def test_what_the_rows_leave_of_a_terminal_is_known(urns: list[str], width: int, left: int) -> None:
    columns = Columns()
    for urn in urns:
        columns.note(urn)
    assert columns.left(width) == left


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("aws:ecr/repository:Repository", "aws:ecr:Repository"),
        ("image-assets:index:PublishedImage", "image-assets:index:PublishedImage"),
        ("my:own:Thing", "my:own:Thing"),
        ("odd", "odd"),
    ],
)
def test_types_are_as_wide_as_the_table_shows_them(kind: str, text: str) -> None:
    assert shown(kind) == text
