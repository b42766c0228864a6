"""The Dockerfile as a file: found, readable, and its digest."""

import hashlib
from pathlib import Path

from image_assets.context.spec import ContextSpec
from image_assets.errors import InputError

PROPERTY = "file"


def read_dockerfile(path: Path) -> bytes:
    """Return the Dockerfile's content.

    Raises:
        InputError: It is missing, not a regular file, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError.single(PROPERTY, f"{path} is not a regular file")
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise InputError.single(PROPERTY, f"there is no Dockerfile at {path}; set `file` to where it is") from fault
    except OSError as fault:
        raise InputError.single(PROPERTY, f"cannot read the Dockerfile {path}: {fault.strerror}") from fault


def dockerfile_content(spec: ContextSpec) -> bytes:
    """Return the Dockerfile's content, wherever it is; empty if there is none.

    Raises:
        InputError: It cannot be read.
    """
    if spec.dockerfile_text is not None:
        return spec.dockerfile_text.encode("utf-8", "surrogateescape")
    return b"" if spec.dockerfile is None else read_dockerfile(spec.dockerfile)


def dockerfile_digest(spec: ContextSpec) -> bytes:
    """Return the SHA-256 of the Dockerfile; empty if there is none or it does not count.

    Raises:
        InputError: It cannot be read, whether it counts or not: the build would fail on it.
    """
    if spec.dockerfile is None:
        return b""
    content = dockerfile_content(spec)
    return hashlib.sha256(content).digest() if spec.count_dockerfile else b""
