"""Guarding a tag while an engine pushes: the engine writes it whatever it holds by then.

So the tag is looked at meanwhile. If another run writes it first, it gets back what that run wrote.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from image_assets.errors import AssetError, RegistryError
from image_assets.oci import Descriptor, RegistryClient

_LOOK_EVERY = 0.2


@contextmanager
def looked_at(client: RegistryClient, repository_path: str, tag: str) -> Iterator[Sequence[Descriptor]]:
    """Look at a tag that is not there yet until the block ends; what it holds first is in the list."""
    seen: list[Descriptor] = []
    over = threading.Event()

    def look() -> None:
        while not seen and not over.wait(_LOOK_EVERY):
            with suppress(AssetError):
                found = client.head_manifest(repository_path, tag, to_push=True)
                seen.extend([found] if found else [])

    thread = threading.Thread(target=look, name="tag watch", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def put_back(client: RegistryClient, repository_path: str, tag: str, seen: Sequence[Descriptor]) -> None:
    """Let a tag hold again what it held first; a registry that does not let us keeps what it has."""
    for first in seen:
        with suppress(RegistryError):
            now = client.head_manifest(repository_path, tag, to_push=True)
            if now is not None and now.digest != first.digest:
                manifest = client.get_manifest(repository_path, first.digest, to_push=True)
                client.put_manifest(repository_path, tag, manifest.content, manifest.descriptor.media_type)
