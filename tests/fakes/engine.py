"""An image in the store of a docker engine, without an engine (`publish.LocalImage`)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.fakes.images import MadeImage, docker_save


@dataclass
class FakeLocalImage:
    """Saves bytes that a test gives; remembers what was asked of it."""

    made: MadeImage
    saved: bytes = b""
    image_id: str = ""
    is_index: bool = False
    saves: int = 0
    pushed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.saved = self.saved or docker_save(self.made)
        self.image_id = self.image_id or self.made.digest

    @property
    def diff_ids(self) -> tuple[str, ...]:
        return tuple(self.made.diff_ids)

    @property
    def size(self) -> int:
        return sum(map(len, self.made.layers))

    @contextmanager
    def save(self) -> Iterator[BinaryIO]:
        self.saves += 1
        yield io.BufferedReader(io.BytesIO(self.saved))

    def push(self, reference: str) -> None:
        self.pushed.append(reference)
