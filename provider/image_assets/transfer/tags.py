"""Writing tags: last, checked, and never over something else."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from image_assets.archive import Archive, SavedImage
from image_assets.errors import RegistryError
from image_assets.oci import Descriptor, Manifest, RegistryClient
from image_assets.task import Task
from image_assets.transfer.model import Sent

#: How registries refuse to move a tag that may not be moved: ECR 400 TAG_INVALID, Harbor 412, ACR and Quay 403 or 409,
#: Artifactory 403, others 405. The same statuses have other causes too, so the tag is looked at before it counts.
_REFUSALS = frozenset({400, 403, 405, 409, 412})

_MISSING = 404

Expected = Callable[[Descriptor], bool]


def write_tag(  # noqa: PLR0913, PLR0917 - where, what, and how to judge what is there already
    client: RegistryClient,
    repository_path: str,
    tag: str,
    sent: Sent,
    task: Task,
    expected: Expected | None = None,
) -> Descriptor:
    """Make the tag name the image, and check that it does.

    A tag that exists is never moved: it was written by someone who published the same content (a lost race, or an
    immutable tag), and what it holds counts as published.

    Args:
        client: The registry.
        repository_path: The repository's name inside the registry.
        tag: The tag that names the content.
        sent: What `send` or `send_local` returned.
        task: Stops it.
        expected: Says whether something else that the tag holds is as good; without it, everything is.

    Returns:
        What the tag holds now.

    Raises:
        RegistryError: The registry refused, or the tag holds what it should not hold.
    """
    task.check()
    there = client.find_to_write(repository_path, tag)
    if there is None:
        there = _write(client, repository_path, tag, sent)
    return _judged(there, f"{client.registry}/{repository_path}:{tag}", sent, expected)


def move_tag(  # noqa: PLR0913, PLR0917 - where, what, and how to judge what is there already
    client: RegistryClient,
    repository_path: str,
    tag: str,
    sent: Sent,
    task: Task,
    expected: Expected,
) -> Descriptor:
    """Make the tag name the image, whatever it holds, and check that it does; one that holds as good is left alone.

    Returns:
        What the tag holds now.

    Raises:
        RegistryError: The registry refused, or the tag holds something else afterwards.
    """
    task.check()
    name = f"{client.registry}/{repository_path}:{tag}"
    there = client.find_to_write(repository_path, tag)
    if there is not None and expected(there):
        return there
    try:
        _put(client, repository_path, tag, sent)
    except RegistryError as error:
        if there is not None and error.status in _REFUSALS:
            text = (
                f"{name} holds {there.digest}, and the registry does not let it be moved: choose another tag, or let "
                f"this one change ({error})"
            )
            error.args = (text,)
        raise
    now = client.await_manifest(repository_path, tag)
    if now is None or not expected(now):
        holds_now = now.digest if now else "nothing"
        raise RegistryError(
            f"{name} holds {holds_now} right after it was written: somebody else writes it, too; "
            "give each program a tagPrefix of its own, and run it again"
        )
    if there is not None:
        task.info(f"{name} held {there.digest} before")
    return now


def add_tags(
    client: RegistryClient,
    repository_path: str,
    digest: str,
    tags: Sequence[str],
    task: Task,
) -> tuple[str, ...]:
    """Make more tags name a manifest that the repository has (OCI distribution spec, "Pushing Manifests").

    Returns:
        The tags that did not name it before.

    Raises:
        RegistryError: The registry refused.
    """
    manifest: Manifest | None = None
    written = []
    for tag in dict.fromkeys(tags):
        task.check()
        there = client.find_to_write(repository_path, tag)
        if there is None or there.digest != digest:
            manifest = manifest or stored_manifest(client, repository_path, digest)
            client.put_manifest(repository_path, tag, manifest.content, manifest.descriptor.media_type)
            written.append(tag)
    return tuple(written)


def expected_of(archive: Archive, client: RegistryClient, repository_path: str) -> Expected:
    """Return what says whether a tag's manifest is the archive's image, however its layers are packed."""

    def judge(found: Descriptor) -> bool:
        if not isinstance(archive.image, SavedImage):
            return found.digest == archive.identity
        document = json.loads(client.get_manifest(repository_path, found.digest, to_push=True).content)
        config = document.get("config") if isinstance(document, dict) else None
        return isinstance(config, dict) and config.get("digest") == archive.identity

    return judge


def _write(client: RegistryClient, repository_path: str, tag: str, sent: Sent) -> Descriptor:
    """Write a tag that does not exist, and return what it holds then."""
    try:
        _put(client, repository_path, tag, sent)
    except RegistryError as error:
        # Of an engine's push only the words are known, not the status.
        lost = sent.manifest is None or error.status in _REFUSALS
        there: Descriptor | None = None
        with suppress(RegistryError):
            there = client.head_manifest(repository_path, tag, to_push=True) if lost else None
        if there is None:
            raise
        return there
    there = client.await_manifest(repository_path, tag)
    if there is None:
        raise RegistryError(
            f"the registry took the tag {tag} of {repository_path}, but does not have it afterwards: run it again",
            method="HEAD",
            status=404,
        )
    return there


def stored_manifest(client: RegistryClient, repository_path: str, digest: str) -> Manifest:
    """Return a manifest that was just stored, which not every server of a registry may know of yet."""
    try:
        return client.get_manifest(repository_path, digest, to_push=True)
    except RegistryError as error:
        if error.status != _MISSING or client.await_manifest(repository_path, digest) is None:
            raise
    return client.get_manifest(repository_path, digest, to_push=True)


def _put(client: RegistryClient, repository_path: str, tag: str, sent: Sent) -> None:
    """Write the tag, or let the engine push image and tag."""
    if sent.manifest is not None:
        client.put_manifest(repository_path, tag, sent.manifest.content, sent.manifest.descriptor.media_type)
    elif sent.push is not None:
        sent.push(f"{client.registry}/{repository_path}:{tag}")


def _judged(there: Descriptor, name: str, sent: Sent, expected: Expected | None) -> Descriptor:
    """Return what a tag holds if that is the image."""
    if expected is not None and not (sent.manifest and there.digest == sent.manifest.descriptor.digest):
        refuse_other_image(there, name, expected)
    return there


def refuse_other_image(found: Descriptor, name: str, expected: Expected) -> None:
    """Make sure that what a tag holds is the image.

    Raises:
        RegistryError: It holds something else.
    """
    if not expected(found):
        raise RegistryError(
            f"{name} exists and holds {found.digest}, which is not this image; it was not overwritten. "
            "Choose another tagPrefix (a replica: another tag), or delete that tag",
            method="HEAD",
        )
