"""What reaches the engine of a job's texts, by the rows that a terminal redraws and the lines of a log."""

import threading

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
