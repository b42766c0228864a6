"""Removing a tag that its resource wrote itself, and never what anybody else may use."""

from image_assets.oci import RegistryClient
from image_assets.plan.target import Target
from image_assets.task import Task


def remove_tags(client: RegistryClient, target: Target, written: tuple[str, ...], digest: str, task: Task) -> None:
    """Delete the tags that were written for one image, if they still hold it.

    Raises:
        RegistryError: The registry could not be asked.
    """
    held = [tag for tag in written if still_holds(client, target, tag, digest, task)]
    refused = [tag for tag in held if not client.delete_manifest(target.repository.full_path, tag)]
    if refused:
        delete_manifest_of(client, target, digest, refused, task)


def still_holds(client: RegistryClient, target: Target, tag: str, digest: str, task: Task) -> bool:
    """Say whether a tag holds what was written to it."""
    found = client.head_manifest(target.repository.full_path, tag)
    if found is not None and found.digest != digest:
        task.warn(f"{target.repository}:{tag} is kept: it holds {found.digest} now, which somebody else wrote")
    return found is not None and found.digest == digest


def delete_manifest_of(client: RegistryClient, target: Target, digest: str, own: list[str], task: Task) -> None:
    """Delete the manifest behind tags, unless another tag shares it."""
    path = target.repository.full_path
    others = (tag for tag in client.list_tags(path) if tag not in own)
    sharing = next((tag for tag in others if names(client, path, tag, digest)), None)
    if sharing is None:
        client.delete_manifest(path, digest)
    else:
        task.warn(f"{target} is kept: the registry deletes no single tags, and {sharing} is the same image")


def names(client: RegistryClient, path: str, tag: str, digest: str) -> bool:
    """Say whether a tag holds a manifest."""
    found = client.head_manifest(path, tag)
    return found is not None and found.digest == digest
