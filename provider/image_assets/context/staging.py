"""What the builder is given, so that it receives exactly what the fingerprint counted.

In docker mode the context is used in place, and nothing is ever written into it. Additional patterns travel in
`<Dockerfile>.dockerignore` beside a copy of the Dockerfile in a temporary directory: BuildKit reads that file instead
of the context's own.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image_assets.context.dockerfile_content import read_dockerfile
from image_assets.context.rules import ignore_file
from image_assets.context.spec import ContextSpec
from image_assets.errors import InputError


@dataclass(frozen=True)
class Staged:
    """The arguments of a build: `docker build -f dockerfile directory`.

    Attributes:
        directory: The context.
        dockerfile: The Dockerfile; with its ignore file beside it where one is needed.
    """

    directory: Path
    dockerfile: Path


@contextlib.contextmanager
def staged(spec: ContextSpec) -> Iterator[Staged]:
    """Prepare what the builder gets, and take it away afterwards.

    Raises:
        InputError: Something of the context cannot be read.
    """
    if not spec.exclude and spec.dockerfile is not None:
        yield Staged(spec.root, spec.dockerfile)
        return
    with tempfile.TemporaryDirectory(prefix="image-assets-") as temporary:
        yield Staged(spec.root, _with_exclude(spec, Path(temporary)))


def _with_exclude(spec: ContextSpec, directory: Path) -> Path:
    """Copy the Dockerfile, and write all patterns into its own ignore file."""
    if spec.dockerfile is None:
        raise InputError.single("file", "a context without a Dockerfile cannot be built")
    dockerfile = directory / spec.dockerfile.name
    dockerfile.write_bytes(read_dockerfile(spec.dockerfile))
    # The comment keeps a byte-order mark of the first excluded pattern from being taken for the file's.
    lines = [
        ignore_file(spec).content,
        b"# exclude",
        *(pattern.encode("utf-8", "surrogateescape") for pattern in spec.exclude),
    ]
    dockerfile.with_name(dockerfile.name + ".dockerignore").write_bytes(b"\n".join(lines) + b"\n")
    return dockerfile
