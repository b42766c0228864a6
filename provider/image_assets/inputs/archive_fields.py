"""Where an archive comes from, one row an input: a file, a command that makes it, or an engine."""

from collections.abc import Iterator, Mapping
from typing import Any

from image_assets.errors import Problem
from image_assets.inputs.build_checks import check_pattern
from image_assets.inputs.field import Counts, Field, OnChange, Parts
from image_assets.inputs.options import ArchiveCommand
from image_assets.inputs.types import Listing, Property, Record, Text

#: The inputs of which one names the archive.
ARCHIVE_SOURCES = ("tarballFile", "command", "localImage")


def _check_local_image(name: str) -> str | None:
    return "must be the name or ID of an image" if name.startswith("-") or not name.isprintable() else None


def _check_input(path: str) -> str | None:
    if path.removeprefix("!").startswith("/"):
        return "must be relative to the program: an absolute path is another one on every machine"
    return check_pattern(path)


def _no_inputs(command: Mapping[str, Any]) -> Iterator[Problem]:
    if command.get("inputs") == []:
        yield Problem("", "`inputs` is empty, so that nothing would count: list it")


ARCHIVE_COMMAND = Record(
    "ArchiveCommand",
    "A command that makes an image archive: ko, bazel, nix, pack, jib, bake.",
    (
        Property("run", Text(), "The command, run by `sh` in the program's directory.", required=True),
        Property("output", Text(), "The archive that it makes, relative to the program.", required=True),
        Property(
            "inputs",
            Listing(Text(check=_check_input)),
            "The files and directories that it reads, relative to the program; `*`, `**` and `!` as in a "
            ".dockerignore file.",
            required=True,
        ),
    ),
    _no_inputs,
    ArchiveCommand,
)


def _command(command: ArchiveCommand) -> Parts:
    # The inputs count by their content, and where the archive lies is no matter.
    return (("run", command.run),)


ARCHIVE_FIELDS = (
    Field(
        "tarballFile",
        Text(),
        "The archive, relative to the program: `docker save` or OCI image layout, plain or compressed with gzip, zstd, "
        "xz or bzip2, or the directory of an OCI image layout. The image in it counts, not the file's bytes.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "command",
        ARCHIVE_COMMAND,
        "A command that makes the archive, in place of `tarballFile`. It runs only when the registry lacks the tag; "
        "its text counts, and what its inputs hold.",
        Counts.OPTION,
        change=OnChange.FINGERPRINT,
        parts=_command,
    ),
    Field(
        "localImage",
        Text(check=_check_local_image),
        "An image that the engine has already, by name or ID, in place of `tarballFile`: what another tool has built "
        "or loaded. Its ID counts, so previews ask the engine for it (`docker image inspect`).",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
    Field(
        "image",
        Text(),
        "Which image of the archive, by name or digest. Default: the only one.",
        Counts.CONTENT,
        change=OnChange.FINGERPRINT,
    ),
)
