"""What the builder is given, so that it receives exactly what the fingerprint counted.

In docker mode the context is used in place, and nothing is ever written into it. Additional patterns travel in
`<Dockerfile>.dockerignore` beside a copy of the Dockerfile in a temporary directory: BuildKit reads that file instead
of the context's own. The other modes, and followed links, get a tree of their own (`stage.py`), with an ignore file
that ignores nothing, so that the builder does not apply the context's a second time. So does what goes to a builder
that takes a file of one size and time for that of an earlier build: there no two copies have the same times.

`scope: dockerfile` needs nothing here: BuildKit itself asks only for what `COPY` and `ADD` name.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from image_assets.context.dockerfile_content import dockerfile_content
from image_assets.context.faults import unusable
from image_assets.context.place import Places
from image_assets.context.rules import has_empty_ignore_file, ignore_file
from image_assets.context.selection import select
from image_assets.context.spec import ContextSpec
from image_assets.context.stage import fill, new_times, set_time, statuses
from image_assets.context.temporary import folder_outside
from image_assets.frozen import dataclass
from image_assets.own_folder import own_folder
from image_assets.task import Task

# BuildKit takes an empty ignore file for none, and then looks for the context's own.
_IGNORES_NOTHING = b"# nothing is left out\n"
_PLAIN_NAME = re.compile(r"[\w.][\w.+-]*", re.ASCII)
_EXCLUDE_HEADING = "# patterns of `exclude`"


@dataclass(frozen=True)
class Staged:
    """The arguments of a build: `docker build -f dockerfile directory`.

    Attributes:
        directory: The context.
        dockerfile: The Dockerfile; with its ignore file beside it where one is needed. Means nothing for a named
            context.
    """

    directory: Path
    dockerfile: Path


@contextlib.contextmanager
def staged(spec: ContextSpec, task: Task | None = None, *, dockerfile: bytes | None = None) -> Iterator[Staged]:
    """Prepare what the builder gets, and take it away afterwards.

    Args:
        spec: The context.
        task: Can cancel.
        dockerfile: What the builder is to take for the Dockerfile's content; None: as it is.

    Raises:
        InputError: Something of the context cannot be read, or there is no room for a tree of its own.
    """
    in_place = _is_used_in_place(spec) and not (spec.epoch is not None and _is_older(spec, spec.epoch, task or Task()))
    if in_place and not spec.exclude and dockerfile is None and not _needs_copy(spec):
        yield Staged(spec.root, spec.dockerfile or spec.root / "Dockerfile")
        return
    with contextlib.ExitStack() as stack:
        folder = folder_outside((spec.root,))
        temporary = stack.enter_context(own_folder(folder))
        with unusable(spec.root):
            directory = spec.root if in_place else _tree(spec, temporary / "context", task or Task())
            content = dockerfile_content(spec) if dockerfile is None else dockerfile
            copy = _dockerfile(spec, temporary, content, in_place=in_place)
        yield Staged(directory, copy)


def _needs_copy(spec: ContextSpec) -> bool:
    """Say whether the builder would not read the Dockerfile or its ignore file where they are.

    It takes the Dockerfile from its folder by name: a link must not lead out of it, and the name must be no pattern.
    """
    dockerfile = spec.dockerfile
    if dockerfile is None:
        return False
    if spec.dockerfile_text is not None:
        return True
    return has_empty_ignore_file(spec) or dockerfile.is_symlink() or not _PLAIN_NAME.fullmatch(dockerfile.name)


def _is_used_in_place(spec: ContextSpec) -> bool:
    """Say whether the builder itself would take what the fingerprint counts, and nothing old in its place."""
    follows = spec.follow_symlinks not in ("never", "internal-only")
    return spec.ignore_mode == "docker" and not follows and not spec.habits.keeps_one_copy


def _tree(spec: ContextSpec, directory: Path, task: Task) -> Path:
    with Places() as places:
        times = new_times(epoch=spec.epoch, unique=spec.habits.keeps_one_copy)
        fill(directory, select(spec).tree(places, task).listings(), times)
    return directory


def _is_older(spec: ContextSpec, epoch: int, task: Task) -> bool:
    """Say whether anything that the builder gets is older than a time: it replaces later times only."""
    with Places() as places, unusable(spec.root):
        listings = select(spec).tree(places, task).listings()
        return any(status.st_mtime < epoch for listing in listings for status in statuses(spec.root, listing))


def _dockerfile(spec: ContextSpec, directory: Path, content: bytes, *, in_place: bool) -> Path:
    """Write the Dockerfile, and give it an ignore file of its own."""
    if spec.dockerfile is None:
        return directory / "Dockerfile"
    dockerfile = directory / (spec.dockerfile.name if _PLAIN_NAME.fullmatch(spec.dockerfile.name) else "Dockerfile")
    dockerfile.write_bytes(content)
    ignored = _with_exclude(spec) if in_place else _IGNORES_NOTHING
    ignore = dockerfile.with_name(dockerfile.name + ".dockerignore")
    ignore.write_bytes(ignored)
    if times := new_times(unique=spec.habits.keeps_one_copy):
        set_time(dockerfile, times)
        set_time(ignore, times)
    return dockerfile


def _with_exclude(spec: ContextSpec) -> bytes:
    """Return the ignore file with the excluded patterns behind its own."""
    # The heading keeps a byte-order mark in the first of them from being taken for the file's.
    lines = "\n".join((_EXCLUDE_HEADING, *spec.exclude, ""))
    return ignore_file(spec).content + b"\n" + lines.encode("utf-8", "surrogateescape")
