"""`image-assets doctor`: whether building and publishing would work here, and for what would not the remedy."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Final

import click

from image_assets.cli.output import json_option, show_json, show_table, size
from image_assets.cli.running import ReferenceType, RegistryAccess, registry_options, running, settings_of
from image_assets.docker.probe import probe
from image_assets.errors import AssetError, CancelledByUserError
from image_assets.frozen import dataclass
from image_assets.oci import RegistryClient
from image_assets.reference import Reference, Repository
from image_assets.task import Task

_LITTLE: Final = 5_000_000_000
"""Bytes; a disk with less is soon full of layers."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, and how it is.

    Attributes:
        what: What was looked at.
        ok: Whether it works.
        told: What was found; for a fault what is wrong and what helps.
    """

    what: str
    ok: bool
    told: str


@click.command("doctor")
@json_option
@registry_options
@click.option("--executable", default="docker", help="The program that builds. Default: docker.")
@click.option("--builder", help="The buildx builder. Default: the current one.")
@click.argument("reference", type=ReferenceType(), required=False)
def command(
    reference: Reference | None, executable: str, builder: str | None, insecure: tuple[str, ...], *, as_json: bool
) -> None:
    """Say whether building works on this machine and, for REFERENCE, whether its registry can be read and written.

    Nothing is built and nothing is written: an upload is opened and cancelled.
    """
    started = time.monotonic()
    with running() as task:
        looks: list[Callable[[], Iterator[Finding]]] = [lambda: building(executable, builder, task), disk]
        if reference is not None:
            access = RegistryAccess(settings_of(insecure), task)
            asked = reference
            looks.append(lambda: registry(asked, access))
        with ThreadPoolExecutor(len(looks)) as pool:
            found = [finding for look in pool.map(lambda look: list(look()), looks) for finding in look]
    if as_json:
        show_json({"findings": [asdict(one) for one in found], "seconds": round(time.monotonic() - started, 2)})
    else:
        show_table(("", "What", "Found"), [("ok" if one.ok else "FAULT", one.what, one.told) for one in found])
    if not all(one.ok for one in found):
        raise SystemExit(1)


def building(executable: str, builder: str | None, task: Task) -> Iterator[Finding]:
    """Look for the program that builds and its builder."""
    try:
        engine = probe(executable, builder, task, os.environ)
    except CancelledByUserError:
        raise
    except AssetError as error:
        yield Finding("builder", ok=False, told=str(error))
        return
    yield Finding("program", ok=True, told=f"{engine.program.path} ({engine.program.dialect.title})")
    if engine.builder is None:
        yield Finding("builder", ok=True, told=f"{engine.title}; images go through its own store")
    else:
        way = "pushes by itself" if engine.pushes else "images go through the engine's store"
        nodes = ", ".join(engine.builder.endpoints) or "the engine"
        yield Finding("builder", ok=True, told=f"{engine.title} at {nodes}; {way}")


def disk() -> Iterator[Finding]:
    """Look how much room there is where builds keep what is temporary."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    remedy = "" if free >= _LITTLE else "; make room, or point TMPDIR elsewhere"
    yield Finding("disk", ok=free >= _LITTLE, told=f"{size(free)} free in {folder}{remedy}")


def push_in_vain(client: RegistryClient, repository: Repository) -> str:
    """Open an upload and cancel it."""
    client.try_upload(repository.full_path)
    return "an upload was opened and cancelled"


def registry(reference: Reference, access: RegistryAccess) -> Iterator[Finding]:
    """Look whose login a registry gets, and what it lets that login do."""
    repository = reference.repository
    host = repository.registry
    try:
        source = access.source_of_login(repository)
    except AssetError as error:
        yield Finding(f"login for {host}", ok=False, told=str(error))
        return
    yield Finding(f"login for {host}", ok=True, told=source)
    client = access.client(repository)
    tag = reference.tag or reference.digest or "latest"
    attempts: dict[str, Callable[[], str]] = {
        "pull": lambda: "the image is there" if client.head_manifest(repository.full_path, tag) else f"no {tag} yet",
        "push": partial(push_in_vain, client, repository),
    }
    # Side by side: a registry that does not answer takes some seconds to be sure of.
    with ThreadPoolExecutor(len(attempts)) as pool:
        yield from pool.map(lambda what: tried(f"{what} {repository}", attempts[what]), attempts)


def tried(what: str, attempt: Callable[[], str]) -> Finding:
    """Try one thing with a registry."""
    try:
        return Finding(what, ok=True, told=attempt())
    except CancelledByUserError:
        raise
    except AssetError as error:
        return Finding(what, ok=False, told=str(error))
