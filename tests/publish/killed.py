"""A publish that runs in a process of its own, so that a test can kill it."""

from pathlib import Path

from image_assets.archive import open_archive
from image_assets.oci import NoKeychain, RegistryClient
from image_assets.publish import KnownBlobs, send, write_tag
from image_assets.task import Task


def publish(archive: str, registry: str, repository: str, memory: str) -> None:
    """Publish an archive under the tag `t`."""
    task = Task()
    client = RegistryClient(registry, NoKeychain(), task)
    with open_archive(Path(archive)) as opened:
        sent = send(opened, client, repository, task, KnownBlobs(Path(memory)))
    write_tag(client, repository, "t", sent, task)
