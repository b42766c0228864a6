"""`image-assets why`: what has changed since a stack's state was written."""

from pathlib import Path
from typing import IO, Any

import click

from image_assets.cli.output import json_option, show_json
from image_assets.cli.running import running
from image_assets.cli.state import ImageInState, images_of, resources_of
from image_assets.context import describe_change
from image_assets.errors import InputError
from image_assets.inputs.image import parse_stored
from image_assets.plan.fingerprints import digest_cache, take
from image_assets.plan.locations import location_problems
from image_assets.plan.plan import fingerprint_is_known, locate, make_plan
from image_assets.plan.rows import rows_of
from image_assets.reference import TAG_DIGITS
from image_assets.task import Task


@click.command("why")
@json_option
@click.option("--directory", "-C", "program", type=click.Path(exists=True, file_okay=False), default=".",
              help="The program's directory, to which its paths are relative. Default: this one.")  # fmt: skip
@click.argument("state", type=click.File("r"))
@click.argument("name")
def command(state: IO[str], name: str, program: str, *, as_json: bool) -> None:
    """Say what has changed for the image NAME since STATE, the output of `pulumi stack export`, was written.

    The inputs are those of the state: what the program's text has changed since shows in `pulumi preview`.
    """
    image = find(list(images_of(resources_of(state))), name)
    with running() as task:
        found = compare(image, Path(program).resolve(), task)
    if as_json:
        show_json(found)
        return
    if not found["changed"]:
        click.echo(f"{name}: nothing has changed, its tag is {found['newTag']}")
        return
    click.echo(f"{name}: {found['oldTag']} -> {found['newTag']}")
    for mark, kind in (("~", "edited"), ("+", "added"), ("-", "removed")):
        for path in found[kind]:
            click.echo(f"  {mark} {path}")
    if not any(found[kind] for kind in ("edited", "added", "removed")):
        click.echo("  no file: an option that counts, or the provider's setting `defaultPlatform`, is another")


def find(images: list[ImageInState], name: str) -> ImageInState:
    """Return the image of that name, or of that URN.

    Raises:
        ClickException: There is none, or several.
    """
    found = [image for image in images if name in (image.name, image.urn)]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.ClickException(f"several images are called {name}; give a URN: {', '.join(i.urn for i in found)}")
    known = ", ".join(sorted(image.name for image in images)) or "none"
    raise click.ClickException(f"the state has no image called {name}; it has: {known}")


def compare(image: ImageInState, program: Path, task: Task) -> dict[str, Any]:
    """Take the fingerprint again and compare.

    Raises:
        InputError: A place that the inputs name is not there any more.
    """
    problems = tuple(location_problems(image.inputs, image.settings, program))
    if problems:
        raise InputError(problems)
    inputs = locate(parse_stored(image.inputs), program)
    if not fingerprint_is_known(inputs):
        raise click.ClickException(
            f"inputs of {image.name} are encrypted in this state: write it by `pulumi stack export --show-secrets`"
        )
    taken = take(make_plan(inputs, image.settings), task, digest_cache(image.settings))
    old, new = str(image.inputs.get("fingerprint", "")), taken.fingerprint.digest
    change = describe_change(rows_of(image.inputs), taken.outline)
    prefix = inputs.tag_prefix
    return {
        "changed": old != new,
        "oldTag": prefix + old[:TAG_DIGITS],
        "newTag": prefix + new[:TAG_DIGITS],
        "edited": list(change.changed),
        "added": list(change.added),
        "removed": list(change.removed),
    }
