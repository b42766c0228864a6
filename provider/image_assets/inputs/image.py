"""From wire values to frozen inputs: every problem at once, unknown values kept apart."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Any

from image_assets.errors import InputError, Problem
from image_assets.frozen import dataclass
from image_assets.inputs.archive_fields import ARCHIVE_FIELDS, ARCHIVE_SOURCES
from image_assets.inputs.build_fields import BUILD_FIELDS, IN_REGISTRY
from image_assets.inputs.destination_fields import (
    DESTINATION_FIELDS,
    HANDED_ON_FIELDS,
    OWN_REPOSITORY_FIELDS,
    OWNER_FIELDS,
)
from image_assets.inputs.field import Field
from image_assets.inputs.grant_fields import GRANTS_FIELDS
from image_assets.inputs.in_memory import by_name, is_marker, marker_problems, secret_texts
from image_assets.inputs.options import ArchiveCommand, BuildOptions
from image_assets.inputs.property_path import at, join
from image_assets.inputs.replica_fields import COPY_FIELDS, DESTINATIONS_FIELDS, destination_problems
from image_assets.inputs.repository_fields import MOST_MUTABLE_TAGS
from image_assets.inputs.types import freeze, problems
from image_assets.inputs.wording import lacking, missing, unknown_names
from image_assets.reference import Repository
from image_assets.values import UNKNOWN, empty, plain, reveal

DOCKER_ASSET_FIELDS = BUILD_FIELDS + DESTINATION_FIELDS
TARBALL_ASSET_FIELDS = ARCHIVE_FIELDS + DESTINATION_FIELDS
IMAGE_FIELDS = BUILD_FIELDS + ARCHIVE_FIELDS + DESTINATION_FIELDS + HANDED_ON_FIELDS + OWNER_FIELDS

_OF_ASSETS = OWN_REPOSITORY_FIELDS + GRANTS_FIELDS + DESTINATIONS_FIELDS

#: The type of the resource that an image is; its tag names its content.
PUBLISHED_IMAGE = "image-assets:index:PublishedImage"
#: The inputs of the asset components, by type token.
ASSET_FIELDS: Mapping[str, tuple[Field, ...]] = {
    "image-assets:index:DockerImageAsset": DOCKER_ASSET_FIELDS + _OF_ASSETS,
    "image-assets:index:TarballImageAsset": TARBALL_ASSET_FIELDS + _OF_ASSETS,
}

#: The digests of pinned base images, by image.
BASE_IMAGES = "baseImages"
#: The ONBUILD triggers of pinned base images, by image and platform.
BASE_TRIGGERS = "baseTriggers"
#: The commit that is built, where `directory` is a git repository.
GIT_COMMIT = "gitCommit"
#: What Check adds to the program's inputs: the fingerprint and the outline of what it was taken from, and what else the
#: source told.
COMPUTED = ("fingerprint", "files", "archivePlatforms", BASE_IMAGES, BASE_TRIGGERS, GIT_COMMIT)


@dataclass(frozen=True)
class Inputs(BuildOptions):
    """The inputs of one image, parsed, one attribute a row; the value here is what holds when none is given.

    What is not known yet is left out, or has its default here, and its path is in `unknown`: ask whether a value is all
    there before it is used in a preview.
    """

    unknown: frozenset[str] = frozenset()
    directory: str | None = None
    file: str | None = None
    dockerfile_inline: str | None = None
    exclude: tuple[str, ...] = ()
    ignore_mode: str = "docker"
    follow_symlinks: str = "never"
    scope: str = "context"
    pin_base_images: bool | None = None
    base_images: Mapping[str, str] = field(default_factory=empty)
    base_triggers: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=empty)
    git_commit: str | None = None
    build_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=empty, repr=False)
    platform: str | None = None
    extra_hash: str | None = None
    asset_hash: str | None = None
    invalidation: Mapping[str, Any] = field(default_factory=empty)
    cache: str | None = None
    builder: Mapping[str, str] = field(default_factory=empty)
    build_on_preview: bool = False
    tarball_file: str | None = None
    command: ArchiveCommand | None = None
    local_image: str | None = None
    image: str | None = None
    repository: str | None = None
    tag_prefix: str = ""
    extra_tags: tuple[str, ...] = ()
    registry_auth: Mapping[str, str] = field(default_factory=empty, repr=False)
    retain_on_delete: bool = True
    aws: Mapping[str, Any] = field(default_factory=empty)
    own_repository: Mapping[str, bool] = field(default_factory=empty)

    def counts(self, switch: str) -> bool:
        """Say whether the inputs under one `invalidation` switch count for the fingerprint."""
        return bool(self.invalidation.get(switch, True))

    @property
    def is_built(self) -> bool:
        """Whether the image is built from a directory."""
        return not (self.tarball_file or self.command or self.local_image)

    def unknown_in(self, *names: str) -> list[str]:
        """Return what is not known yet of some inputs (wire names), as paths in order."""
        return sorted(path for path in self.unknown if top_level(path) in names)

    @property
    def ignored_build_args(self) -> frozenset[str]:
        """The names of the build arguments that do not count."""
        return frozenset(self.invalidation.get("ignoredBuildArgs", ()))

    @property
    def destination(self) -> Repository | None:
        """The repository to publish to, None while it is unknown."""
        return Repository.parse(self.repository) if self.repository else None


def parse(values: Mapping[str, Any]) -> Inputs:
    """Turn wire values into frozen inputs.

    Raises:
        InputError: With every problem of every input.
    """
    found = tuple(input_problems(values))
    if found:
        raise InputError(found)
    return parse_stored(values)


def parse_stored(values: Mapping[str, Any]) -> Inputs:
    """Turn values that were checked before, as the state holds them, into frozen inputs."""
    known, unknown = frozen_rows(fields_of(values), values)
    computed = {name: _object(reveal(values.get(name))) for name in (BASE_IMAGES, BASE_TRIGGERS)}
    commit = plain(values.get(GIT_COMMIT))
    known["git_commit"] = commit if isinstance(commit, str) else None
    known |= {attribute(name): value for name, value in computed.items()}
    return Inputs(unknown=unknown, **known)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def frozen_rows(rows: tuple[Field, ...], values: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the parsed inputs that are known, by their Python names, and the paths of what is not known yet."""
    given = [(row, values[row.name]) for row in rows if plain(values.get(row.name)) is not None]
    frozen = {attribute(row.name): freeze(row.shape, value) for row, value in given if not is_marker(row, value)}
    known = {name: value for name, value in frozen.items() if value is not UNKNOWN}
    return known, frozenset(unknown_paths({row.name: value for row, value in given}))


