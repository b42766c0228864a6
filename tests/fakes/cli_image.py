"""An image in the store of the real docker engine, by its plainest commands (`publish.LocalImage`)."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast


def docker(*words: str) -> str:
    """Run docker and return what it says."""
    done = subprocess.run(["docker", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class CliImage:
    """An image that the engine has."""

    image_id: str
    diff_ids: tuple[str, ...]
    size: int
    is_index: bool = False

    @classmethod
    def of(cls, name: str) -> "CliImage":
        facts = json.loads(docker("image", "inspect", name))[0]
        return cls(facts["Id"], tuple(facts["RootFS"]["Layers"]), facts["Size"])

    @contextmanager
    def save(self) -> Iterator[BinaryIO]:
        with subprocess.Popen(["docker", "save", self.image_id], stdout=subprocess.PIPE) as process:
            assert process.stdout
            yield cast("BinaryIO", process.stdout)
        assert process.returncode == 0

    def push(self, reference: str) -> None:
        docker("tag", self.image_id, reference)
        docker("push", "-q", reference)
        docker("image", "rm", reference)
