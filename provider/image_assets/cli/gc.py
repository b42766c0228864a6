"""`image-assets gc`: what of a repository can go, and with `--yes` goes."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from image_assets.aws.ecr import Aws
from image_assets.aws.settings import AwsSettings
from image_assets.cli.in_use import Sources, read_sources
from image_assets.cli.output import json_option, show_json, show_table, size
from image_assets.cli.running import RegistryAccess, registry_options, running, settings_of
from image_assets.errors import AssetError, CancelledByUserError
from image_assets.frozen import dataclass
from image_assets.reference import Repository
from image_assets.retention.ecr import EcrRepository
from image_assets.retention.in_use import Named, Names
from image_assets.retention.model import Deletions, Done, Held, Verdict
from image_assets.retention.oci import OciRepository
from image_assets.retention.order import in_order, sizes
from image_assets.retention.rules import Rules, decide

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE: Final = re.compile(r"(\d+)([smhdw])")
_DEFAULT_AGE: Final = timedelta(days=30)
_COLUMNS: Final = ("what", "image", "tags", "created", "BYTES", "why")


class AgeType(click.ParamType[timedelta]):
    """An age: a number and a unit, or 0."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse it."""
        if isinstance(value, timedelta):
            return value
        match = _AGE.fullmatch("0s" if value == "0" else value)
        if match is None:
            return self.fail(f'"{value}" is not an age: write 30d, 12h, 2w, 90m or 0', param, ctx)
        try:
            return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
        except OverflowError:
            return self.fail(f'"{value}" is too long', param, ctx)


