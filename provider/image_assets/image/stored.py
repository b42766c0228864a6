"""What a stored state, or the id of an import, says of an image."""

from image_assets.custom_resource import State, Values
from image_assets.errors import InputError
from image_assets.plan.target import Target
from image_assets.reference import Reference, Repository
from image_assets.values import reveal


def stored_target(old: State) -> Target:
    """Return where a stored image is."""
    return parse_import(f"{old.outputs['repositoryUrl']}:{old.outputs['imageTag']}")


def parse_import(text: str) -> Target:
    """Parse an image's URI.

    Raises:
        InputError: It is no reference with a tag.
    """
    try:
        reference = Reference.parse(text)
    except ValueError as error:
        raise InputError.single("", f"the id to import is an image's URI, repository:tag; {error}") from error
    if not reference.tag:
        raise InputError.single("", f'the id to import is repository:tag; "{text}" has no tag')
    return Target(reference.repository, reference.tag)


def tags_of(old: State) -> tuple[Repository, tuple[str, ...]]:
    """Return the tags that a stored image has, and their repository."""
    target = stored_target(old)
    return target.repository, (target.tag, *extra_tags(old.inputs))


def extra_tags(values: Values) -> tuple[str, ...]:
    """Return the further tags that inputs ask for, as far as they are known."""
    listed = reveal(values.get("extraTags"))
    return tuple(tag for tag in listed if isinstance(tag, str)) if isinstance(listed, list) else ()


def keeps_images(inputs: Values) -> bool:
    """Say whether an image is in a repository of the asset's own that is not to be deleted with images in it."""
    own = reveal(inputs.get("ownRepository"))
    return isinstance(own, dict) and own.get("forceDelete") is not True
