"""`image-assets publish`: an image archive to a registry, for scripts."""

from pathlib import Path

import click

from image_assets.archive import open_archive
from image_assets.cli.output import json_option, show_json
from image_assets.cli.running import ReferenceType, RegistryAccess, registry_options, running, settings_of
from image_assets.reference import Reference
from image_assets.transfer import expected_of, send, write_tag


@click.command("publish")
@json_option
@registry_options
@click.option("--image", help="Which image of the archive, by name or digest; needed if it holds several.")
@click.argument("archive", type=click.Path(exists=True))
@click.argument("reference", type=ReferenceType(is_target=True))
def command(archive: str, reference: Reference, image: str | None, insecure: tuple[str, ...], *, as_json: bool) -> None:
    """Publish ARCHIVE (docker save, or an OCI image layout as tar or directory) as REFERENCE, repository:tag.

    What the registry has is not sent, and a tag that exists is not moved: if it holds another image, that is an error.
    """
    if not reference.tag:
        raise click.UsageError("REFERENCE must end in a tag: repository:tag")
    path = reference.repository.full_path
    with running() as task, open_archive(Path(archive).resolve(), image) as opened:
        client = RegistryAccess(settings_of(insecure), task).client(reference.repository)
        expected = expected_of(opened, client, path)
        written = write_tag(client, path, reference.tag, send(opened, client, path, task), task, expected)
    uri = f"{reference.repository}@{written.digest}"
    if as_json:
        show_json({"imageUri": str(reference), "imageDigest": written.digest, "imageDigestUri": uri})
    else:
        click.echo(uri)