class RepositoryType(click.ParamType[Repository]):
    """A repository's name."""

    name = "repository"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Repository:
        """Parse it."""
        if isinstance(value, Repository):
            return value
        try:
            return Repository.parse(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Look:
    """What a repository holds, and how it is deleted from."""

    held: Held
    remove: Callable[[Sequence[Verdict], Deletions], None]


@click.command("gc")
@json_option
@registry_options
@click.option("--keep-last", type=click.IntRange(min=0), metavar="N", help="Keep the newest N images.")
@click.option("--min-age", type=AgeType(), help="Keep what is younger: 30d, 12h, 2w; 0 for no such rule. "
              "Default: 30d, unless --keep-last is given.")  # fmt: skip
@click.option("--untagged-age", type=AgeType(), default="1d", show_default=True,
              help="Keep what has no tag yet while it is younger.")  # fmt: skip
@click.option("--protect", multiple=True, metavar="GLOB", help="Keep what has a tag of this pattern.")
@click.option("--stack", "stacks", multiple=True, help="Keep what this Pulumi stack's state names.")
@click.option("--backend", "backends", multiple=True, metavar="URL", help="The same for all stacks of a backend.")
@click.option("--state", "states", multiple=True, type=click.File("r", encoding="utf-8"),
              help="The same for a state that `pulumi stack export --show-secrets` wrote.")  # fmt: skip
@click.option("--alias", "aliases", multiple=True, metavar="HOST",
              help="Another name of the registry, as states or standard input may have it.")  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Delete. Without it, only say what would go.")
@click.argument("repository", type=RepositoryType())
def command(  # noqa: PLR0913, PLR0917 - an argument an option
    repository: Repository,
    insecure: tuple[str, ...],
    keep_last: int | None,
    min_age: timedelta | None,
    untagged_age: timedelta,
    protect: tuple[str, ...],
    aliases: tuple[str, ...],
    *,
    yes: bool,
    as_json: bool,
    **sources: Any,
) -> None:
    """Say what of REPOSITORY can go; with --yes, delete it.

    Kept is what the options name, what standard input names (if it is a pipe or a file: any text, such as the output
    of kubectl), caches (cache-*), and every child and referrer of what is kept. What cannot be read stops it.
    """
    default_age = _DEFAULT_AGE if keep_last is None else None
    rules = Rules(keep_last, default_age if min_age is None else min_age, protect, untagged_age)
    deletions = Deletions()
    stopped: Exception | None = None
    with running() as task:
        named = read_sources(Sources(**sources), Names(repository, aliases), task)
        look = _look(repository, RegistryAccess(settings_of(insecure), task), named, rules)
        verdicts = decide(look.held, named, rules, datetime.now(UTC))
        if yes:
            try:
                look.remove(verdicts, deletions)
            except AssetError as error:
                stopped = error
    if left := _left_without_tag(verdicts, deletions) if stopped else ():
        deletions.note(f"no tag leads any more to what else was to go: {', '.join(left)}")
    if not verdicts:
        deletions.note(f"there is no {repository}, or nothing is in it")
    report = _report(repository, named, verdicts, deletions, carried_out=yes)
    if stopped:
        report["error"] = "interrupted" if isinstance(stopped, CancelledByUserError) else str(stopped)
    (show_json if as_json else _show)(report)
    if stopped:
        raise stopped


def _look(repository: Repository, access: RegistryAccess, named: Sequence[Named], rules: Rules) -> Look:
    keychain = access.registries.logins.ecr({}, access.task)
    arn = keychain.arn(repository.registry, repository.full_path)
    if arn:
        ecr = EcrRepository(Aws(AwsSettings.of(access.registries.logins.settings.aws)), arn, access.task)
        held = ecr.look(lambda held: _settled(held, named, rules))
        return Look(held, lambda verdicts, deletions: ecr.remove(held, in_order(verdicts), deletions))
    oci = OciRepository(access.client(repository), repository.full_path, access.task)
    held = oci.look({digest for one in named for digest in one.digests})
    return Look(held, lambda verdicts, deletions: oci.remove(held, [one for _, one in in_order(verdicts)], deletions))


def _settled(held: Held, named: Sequence[Named], rules: Rules) -> frozenset[str]:
    """Return the keys of what stays, whatever is in it."""
    return frozenset(one.stored.key for one in decide(held, named, rules, datetime.now(UTC)) if one.stays)


def _left_without_tag(verdicts: Sequence[Verdict], deletions: Deletions) -> list[str]:
    """Return the digests of parts that are still there, of indexes that are not."""
    done = {key for key, (what, _) in deletions.done.items() if what is not Done.KEPT}
    lost = {child for one in verdicts if one.stored.key in done for child in one.stored.children}
    going = [one.stored for one in verdicts if not one.stays and one.stored.key not in deletions.done]
    return [one.digest for one in going if one.digest in lost and not one.tags]


def _report(
    repository: Repository,
    named: Sequence[Named],
    verdicts: Sequence[Verdict],
    deletions: Deletions,
    *,
    carried_out: bool,
) -> dict[str, Any]:
    bytes_of = sizes(verdicts)
    images = [_row(one, bytes_of[one.stored.key], deletions, carried_out=carried_out) for one in verdicts]
    images.sort(key=lambda row: (row["action"] == "keep", row["created"] or "", row["tags"]))
    gone = [row for row in images if row["action"] in {"delete", "deleted"}]
    return {
        "repository": str(repository),
        "dryRun": not carried_out,
        "deleted" if carried_out else "deletable": sum(row["action"] == "deleted" or not carried_out for row in gone),
        "kept": sum(row["action"] == "keep" for row in images),
        "bytes": sum(row["bytes"] for row in gone if row["action"] == "deleted" or not carried_out),
        "inUse": [_source(one, verdicts) for one in named],
        "images": images,
        "notes": deletions.notes,
    }


def _source(named: Named, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return how many tags and digests of the repository a source names."""
    tags = {tag for one in verdicts for tag in one.stored.tags} & (named.tags | named.words)
    digests = {one.stored.digest for one in verdicts} & named.digests
    return {"source": named.source, "tags": len(tags), "digests": len(digests)}


def _row(verdict: Verdict, count: int, deletions: Deletions, *, carried_out: bool) -> dict[str, Any]:
    one = verdict.stored
    action, why = "keep" if verdict.stays else "delete", verdict.why
    if carried_out and not verdict.stays and one.key in deletions.done:
        done, because = deletions.done[one.key]
        action, why = done.value, because or why
    return {
        "action": action,
        "digest": one.digest or None,
        "tags": list(one.tags),
        "created": one.created.isoformat() if one.created else None,
        "bytes": count,
        "why": why,
    }


def _show(report: dict[str, Any]) -> None:
    show_table(_COLUMNS, _lines(report["images"]))
    done = "" if report["dryRun"] else "deleted: "
    count = report.get("deletable", report.get("deleted"))
    click.echo(f"{done}{count} of {len(report['images'])} manifests, {size(report['bytes'])}", err=True)
    for one in report["inUse"]:
        click.echo(f"{one['source']} names {one['tags']} tags and {one['digests']} digests that are there", err=True)
    for note in report["notes"]:
        click.echo(f"note: {note}", err=True)
    if report["dryRun"]:
        click.echo("Nothing was deleted: add --yes to delete.", err=True)
    left = [row for row in report["images"] if row["action"] == "delete"]
    if "error" in report and left:
        click.echo(f"stopped: {len(left)} manifests that were to go are still there, or may be", err=True)


def _lines(images: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for row in images:
        created = (row["created"] or "unknown")[:10]
        digest = row["digest"] or "unreadable"
        yield row["action"], digest[:19], " ".join(row["tags"]) or "-", created, size(row["bytes"]), row["why"]
