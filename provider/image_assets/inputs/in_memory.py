"""Secret values of inputs: which texts are secret, and what the state holds instead of those that stay in memory."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from image_assets.errors import Problem
from image_assets.inputs.field import Field
from image_assets.inputs.types import Listing, Mapped, Property, Record, Shape
from image_assets.secrets import login_texts, marked_texts, texts_of
from image_assets.values import UNKNOWN, Secret, has_unknown, is_list, is_map, plain

#: Stands in the state for values that are handed from Check to Create in memory.
IN_MEMORY = "(kept in memory only)"

Rows = Mapping[str, Field | Property]


def by_name(*rows: Field | Property) -> Rows:
    """Return rows by the names of their inputs."""
    return {row.name: row for row in rows}


def secret_texts(rows: Rows, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text that is under a secret mark, or in an input that is secret or kept in memory."""
    for name, value in values.items():
        row = rows.get(name)
        found = _texts(row.shape, value, marked=row.secret) if row else marked_texts(value)
        yield from (text for text in found if text != IN_MEMORY)


def _texts(shape: Shape, value: Any, *, marked: bool) -> Iterator[str]:
    marked = marked or isinstance(value, Secret)
    bare = plain(value)
    if isinstance(shape, Listing) and is_list(bare):
        yield from (text for item in bare for text in _texts(shape.item, item, marked=marked))
    elif isinstance(shape, Mapped) and is_map(bare):
        yield from (text for item in bare.values() for text in _texts(shape.item, item, marked=marked))
    elif isinstance(shape, Record) and is_map(bare):
        yield from _texts_of_record(shape, bare, marked=marked)
    elif marked:
        yield from texts_of(bare)
    else:
        yield from marked_texts(bare)


def _texts_of_record(shape: Record, value: Mapping[str, Any], *, marked: bool) -> Iterator[str]:
    members = {member.name: member for member in shape.members}
    for name, item in value.items():
        member = members.get(name)
        if member is None:
            # Beside secret members, it may be one of them whose name is misspelt.
            is_near = marked or any(known.secret for known in shape.members)
            yield from texts_of(item) if is_near else marked_texts(item)
        elif not member.public:
            yield from _texts(member.shape, item, marked=marked or member.secret)
    username, password = plain(value.get("username")), plain(value.get("password"))
    if isinstance(username, str) and isinstance(password, str):
        yield from login_texts(username, password)


def without_secrets(rows: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs fit for the state: a marker stands for each value that travels in memory."""
    stored = dict(values)
    for row in rows:
        if row.in_memory and stored.get(row.name) is not None:
            stored[row.name] = _marker(stored[row.name]) if row.secret else _marked(row.shape, stored[row.name])
    return stored


def _marked(shape: Shape, value: Any) -> Any:
    """Put markers for the secret members of the records in a value."""
    if isinstance(value, Secret):
        return Secret(_marked(shape, value.value))
    if isinstance(shape, Mapped) and is_map(value):
        return {key: _marked(shape.item, item) for key, item in value.items()}
    if isinstance(shape, Listing) and is_list(value):
        return [_marked(shape.item, item) for item in value]
    if isinstance(shape, Record) and is_map(value):
        hidden = {member.name for member in shape.members if member.secret}
        return {key: _marker(item) if key in hidden else item for key, item in value.items()}
    return value


def _marker(value: Any) -> Any:
    return UNKNOWN if has_unknown(value) else IN_MEMORY


def is_marker(row: Field, value: Any) -> bool:
    """Say whether the state's marker stands where the value was."""
    return row.in_memory and plain(value) == IN_MEMORY


def holds_marker(value: Any) -> bool:
    """Say whether a marker stands anywhere in a value."""
    return IN_MEMORY in texts_of(value)


def marker_problems(rows: Iterable[Field], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the inputs whose values come from the state, which has markers only."""
    for row in rows:
        value = values.get(row.name)
        if row.in_memory and value is not UNKNOWN and holds_marker(value):
            yield Problem(
                row.name,
                "`ignoreChanges` asks for the value in the state, but secrets are not kept there: take "
                f"`{row.name}` out of `ignoreChanges` (a new secret makes no difference and builds nothing anyway)",
                is_shown=False,
            )
