"""`image-assets fingerprint`: the name that content gets, and the rows that it is made of."""

from dataclasses import replace

import click

from image_assets.cli.output import json_option, show_json, show_table, size
from image_assets.cli.running import running
from image_assets.cli.source import source_options
from image_assets.context.canonical import canonical_rows
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.plan.fingerprints import digest_cache, take
from image_assets.plan.git_source import commit_of
from image_assets.plan.plan import Plan, make_plan, source_in_git
from image_assets.publishing.base_digests import with_digests
from image_assets.reference import TAG_DIGITS
from image_assets.task import Task


@click.command("fingerprint")
@json_option
@click.option(
    "--rows", is_flag=True, help="Print what it is made of, a line each: `diff` tells why two machines differ."
)
@source_options
def command(given: Inputs, *, rows: bool, as_json: bool) -> None:
    """Compute the fingerprint and the tag of SOURCE, a directory, a git repository or an image archive.

    The tag is that of a program with the same inputs, before its `tagPrefix`.
    """
    with running() as task:
        plan = make_plan(with_digests(_with_commit(given, task), Settings(), task), Settings())
        if rows:
            show_rows(plan, task)
            return
        taken = take(plan, task, digest_cache(Settings()))
    read = taken.fingerprint
    for notice in read.notices:
        click.echo(f"warning: {notice}", err=True)
    for remark in read.remarks:
        click.echo(remark, err=True)
    facts = {
        "tag": read.digest[:TAG_DIGITS],
        "assetHash": read.digest,
        "files": read.files,
        "bytes": read.bytes,
        "seconds": round(read.seconds, 3),
    }
    if as_json:
        show_json(facts)
    else:
        shown = {**facts, "bytes": f"{read.bytes} ({size(read.bytes)})"}
        show_table(("", ""), [(name, str(value)) for name, value in shown.items()])


def _with_commit(inputs: Inputs, task: Task) -> Inputs:
    """Return inputs with the commit that is meant, where the source is a git repository."""
    source = source_in_git(inputs)
    if source is None or inputs.asset_hash is not None:
        return inputs
    return replace(inputs, git_commit=commit_of(source, inputs.build_secrets, task))


def show_rows(plan: Plan, task: Task) -> None:
    """Print what a fingerprint is made of."""
    if plan.archive is not None:
        raise click.UsageError("--rows is for directories: an archive counts by its image's digest alone")
    for row in canonical_rows(plan.options, plan.contexts, task):
        click.echo(row)
