"""A command that takes a while: its progress in the terminal, Ctrl-C, and the registries it talks to."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from image_assets.cli.output import Decorator
from image_assets.inputs.settings import Settings, parse_settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.registries import Registries
from image_assets.oci import RegistryClient
from image_assets.reference import Reference, Repository
from image_assets.task import Task

#: Adds to a command how registries are reached, as the parameter `insecure`.
registry_options: Decorator = click.option(
    "--insecure", multiple=True, metavar="HOST", help="A registry without TLS. Loopback hosts need no mention."
)


@contextmanager
def running() -> Iterator[Task]:
    """Show progress in a terminal, and let Ctrl-C end the work in order."""
    cancelled = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancelled.set())
    try:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - for terminals only

            with Console(stderr=True).status("") as shown:
                yield Task(
                    status=lambda text: shown.update(text.replace("[", r"\[")),
                    warn=_warn,
                    info=_note,
                    cancelled=cancelled,
                )
        else:
            yield Task(warn=_warn, info=_note, cancelled=cancelled)
    finally:
        signal.signal(signal.SIGINT, before)


def settings_of(insecure: tuple[str, ...]) -> Settings:
    """Return the settings that the options stand for.

    Raises:
        InputError: One is wrong.
    """
    return parse_settings({"insecureRegistries": list(insecure)} if insecure else {})


class RegistryAccess:
    """Clients with the logins that a program without logins of its own would use."""

    def __init__(self, settings: Settings, task: Task) -> None:
        self.registries = Registries(settings, GivenLogins())
        self.task = task

    def client(self, repository: Repository) -> RegistryClient:
        """Return the client of a repository's registry."""
        return self.registries.client(repository, self.task, Login())

    def source_of_login(self, repository: Repository) -> str:
        """Say where the login for a registry comes from.

        Raises:
            AssetError: A source cannot be asked.
        """
        logins, place = self.registries.logins, (repository.registry, repository.full_path)
        if logins.ecr({}, self.task).resolve(*place):
            return "Amazon ECR's own, by the AWS credentials at hand"
        found = logins.docker.resolve(*place)
        looked = ", ".join(logins.docker.looked_at(repository.registry)) or "no configuration of docker or podman"
        return f"{found.username or 'a token'} from {looked}" if found else f"none, anonymous; looked at: {looked}"


class ReferenceType(click.ParamType[Reference]):
    """An image's name.

    Args:
        is_target: Whether something is written under it: then no tag means none, and not `latest`.
    """

    name = "reference"

    def __init__(self, *, is_target: bool = False) -> None:
        self.is_target = is_target

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Reference:
        """Parse it."""
        if isinstance(value, Reference):
            return value
        try:
            reference = Reference.parse(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)
        is_given = reference.digest or str(value).endswith(f":{reference.tag}")
        return reference if is_given or not self.is_target else replace(reference, tag=None)


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _note(text: str) -> None:
    click.echo(text, err=True)
