"""From wire values to the frozen inputs of a copy."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from image_assets.errors import Problem
from image_assets.frozen import dataclass
from image_assets.inputs.field import Field
from image_assets.inputs.image import attribute, frozen_rows, own_repository_problems, row_problems
from image_assets.inputs.in_memory import marker_problems
from image_assets.inputs.replica_fields import COPY_FIELDS, REPLICA_FIELDS, is_path
from image_assets.inputs.wording import missing
from image_assets.reference import Reference, Repository
from image_assets.values import empty

#: What Check adds to the program's inputs: the source's digest, and what else it was seen to be.
SOURCE_DIGEST = "sourceDigest"
#: The digest that the copy will have, if that is known, and its platforms. Keys with two underscores are not shown.
SEEN = "__seen"
#: That a refresh has found the source moved.
MOVED = "__moved"
COMPUTED = (SOURCE_DIGEST, SEEN, MOVED)


@dataclass(frozen=True)
class ReplicaInputs:
    """The inputs of one copy, parsed, one attribute a row; the value here is what holds when none is given."""

    unknown: frozenset[str] = frozenset()
    source: str | None = None
    platforms: tuple[str, ...] = ()
    referrers: bool = False
    source_auth: Mapping[str, str] = field(default_factory=empty, repr=False)
    source_aws: Mapping[str, str] = field(default_factory=empty)
    check_source: str = "refresh"
    repository: str | None = None
    tag: str | None = None
    extra_tags: tuple[str, ...] = ()
    registry_auth: Mapping[str, str] = field(default_factory=empty, repr=False)
    aws: Mapping[str, str] = field(default_factory=empty)
    retain_on_delete: bool = True
    names_content: bool = False
    stack_aws: Mapping[str, Any] = field(default_factory=empty)
    own_repository: Mapping[str, bool] = field(default_factory=empty)

    @property
    def reference(self) -> Reference | None:
        """The image to copy; None for an archive, or while it is unknown."""
        return Reference.parse(self.source) if self.source and not is_path(self.source) else None

    @property
    def archive(self) -> str | None:
        """The archive's path as it was given; None for a reference, or while it is unknown."""
        return self.source if self.source and is_path(self.source) else None

    @property
    def destination(self) -> Repository | None:
        """The repository that gets the copy, None while it is unknown."""
        return Repository.parse(self.repository) if self.repository else None


def parse_replica(values: Mapping[str, Any]) -> ReplicaInputs:
    """Turn values that were checked before, as the state holds them, into frozen inputs."""
    known, unknown = frozen_rows(COPY_FIELDS, values)
    return ReplicaInputs(unknown=unknown, **known)


def default_of_replica(row: Field) -> Any:
    """Return the parsed value that an input has when it is not given."""
    return getattr(ReplicaInputs(), attribute(row.name))


def replica_tag(tag: str | None, source: str) -> str | None:
    """Return the tag that is given, or the source's; None if only the source's digest tells."""
    return tag or (None if is_path(source) else Reference.parse(source).tag)


def copy_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with a copy's inputs, as far as they tell it alone."""
    if values.get("repository") is None:
        yield Problem("repository", missing(next(row.doc for row in COPY_FIELDS if row.name == "repository")))
    yield from marker_problems(COPY_FIELDS, values)
    yield from row_problems(COPY_FIELDS, values, COMPUTED)


def replica_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with the inputs of the component."""
    yield from row_problems(REPLICA_FIELDS, values)
    if values.get("repository") is None:
        yield from own_repository_problems(values)
