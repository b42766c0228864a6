"""`image-assets ls`: what of a directory reaches the builder, and what keeps the rest out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

import click

from image_assets.cli.output import json_option, show_json, show_table, size
from image_assets.cli.running import running
from image_assets.cli.source import source_options
from image_assets.context.contents import Entry, KeptOut, entries, kept_out
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.plan import main_context, source_in_git

_ORDERS: Final[dict[str, Callable[[Entry], Any]]] = {
    "path": lambda entry: entry.path,
    "size": lambda entry: (-entry.size, entry.path),
}


@click.command("ls")
@json_option
@click.option("--ignored", is_flag=True, help="What does not reach the builder, with the pattern that keeps it out.")
@click.option("--sort", "order", type=click.Choice(list(_ORDERS)), default="path", help="The order. Default: path.")
@source_options
def command(given: Inputs, *, ignored: bool, order: str, as_json: bool) -> None:
    """List what of the directory SOURCE reaches the builder."""
    if given.directory is None:
        raise click.UsageError("SOURCE must be a directory with a Dockerfile; an archive is published as it is")
    if source_in_git(given):
        raise click.UsageError("SOURCE must be a directory here: check the git repository out, and name its directory")
    context = main_context(given, Settings())
    with running() as task:
        if ignored:
            show_kept_out(sorted(kept_out(context, task), key=lambda one: one.path), as_json=as_json)
        else:
            show_entries(sorted(entries(context, task), key=_ORDERS[order]), as_json=as_json)


def show_kept_out(found: Sequence[KeptOut], *, as_json: bool) -> None:
    """Show what does not reach the builder."""
    if as_json:
        show_json([asdict(one) for one in found])
    else:
        show_table(("Path", "By", "Pattern"), [(one.path, one.origin, one.pattern) for one in found])


def show_entries(found: Sequence[Entry], *, as_json: bool) -> None:
    """Show what reaches the builder, and how much it is."""
    if as_json:
        show_json([asdict(entry) for entry in found])
        return
    show_table(("SIZE", "Path"), [(size(entry.size) if entry.kind == "file" else "", entry.path) for entry in found])
    total = sum(entry.size for entry in found)
    click.echo(f"{sum(entry.kind == 'file' for entry in found):,} files, {size(total)}", err=True)
