"""Removing tags that a resource wrote itself, and never what anybody else may use."""

import json
from collections.abc import Iterator, Mapping

from image_assets.oci import RegistryClient
from image_assets.oci.media_types import MANIFESTS
from image_assets.reference import Repository
from image_assets.task import Task


def remove_tags(client: RegistryClient, repository: Repository, written: Mapping[str, str], task: Task) -> None:
    """Delete tags, given with the digests that were written to them, if they still hold those.

    A registry that deletes no single tags loses the manifest, unless another tag needs it.

    Raises:
        RegistryError: The registry could not be asked.
    """
    path = repository.full_path
    held = {tag: digest for tag, digest in written.items() if still_holds(client, repository, tag, digest, task)}
    refused = [tag for tag in held if not client.delete_manifest(path, tag)]
    for digest in dict.fromkeys(held[tag] for tag in refused):
        listed = client.list_tags(path)
        if unlisted := [tag for tag in refused if held[tag] == digest and tag not in listed]:
            task.warn(
                f"{repository}@{digest} is kept: the registry deletes no single tags, and its list of tags cannot be "
                f"relied on, as it lacks {', '.join(unlisted)}"
            )
            continue
        others = (tag for tag in listed if tag not in refused)
        needing = next((tag for tag in others if digest in digests_under(client, path, tag)), None)
        if needing is None:
            if not client.delete_manifest(path, digest):
                task.warn(f"{repository}@{digest} is kept: the registry deletes neither tags nor manifests")
        else:
            task.warn(
                f"{repository}@{digest} is kept: the registry deletes no single tags, and the tag {needing} needs it"
            )


def still_holds(client: RegistryClient, repository: Repository, tag: str, digest: str, task: Task) -> bool:
    """Say whether a tag holds what was written to it."""
    found = client.head_manifest(repository.full_path, tag)
    if found is not None and found.digest != digest:
        task.warn(f"{repository}:{tag} is kept: it holds {found.digest} now, which somebody else wrote")
    return found is not None and found.digest == digest


def digests_under(client: RegistryClient, path: str, reference: str) -> Iterator[str]:
    """Yield the digest that a reference holds, and those that it names if it is an index (OCI image spec)."""
    found = client.head_manifest(path, reference)
    if found is None:
        return
    yield found.digest
    if found.media_type not in MANIFESTS:
        for child in json.loads(client.get_manifest(path, found.digest).content).get("manifests", ()):
            yield from digests_under(client, path, child["digest"])
