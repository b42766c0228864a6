"""`image-assets copy`: an image from one repository to another, for scripts."""

import click

from image_assets.cli.output import json_option, show_json
from image_assets.cli.running import ReferenceType, RegistryAccess, registry_options, running, settings_of
from image_assets.reference import Reference
from image_assets.transfer import BlobMemory, Source, copy, write_tag


@click.command("copy")
@json_option
@registry_options
@click.argument("source", type=ReferenceType())
@click.argument("target", type=ReferenceType(is_target=True))
def command(source: Reference, target: Reference, insecure: tuple[str, ...], *, as_json: bool) -> None:
    """Copy the image SOURCE, all platforms of it, to TARGET; the digest stays the same.

    A TARGET without a tag gets that of SOURCE. A tag that exists is not moved: if it holds another image, that is an
    error.
    """
    tag = target.tag or source.tag
    if not tag:
        raise click.UsageError("TARGET must end in a tag, as SOURCE has none to take over")
    with running() as task:
        access = RegistryAccess(settings_of(insecure), task)
        origin = access.client(source.repository)
        found = origin.head_manifest(source.repository.full_path, source.identifier)
        if found is None:
            raise click.ClickException(f"there is no image {source}")
        client, path = access.client(target.repository), target.repository.full_path
        read = Source(origin, source.repository.full_path, found.digest)
        sent = copy(read, client, path, task, BlobMemory.of_user())
        digest = found.digest
        written = write_tag(client, path, tag, sent, task, lambda there: there.digest == digest)
    uri = f"{target.repository}@{written.digest}"
    if as_json:
        show_json({"imageUri": f"{target.repository}:{tag}", "imageDigest": written.digest, "imageDigestUri": uri})
    else:
        click.echo(uri)
