"""Copies of images: a replica of an image that is somewhere already, and the further places of an asset's image."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from image_assets.errors import Problem
from image_assets.inputs.choices import CHECK_SOURCE, PLATFORMS
from image_assets.inputs.destination_fields import (
    AWS,
    DESTINATION_FIELDS,
    OWN_REPOSITORY_FIELDS,
    OWNER_FIELDS,
    REGISTRY_AUTH,
    STACK_AWS,
    check_tag_name,
)
from image_assets.inputs.field import Field, OnChange
from image_assets.inputs.grant_fields import GRANTS_FIELDS
from image_assets.inputs.types import Flag, Listing, Property, Record, Text
from image_assets.reference import Reference, Repository
from image_assets.values import UNKNOWN, is_list, is_map, plain, reveal

#: What makes a source a path; a name that only ends like an archive's is one, too, unless a tag or digest follows.
_PATH = re.compile(r"[./~].*|[^:@]*\.(?:tar|tgz|txz|tar\.(?:gz|xz|zst|zstd))", re.DOTALL)

_ROWS = {row.name: row for row in DESTINATION_FIELDS}


def is_path(source: str) -> bool:
    """Say whether a source is an archive's path, and not a reference: by its text, hence everywhere alike."""
    return _PATH.fullmatch(source) is not None


def _check_source(value: str) -> str | None:
    if is_path(value):
        return None
    try:
        Reference.parse(value)
    except ValueError as error:
        return f"{error}; an archive's path begins with ./ or /"
    return None


BUILD_FIELDS = (
    Field(
        "source",
        Text(check=_check_source),
        'The image to copy: `repository:tag`, `repository@digest`, or the path of an archive, as in "./image.tar".',
        change=OnChange.UPDATE,
        required=True,
    ),
    Field(
        "platforms",
        PLATFORMS,
        "The platforms to copy. Default: all, and the digest stays the same. Of one platform the copy is its image "
        "itself, of several an index of these.",
        change=OnChange.UPDATE,
    ),
    Field(
        "referrers",
        Flag(),
        "Whether what refers to the image (signatures, SBOMs) is copied too, as it is then. Default: false.",
        change=OnChange.UPDATE,
    ),
    Field(
        "sourceAuth",
        REGISTRY_AUTH,
        "A login for the source's registry. Default: the provider's own logins. It is never stored; refresh uses the "
        "provider's `registries`.",
        secret=True,
        in_memory=True,
    ),
    Field("sourceAws", AWS, "How AWS is reached for a source in ECR. Default: as the provider's `aws` says."),
    Field(
        "checkSource",
        Text(CHECK_SOURCE),
        "When to ask whether the source's tag has moved: on `refresh` (default), or `always`, in each preview and up.",
    ),
)

TAG = Field(
    "tag",
    Text(check=check_tag_name),
    "The copy's tag. It moves if the source's does. Default: the source's tag, or the first 32 digits of its digest.",
    change=OnChange.UPDATE,
)

_PLACE_FIELDS = (
    _ROWS["repository"],
    TAG,
    _ROWS["extraTags"],
    _ROWS["registryAuth"],
    Field("aws", AWS, "How AWS is reached for a repository in ECR. Default: as the provider's `aws` says."),
    _ROWS["retainOnDelete"],
)

#: The inputs of the component.
REPLICA_FIELDS = BUILD_FIELDS + _PLACE_FIELDS + OWN_REPOSITORY_FIELDS + GRANTS_FIELDS

#: The inputs of the resource that it makes.
COPY_FIELDS = (
    *BUILD_FIELDS,
    *_PLACE_FIELDS,
    Field("namesContent", Flag(), "Whether the tag names the content, so that it never moves."),
    Field("stackAws", STACK_AWS, "What the component hands on of the stack's `aws:` configuration."),
    *OWNER_FIELDS,
)


def _check_destination_name(value: str) -> str | None:
    return "must not be a number: those are the names of destinations without one" if value.isdigit() else None


DESTINATION = Record(
    "Destination",
    "A further repository for an asset's image.",
    (
        Property(
            "repository", _ROWS["repository"].shape, "The repository, as `registry/path` without a tag.", required=True
        ),
        Property(
            "name",
            Text(check=_check_destination_name),
            "What the copy is called in the program, unique in the asset: with a name it stays the same resource "
            "wherever it stands in the list. Default: its number, so that later ones are made anew if one goes.",
        ),
        Property("tagPrefix", _ROWS["tagPrefix"].shape, "What the tag there begins with. Default: nothing."),
        Property("extraTags", _ROWS["extraTags"].shape, "More tags for the image there. Default: none."),
        Property("registryAuth", REGISTRY_AUTH, REGISTRY_AUTH.doc, secret=True),
        Property(
            "aws",
            AWS,
            "How AWS is reached for this repository, if it is in ECR. Default: as the provider's `aws` says.",
        ),
    ),
)

DESTINATIONS_FIELDS = (
    Field(
        "destinations",
        Listing(DESTINATION),
        "Further repositories that get the same image, which is built once; adding one builds nothing. Default: none.",
    ),
)


def destination_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the destinations that name the same image as another one, or as the asset itself, and wrong names."""
    listed = reveal(plain(values.get("destinations")))
    seen = {_place(values): "the asset's own `repository`"}
    names: dict[str, int] = {}
    for index, one in enumerate(listed if is_list(listed) else ()):
        name = plain(one.get("name")) if is_map(one) else None
        if name is UNKNOWN:
            reason = "must be a string that is known when the program runs, not an output of a resource"
            yield Problem(f"destinations[{index}].name", reason)
        elif isinstance(name, str) and names.setdefault(name, index) != index:
            reason = f'"{name}" is the name of destinations[{names[name]}] already: give each its own'
            yield Problem(f"destinations[{index}].name", reason)
        place = _place(one) if is_map(one) else None
        if place and place in seen:
            yield Problem(f"destinations[{index}].repository", f"names the same image as {seen[place]}: leave it out")
        elif place:
            seen[place] = f"destinations[{index}]"


def _place(values: Mapping[str, Any]) -> tuple[str, str] | None:
    repository, prefix = reveal(values.get("repository")), reveal(values.get("tagPrefix"))
    if not isinstance(repository, str) or not isinstance(prefix or "", str):
        return None
    try:
        return str(Repository.parse(repository)), prefix or ""
    except ValueError:
        return None
