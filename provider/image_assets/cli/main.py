"""The program `image-assets`.

Exit codes: 0 all is well, 1 something failed or was found wrong, 2 the command was not understood, 130 interrupted.
"""

import os
import sys
from importlib import import_module
from typing import Any

import click

from image_assets import __version__
from image_assets.errors import AssetError, CancelledByUserError
from image_assets.inputs.wording import listed, nearest

_COMMANDS = {
    "doctor": "Say whether building and publishing would work on this machine.",
    "ls": "List what of a directory reaches the builder.",
    "fingerprint": "Compute the fingerprint and the tag of a directory or an archive.",
    "why": "Say what has changed since a stack's state was written.",
    "publish": "Publish an image archive.",
    "copy": "Copy an image from one repository to another.",
    "gc": "Say what of a repository can go, and delete it.",
}
INTERRUPTED = 130


class EnoughReadError(Exception):
    """Whoever reads the output, `head` for one, has closed it."""


class Commands(click.Group):
    """Loads a command when it is used: help and completion need none of the heavy libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        if cmd_name not in _COMMANDS:
            close = nearest(cmd_name, list(_COMMANDS))
            ctx.fail(f"there is no command '{cmd_name}'{close or listed(list(_COMMANDS))}")
        command: click.Command = import_module(f"image_assets.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click itself would end the process where the output cannot be written."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise EnoughReadError from error
        except OSError as error:
            raise click.ClickException(told(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - same
        """Write the commands' help from the table, which loads none of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def told(error: OSError) -> str:
    """Say what the system said of which file."""
    return ": ".join(map(str, filter(None, (error.filename, error.strerror)))) or str(error)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Completion: eval "$(_IMAGE_ASSETS_COMPLETE=bash_source image-assets)", or zsh_source, fish_source.',
)
@click.version_option(__version__, "-V", "--version", message="image-assets %(version)s")
def program() -> None:
    """Container images named by their content: what counts, why it changed, and whether it can be published."""


def main() -> None:
    """Run the program, and end the process with its exit code."""
    try:
        code = program.main(prog_name="image-assets", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt, CancelledByUserError):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except AssetError as error:
        click.echo(f"Error: {error}", err=True)
        code = 1
    except EnoughReadError:
        # Python writes what is left of the output at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
