"""How commands show what they found: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

#: What adds options to a command.
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


#: Adds `--json` to a command, as the parameter `as_json`.
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings, columns that are in capitals on the right.

    Whatever is not a terminal gets lines of full length, with tabs between the columns and without headings.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415 - costs more than all else, where nobody looks
    from rich.table import Table  # noqa: PLC0415 - same

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lower(), justify="right" if column.isupper() else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_literally, row))
    Console().print(table)


def _literally(text: str) -> Any:
    """Show a text as it is: rich would read `[slug]` as a style."""
    from rich.text import Text  # noqa: PLC0415 - see show_table

    return Text(text)


def size(count: int) -> str:
    """Write a number of bytes for people, in powers of 1000 as docker does."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < _STEP:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} {_UNITS[-1]}"
