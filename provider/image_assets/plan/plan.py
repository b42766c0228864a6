"""From inputs to what will be read, built and published: absolute paths, and the options that count."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

from image_assets import platforms
from image_assets.context.habits import dockerfile_in, habits_of
from image_assets.context.spec import ContextSpec, FollowSymlinks, IgnoreMode, ScopeMode
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.inputs.build_fields import BUILD_FIELDS, COMMIT, is_local
from image_assets.inputs.field import Counts, Field
from image_assets.inputs.image import IMAGE_FIELDS, Inputs, attribute, default_of, top_level
from image_assets.inputs.property_path import join
from image_assets.inputs.settings import Settings
from image_assets.inputs.types import parts
from image_assets.plan.archive_command import read_by
from image_assets.plan.commit import commit_time
from image_assets.plan.git_source import GitSource, git_source
from image_assets.reference import familiar

#: The options that may count; some have parts that count as text beside those that count by their content.
OPTION_FIELDS = tuple(row for row in BUILD_FIELDS if row.counts is Counts.OPTION or row.parts)
#: What decides which stages and paths the Dockerfile uses, whether it counts by itself or not.
STAGES = ("target", "buildArgs", "buildFlags", "platform", "platforms", "buildContexts")
#: How messages call a Dockerfile that stands in the program.
INLINE = "dockerfileInline"
#: What the names of pinned base images begin with, among options and rows.
BASE = "base://"
#: What the value of a named context begins with that is an image.
IMAGE = "docker-image://"
ROWS = {row.name: row for row in IMAGE_FIELDS}


@dataclass(frozen=True)
class Plan:
    """What an image is made from, located on this machine.

    Attributes:
        options: The options that count, as (name, text).
        contexts: The contexts that count, the main one under the empty name; none if the user gave a hash.
        bases: The digests of the pinned base images.
        archive: The archive and the image's name in it, instead of contexts.
        local_image: The program that talks to the engine, and the image in that, instead of contexts.
    """

    options: tuple[tuple[str, str], ...]
    contexts: Mapping[str, ContextSpec]
    archive: tuple[Path, str | None] | None = None
    local_image: tuple[str, str] | None = None
    bases: Mapping[str, str] = field(default_factory=dict)


def fingerprint_is_known(inputs: Inputs) -> bool:
    """Say whether everything that counts is known."""
    if inputs.asset_hash is not None:
        return True
    if inputs.unknown_in("assetHash") or (inputs.scope == "dockerfile" and inputs.unknown_in(*STAGES)):
        return False
    return not any(path_counts(inputs, path) for path in inputs.unknown)


def path_counts(inputs: Inputs, path: str) -> bool:
    """Say whether an unknown value at this path makes the fingerprint unknown."""
    name = top_level(path)
    row = ROWS[name]
    if path in ("builder", "builder.executable"):
        # Which files the program takes for the Dockerfile and the ignore file.
        return True
    if row.counts is not Counts.OPTION:
        return row.counts is Counts.CONTENT and (not row.parts or inputs.counts(row.switch))
    if name == "buildSecrets" and path != name:
        return False
    return path not in ignored_paths(inputs) and inputs.counts(row.switch)


def locate(inputs: Inputs, program: Path) -> Inputs:
    """Make every path absolute that is relative to the program's directory, and the time of a commit a number.

    Raises:
        InputError: There is no commit any more.
    """

    def absolute(path: str) -> str:
        return str(program / path)

    epoch = inputs.source_date_epoch
    if epoch == COMMIT and inputs.directory is not None:
        epoch = commit_time(Path(absolute(inputs.directory)))
        if epoch is None:
            raise InputError.single("sourceDateEpoch", f"{inputs.directory} is in no git repository with a commit")

    return replace(
        inputs,
        source_date_epoch=epoch,
        directory=inputs.directory if source_in_git(inputs) else inputs.directory and absolute(inputs.directory),
        tarball_file=None if inputs.tarball_file is None else absolute(inputs.tarball_file),
        command=inputs.command
        and replace(inputs.command, output=absolute(inputs.command.output), directory=str(program)),
        build_contexts={
            name: absolute(value) if is_local(value) else value for name, value in inputs.build_contexts.items()
        },
        build_secrets={
            name: {**source, "file": absolute(source["file"])} if "file" in source else source
            for name, source in inputs.build_secrets.items()
        },
    )


def source_in_git(inputs: Inputs) -> GitSource | None:
    """Return the place in a git repository that is built, None if it is a directory here."""
    return git_source(inputs.directory) if inputs.directory else None


def git_options(source: GitSource, inputs: Inputs) -> Iterator[tuple[str, str]]:
    """Yield what counts of a place in a git repository: the commit, and as text what else picks files of it."""
    yield ("directory", f"{inputs.git_commit}:{source.path}")
    for row in BUILD_FIELDS:
        value = getattr(inputs, attribute(row.name))
        is_picking = row.counts is Counts.CONTENT and row.name not in ("directory", "buildContexts", "invalidation")
        if is_picking and inputs.counts(row.switch) and value != default_of(row):
            yield from named_parts(row, value)


def make_plan(inputs: Inputs, settings: Settings) -> Plan:
    """Say what is read for the fingerprint of located inputs."""
    if inputs.asset_hash is not None:
        return Plan((("assetHash", inputs.asset_hash),), {})
    if inputs.tarball_file is not None:
        return Plan((), {}, (Path(inputs.tarball_file), inputs.image))
    if inputs.command is not None:
        image = (("image", inputs.image),) if inputs.image else ()
        return Plan((("command.run", inputs.command.run), *image), {"": read_by(inputs.command)})
    if inputs.local_image is not None:
        return Plan((), {}, local_image=(executable(inputs, settings), inputs.local_image))
    source = source_in_git(inputs)
    contexts = {} if source else {"": main_context(inputs, settings)}
    if inputs.counts("buildContexts"):
        contexts |= named_contexts(inputs)
    bases = {BASE + image: digest for image, digest in inputs.base_images.items()}
    in_git = tuple(git_options(source, inputs)) if source else ()
    return Plan((*counted_options(inputs, settings), *in_git, *bases.items()), contexts, bases=bases)


def executable(inputs: Inputs, settings: Settings) -> str:
    """Return the name of the program that builds."""
    return inputs.builder.get("executable") or settings.executable


def dockerfile_of(inputs: Inputs, settings: Settings) -> Path:
    """Return the Dockerfile, as the program that builds finds it; for one that is no file, a name for messages."""
    if inputs.dockerfile_inline is not None:
        return Path(inputs.directory or "") / INLINE
    return dockerfile_in(Path(inputs.directory or ""), inputs.file, habits_of(executable(inputs, settings)))


def main_context(inputs: Inputs, settings: Settings) -> ContextSpec:
    """Return the build context of a directory."""
    return ContextSpec(
        root=Path(inputs.directory or ""),
        dockerfile=dockerfile_of(inputs, settings),
        habits=habits_of(executable(inputs, settings)),
        ignore_mode=cast("IgnoreMode", inputs.ignore_mode),
        exclude=inputs.exclude,
        follow_symlinks=cast("FollowSymlinks", inputs.follow_symlinks),
        dockerfile_text=inputs.dockerfile_inline,
        count_dockerfile=inputs.counts("file"),
        scope=cast("ScopeMode", inputs.scope),
        target=inputs.target,
        build_args=inputs.build_args,
        build_flags=inputs.build_flags,
        platforms=platforms_of(inputs, settings),
        epoch=None if inputs.source_date_epoch is None else int(inputs.source_date_epoch),
        named_contexts=tuple(sorted(inputs.build_contexts)),
        onbuild=dict(onbuild_of(inputs)),
    )


def onbuild_of(inputs: Inputs) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the ONBUILD triggers of base images by the names that the builder looks for, those of all platforms."""
    contexts = {name: value.removeprefix(IMAGE) for name, value in inputs.build_contexts.items()}
    for image, by_platform in inputs.base_triggers.items():
        triggers = tuple(chain.from_iterable(dict.fromkeys(map(tuple, by_platform.values()))))
        names = (image, *(name for name, value in contexts.items() if value == image))
        yield from ((familiar(name), triggers) for name in names if triggers)


