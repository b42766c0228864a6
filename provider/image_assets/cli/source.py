"""The options that describe an image's source: one for each input of a program that counts, from the same tables."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import click

from image_assets.cli.output import Decorator
from image_assets.errors import InputError
from image_assets.inputs.archive_fields import ARCHIVE_FIELDS
from image_assets.inputs.build_fields import BUILD_FIELDS
from image_assets.inputs.field import Counts, Field
from image_assets.inputs.image import Inputs, is_archive, parse_stored, row_problems
from image_assets.inputs.settings import Settings
from image_assets.inputs.types import Listing, Mapped, Record, Text, Word
from image_assets.plan.git_source import is_git
from image_assets.plan.locations import location_problems
from image_assets.plan.plan import locate

#: What the source itself stands for on the command line.
_SOURCES: Final = ("directory", "tarballFile")
_OPTIONS: Final = tuple(
    row for row in (*BUILD_FIELDS, *ARCHIVE_FIELDS) if row.counts is not Counts.NOT and row.name not in _SOURCES
)
_PLAIN: Final = (Text, Word, Listing, Mapped)


class _Place(click.Path):
    """A path, or a git repository."""

    def __init__(self) -> None:
        super().__init__(exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take a URL as it is; whether it is one that can be built is told like in a program."""
        return value if _is_remote(str(value)) else super().convert(value, param, ctx)


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument SOURCE and the options of a source to a command, as one parameter `given`."""

    @click.argument("source", type=_Place())
    @click.option("--inputs", type=click.File("r"), help="JSON with more inputs, named as in a program; - reads it.")
    @click.option("--executable", help="The program that builds, where it is not docker (it knows other file names).")
    @click.pass_context
    def command(
        context: click.Context, /, source: str, inputs: IO[str] | None, executable: str | None, **options: Any
    ) -> Any:
        names = {option_name(row): row for row in _OPTIONS if _is_plain(row)}
        given = {names[name].name: _value(names[name], options.pop(name)) for name in list(options) if name in names}
        more = _read(inputs) if inputs else {}
        builder = {"builder": {"executable": executable}} if executable else {}
        kind = "directory" if _is_remote(source) or _is_context(Path(source)) else "tarballFile"
        values = {kind: source, **builder, **more, **{name: value for name, value in given.items() if value}}
        return context.invoke(function, given=checked(values), **options)

    for row in reversed(_OPTIONS):
        if _is_plain(row):
            command = _option(row)(command)
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    # What other decorators have added to the function, as click keeps it.
    command.__click_params__ = [  # type: ignore[attr-defined]
        *getattr(command, "__click_params__", []),
        *getattr(function, "__click_params__", []),
    ]
    return command


def checked(values: Mapping[str, Any]) -> Inputs:
    """Turn inputs into frozen ones with absolute paths.

    Raises:
        InputError: With every problem.
    """
    rows = ARCHIVE_FIELDS if is_archive(values) else BUILD_FIELDS
    here = Path.cwd()
    found = (*row_problems(rows, values), *location_problems(values, Settings(), here))
    if found:
        raise InputError(found)
    return locate(parse_stored(values), here)


def option_name(row: Field) -> str:
    """Return the name of a row's option as click hands it on (`buildArgs` -> `build_arg`)."""
    single = row.name[:-1] if isinstance(row.shape, Mapped) else row.name
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), single)


def _flag(row: Field) -> str:
    return "--" + option_name(row).replace("_", "-")


def _option(row: Field) -> Decorator:
    many = isinstance(row.shape, Listing | Mapped)
    metavar = "NAME=VALUE" if isinstance(row.shape, Mapped) else None
    return click.option(
        _flag(row), option_name(row), multiple=many, metavar=metavar, type=_type(row), help=_summary(row.doc)
    )


def _type(row: Field) -> click.ParamType[str]:
    choices = row.shape.choices if isinstance(row.shape, Text) else None
    return click.Choice(list(choices.values.values())) if choices and not choices.is_open else click.STRING


def _is_plain(row: Field) -> bool:
    shape = row.shape
    item = shape.item if isinstance(shape, Listing | Mapped) else shape
    return isinstance(shape, _PLAIN) and not isinstance(item, Record)


def _summary(doc: str) -> str:
    """Return the first sentence of an input's documentation."""
    return re.split(r"(?<=\.)\s", doc.replace("`", ""), maxsplit=1)[0]


def _value(row: Field, given: Any) -> Any:
    """Return an option as the wire value of its input."""
    if isinstance(row.shape, Mapped):
        pairs = [item.partition("=") for item in given]
        wrong = next((name for name, mark, _ in pairs if not mark), None)
        if wrong is not None:
            raise click.BadParameter(f'"{wrong}" must be NAME=VALUE', param_hint=_flag(row))
        return {name: value for name, _, value in pairs}
    return list(given) if isinstance(row.shape, Listing) else given


def _read(file: IO[str]) -> dict[str, Any]:
    try:
        values = json.load(file)
    except ValueError as error:
        raise click.BadParameter(f"{file.name} is not JSON: {error}", param_hint="--inputs") from error
    if not isinstance(values, dict):
        raise click.BadParameter(f"{file.name} must hold an object with inputs by name", param_hint="--inputs")
    return values


def _is_remote(source: str) -> bool:
    return "://" in source or is_git(source)


def _is_context(path: Path) -> bool:
    return path.is_dir() and not (path / "oci-layout").is_file()
