"""What may be copied instead of built: the images of the program so far, by what makes two builds the same.

The *build key* is a SHA-256 over everything that reaches the build. The fingerprint names an image. It leaves out what
the program says (`invalidation`), and what shall not change a name (labels, the values of secrets). Whether one image
may stand for another one is decided by the key, which leaves out nothing of that. It knows no labels that name the
resource: they tell who built an image, also of its copies.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from image_assets.inputs.options import BuildOptions
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Reference, Repository

#: Options of which the fingerprint knows what reaches the build (directories by content, the default platform), and
#: caches, which do not change what is built.
_LEFT_OUT = frozenset({"build_contexts", "platforms", "cache_from", "cache_to"})
_MAX_PLACES = 4


class Copies:
    """Where images are published already, by build key; used by all threads.

    It lives as long as the process and is fed by the program's own resources, those included that did not change. So
    an image is built once however many repositories of a program it goes to, and one that is added later builds
    nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, tuple[Reference, ...]] = {}
        self._keys: dict[str, str] = {}

    def of(self, build_key: str) -> tuple[Reference, ...]:
        """Return where the image is, the latest first."""
        with self._lock:
            return self._places.get(build_key, ())

    def note(self, build_key: str, repository: Repository, digest: str) -> bool:
        """Remember a place; an image that is known by another key already is not this one. Say whether it is."""
        place = Reference(repository, digest=digest)
        with self._lock:
            if self._keys.setdefault(digest, build_key) != build_key:
                return False
            before = (one for one in self._places.get(build_key, ()) if one != place)
            self._places[build_key] = (place, *before)[:_MAX_PLACES]
            return True


def build_key(request: PublishRequest, whole_fingerprint: str) -> str:
    """Return the key: 64 hexadecimal digits.

    Args:
        request: What is built.
        whole_fingerprint: The fingerprint of the same inputs without `invalidation`.
    """
    options = {field.name: getattr(request.inputs, field.name) for field in fields(BuildOptions)}
    told = {name: value for name, value in options.items() if name not in _LEFT_OUT}
    secrets = {name: secret_digest(source) for name, source in request.build_secrets.items()}
    text = json.dumps((whole_fingerprint, told, secrets), sort_keys=True, default=dict)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def secret_digest(source: Mapping[str, str]) -> str:
    """Return the SHA-256 of a secret as the build gets it; nothing for one that is not there, which no build passes."""
    if "file" in source:
        try:
            with Path(source["file"]).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""
    value = os.environ.get(source["env"], "") if "env" in source else source.get("value", "")
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def leaves_out_nothing(request: PublishRequest) -> bool:
    """Say whether the fingerprint tells all that reaches the build: then a tag tells it, whoever wrote it."""
    inputs = request.inputs
    return not (inputs.invalidation or inputs.labels or request.build_secrets or inputs.build_ssh)


def may_be_stored(request: PublishRequest) -> bool:
    """Say whether the key may stand in the state: it was made of no secret, which could be guessed from it."""
    return not (request.build_secrets or request.hidden)