def named_contexts(inputs: Inputs) -> dict[str, ContextSpec]:
    """Return the named contexts that are local directories."""
    epoch = None if inputs.source_date_epoch is None else int(inputs.source_date_epoch)
    local = {name: value for name, value in inputs.build_contexts.items() if is_local(value)}
    return {name: ContextSpec(root=Path(value), dockerfile=None, epoch=epoch) for name, value in local.items()}


def platforms_of(inputs: Inputs, settings: Settings) -> tuple[str, ...]:
    """Return the platforms to build for, sorted, in their normal form."""
    given = inputs.platforms or ((inputs.platform,) if inputs.platform else (settings.default_platform,))
    return tuple(sorted(set(map(platforms.normal, given))))


def counted_options(inputs: Inputs, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the options that count, as (name, text); the order of keys does not count, that of flags does."""
    ignored = ignored_paths(inputs)
    for row in OPTION_FIELDS:
        value = getattr(inputs, attribute(row.name))
        if inputs.counts(row.switch) and value != default_of(row):
            yield from (part for part in named_parts(row, value) if part[0] not in ignored)
    if inputs.counts("platform"):
        yield ("platform", ",".join(platforms_of(inputs, settings)))


def named_parts(row: Field, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what counts of an input's value, as (name, text)."""
    found = row.parts(value) if row.parts else parts(row.shape, value)
    yield from ((join(row.name, key) if key else row.name, text) for key, text in found)


def ignored_paths(inputs: Inputs) -> frozenset[str]:
    """Return the paths of single build arguments that do not count."""
    return frozenset(join("buildArgs", name) for name in inputs.ignored_build_args)