def fields_of(values: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the rows that apply: an image comes from an archive if one is named, else from a directory."""
    source = ARCHIVE_FIELDS if is_archive(values) else BUILD_FIELDS
    return source + DESTINATION_FIELDS + HANDED_ON_FIELDS + OWNER_FIELDS


def is_archive(values: Mapping[str, Any]) -> bool:
    """Say whether an image comes from an archive."""
    return any(name in values for name in ARCHIVE_SOURCES)


def default_of(field: Field) -> Any:
    """Return the parsed value that an input has when it is not given."""
    return getattr(_NOTHING, attribute(field.name))


_NOTHING = Inputs()


@cache
def attribute(wire_name: str) -> str:
    """Return the Python name of an input (`buildArgs` -> `build_args`)."""
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), wire_name)


def input_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with an image's inputs, as far as they tell it alone."""
    if values.get("repository") is None:
        yield Problem("repository", missing(next(row.doc for row in fields_of(values) if row.name == "repository")))
    yield from marker_problems(fields_of(values), values)
    yield from row_problems(fields_of(values), values, COMPUTED)


def asset_problems(kind: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with the inputs of an asset component, given its type token."""
    yield from row_problems(ASSET_FIELDS[kind], values)
    yield from destination_problems(values)
    if values.get("repository") is None:
        yield from own_repository_problems(values)


def own_repository_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with inputs whose repository the component makes itself."""
    tags, cache = reveal(values.get("extraTags")), plain(values.get("cache")) == IN_REGISTRY
    most = MOST_MUTABLE_TAGS - cache
    if isinstance(tags, list) and len({str(tag) for tag in tags}) > most:
        yield Problem(
            "extraTags",
            f"must be at most {most} in the repository that the asset makes{', beside its cache' if cache else ''}: "
            "ECR exempts no more tags from immutability; give the asset a `repository`, such as an ImageRepository "
            "with a pattern in `mutableTags`",
        )


def secret_inputs(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield every secret text in the inputs of any resource."""
    yield from secret_texts(_ALL_ROWS, values)


_ALL_ROWS = by_name(*IMAGE_FIELDS, *COPY_FIELDS, *DESTINATIONS_FIELDS)


def row_problems(rows: tuple[Field, ...], values: Mapping[str, Any], more: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Yield what is wrong with each input, and names that do not exist; `more` are names that need no check."""
    yield from unknown_names(values, [*(row.name for row in rows), *more], "")
    for row in rows:
        value = values.get(row.name)
        if lack := lacking(row, value):
            yield Problem(row.name, lack)
        elif plain(value) is not None and not is_marker(row, value):
            yield from problems(row.shape, value, row.name)
    if ARCHIVE_FIELDS[0] in rows and all(plain(values.get(name)) is None for name in ARCHIVE_SOURCES):
        yield Problem(ARCHIVE_FIELDS[0].name, missing(ARCHIVE_FIELDS[0].doc))
    for first, second, reason in CONTRADICTIONS:
        if is_given(at(first, values)) and is_given(values.get(second)):
            yield Problem(second, f"contradicts `{first}`: {reason}")


def is_given(value: Any) -> bool:
    """Say whether an input is given and not empty; of one that is not known yet nothing is said."""
    bare = plain(value)
    return bare is not UNKNOWN and bool(bare)


CONTRADICTIONS = (
    ("platform", "platforms", "give one of them"),
    ("file", "dockerfileInline", "the Dockerfile is in a file or in the program; give one of them"),
    ("assetHash", "pinBaseImages", "your own hash replaces everything else that counts; give one of them"),
    ("tarballFile", "localImage", "the image is in an archive, or in the engine; give one of them"),
    ("command", "localImage", "the image is made by the command, or in the engine; give one of them"),
    ("localImage", "image", "it names one image already; leave `image` out"),
    ("tarballFile", "command", "the archive is there, or the command makes it; give one of them"),
    ("assetHash", "extraHash", "your own hash replaces everything else that counts; give one of them"),
    ("repository", "forceDelete", "it is for the repository that the asset makes; ImageRepository has its own"),
    ("buildArgs.SOURCE_DATE_EPOCH", "sourceDateEpoch", "it sets this argument; give one of them"),
    ("cacheDisabled", "cache", "a build without cache keeps none; give one of them"),
    ("cacheDisabled", "cacheFrom", "a build without cache imports none; give one of them"),
)


def top_level(path: str) -> str:
    """Return the name of the input that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def unknown_paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each part that is not known yet."""
    bare = plain(value)
    if bare is UNKNOWN:
        yield path
    elif isinstance(bare, dict):
        for key, item in bare.items():
            yield from unknown_paths(item, join(path, key))
    elif isinstance(bare, list):
        for index, item in enumerate(bare):
            yield from unknown_paths(item, f"{path}[{index}]")
