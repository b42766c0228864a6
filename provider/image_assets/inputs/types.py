"""The types an input can have: how each is checked, turned into a frozen value, and described in the schema."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Protocol

from image_assets.errors import Problem
from image_assets.secrets import MASK, texts_of
from image_assets.values import UNKNOWN, Secret, is_list, is_map

EMPTY: Mapping[str, Any] = MappingProxyType({})


def empty() -> Mapping[str, Any]:
    """Return the empty mapping (dataclasses take no mapping as a default)."""
    return EMPTY


@dataclass(frozen=True)
class Choices:
    """The values that an SDK offers for a string, as an enum.

    Attributes:
        name: The enum's name in the schema.
        doc: Its documentation.
        values: The values by the names of the enum's members.
        is_open: Whether other values are allowed too.
    """

    name: str
    doc: str
    values: Mapping[str, str]
    is_open: bool = False


@dataclass(frozen=True)
class Text:
    """A string.

    Attributes:
        choices: What an SDK offers; the only values allowed, unless it is open.
        allow_empty: Whether the empty string means something.
        check: Returns what is wrong with a value and what to write instead, or None.
    """

    choices: Choices | None = None
    allow_empty: bool = False
    check: Callable[[str], str | None] | None = None

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str):
            yield Problem(path, f"must be a string, not {describe(value)}")
        elif not value and not self.allow_empty:
            yield Problem(path, "must not be empty; leave it out to get the default")
        elif self.choices and not self.choices.is_open and value not in self.choices.values.values():
            allowed = tuple(self.choices.values.values())
            yield Problem(path, f"must be one of {', '.join(allowed)}{nearest(value, allowed)}")
        elif self.check and (wrong := self.check(value)):
            yield Problem(path, wrong)

    def freeze(self, value: Any) -> Any:
        """Return the parsed value."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema; every SDK takes a plain string for an enum, too."""
        if self.choices is None:
            return {"type": "string"}
        enum = {"type": "string", "$ref": f"#/types/image-assets:index:{self.choices.name}"}
        return {"type": "string", "oneOf": [{"type": "string"}, enum]}


@dataclass(frozen=True)
class Flag:
    """A boolean."""

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, bool):
            yield Problem(path, f"must be true or false, not {describe(value)}")

    def freeze(self, value: Any) -> Any:
        """Return the parsed value."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number:
    """A whole number.

    Attributes:
        minimum: The smallest value allowed.
    """

    minimum: int = 1

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        if not whole or value < self.minimum:
            yield Problem(path, f"must be a whole number from {self.minimum} up, not {describe(value)}")

    def freeze(self, value: Any) -> Any:
        """Return the parsed value."""
        return int(value)

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"type": "integer"}


@dataclass(frozen=True)
class Word:
    """A string, or in its place a boolean or a whole number as JSON writes it: `false` and `"false"` mean the same.

    Attributes:
        beside: What else than a string is taken.
        expected: The values allowed, as a message lists them.
        check: Says whether a string is allowed.
    """

    beside: "Flag | Number"
    expected: str
    check: Callable[[str], bool]

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str | bool | int | float):
            yield Problem(path, f"must be {self.expected}, not {describe(value)}")
        elif not self.check(self.freeze(value)):
            given = self.freeze(value)
            yield Problem(path, f'must be {self.expected}, not "{given}"')

    def freeze(self, value: Any) -> Any:
        """Return the parsed value: a string."""
        if isinstance(value, str):
            return value
        return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"oneOf": [self.beside.schema(), {"type": "string"}]}


@dataclass(frozen=True)
class Anything:
    """Any JSON object; checked by whoever reads it."""

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict):
            yield Problem(path, f"must be an object, not {describe(value)}")

    def freeze(self, value: Any) -> Any:
        """Return the parsed value."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}


@dataclass(frozen=True)
class Listing:
    """A list of items of one shape."""

    item: "Shape"

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, list):
            yield Problem(path, f"must be a list, not {describe(value)}")
            return
        for index, item in enumerate(value):
            yield from problems(self.item, item, f"{path}[{index}]")

    def freeze(self, value: Any) -> Any:
        """Return the parsed value; items not known yet are left out."""
        frozen = (freeze(self.item, item) for item in value)
        return tuple(item for item in frozen if item is not UNKNOWN)

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class Mapped:
    """A map from any name to items of one shape.

    Attributes:
        item: The shape of each value.
        check_key: Returns what is wrong with a name, or None.
    """

    item: "Shape"
    check_key: Callable[[str], str | None] | None = None

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict):
            yield Problem(path, f"must be a map, not {describe(value)}")
            return
        for key, item in value.items():
            if self.check_key and (wrong := self.check_key(key)):
                yield Problem(join(path, key), wrong)
            yield from problems(self.item, item, join(path, key))

    def freeze(self, value: Any) -> Any:
        """Return the parsed value; items not known yet are left out, but of objects the names count for themselves."""
        frozen = {key: freeze(self.item, item) for key, item in value.items()}
        nameless = EMPTY if isinstance(self.item, Record) else UNKNOWN
        known = {key: nameless if item is UNKNOWN else item for key, item in frozen.items()}
        return MappingProxyType({key: item for key, item in known.items() if item is not UNKNOWN})

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"type": "object", "additionalProperties": self.item.schema()}


@dataclass(frozen=True)
class Property:
    """One named member of a record."""

    name: str
    shape: "Shape"
    doc: str
    required: bool = False
    secret: bool = False
    public: bool = False
    """Whether it is shown even where the object as a whole is secret."""


@dataclass(frozen=True)
class Record:
    """An object with fixed members.

    Attributes:
        name: The type's name in the schema.
        doc: What the object is.
        members: What it holds.
        check: Returns what is wrong with the whole object, or None; called with the members that are set, some of
            which may not be known yet.
        make: Makes the frozen value of the members that are set; without it, it is a mapping.
    """

    name: str
    doc: str
    members: tuple[Property, ...]
    check: Callable[[Mapping[str, Any]], str | None] | None = None
    make: Callable[..., Any] | None = None

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict):
            yield Problem(path, f"must be an object, not {describe(value)}")
            return
        yield from unknown_names(value, [member.name for member in self.members], path)
        for member in self.members:
            yield from member_problems(member, value.get(member.name), path)
        given = {key: plain(item) for key, item in value.items() if plain(item) is not None}
        if self.check and (wrong := self.check(given)):
            yield Problem(path, wrong)

    def freeze(self, value: Any) -> Any:
        """Return the parsed value; members not known yet are left out.

        Without a member that must be there, the whole is not known.
        """
        frozen = {
            member.name: freeze(member.shape, value[member.name])
            for member in self.members
            if plain(value.get(member.name)) is not None
        }
        known = {name: item for name, item in frozen.items() if item is not UNKNOWN}
        if any(member.required and member.name not in known for member in self.members):
            return UNKNOWN
        return self.make(**known) if self.make else MappingProxyType(known)

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"$ref": f"#/types/image-assets:index:{self.name}"}


Shape = Text | Flag | Number | Word | Anything | Listing | Mapped | Record


def problems(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a value that may be secret or unknown."""
    bare = plain(value)
    if bare is UNKNOWN:
        return
    found = shape.problems(bare, path)
    yield from (_of_secret(problem, bare) for problem in found) if isinstance(value, Secret) else found


def _of_secret(problem: Problem, value: Any) -> Problem:
    """Take what a reason quotes of a secret out of it: it may be a part, which nobody would know for one."""
    texts = "\n".join(texts_of(value)).lower()
    reason = re.sub(r'"([^"]*)"', lambda found: f'"{MASK}"' if found[1].lower() in texts else found[0], problem.reason)
    return replace(problem, reason=reason, is_shown=False)


def member_problems(member: Property, value: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with one member of a record."""
    where = join(path, member.name)
    if lack := lacking(member, value):
        yield Problem(where, lack)
    elif plain(value) is not None:
        yield from problems(member.shape, value, where)


class Named(Protocol):
    """What a program gives under a name."""

    @property
    def shape(self) -> "Shape":
        """Its type."""

    @property
    def doc(self) -> str:
        """Its documentation."""

    @property
    def required(self) -> bool:
        """Whether the program must give it."""


def lacking(row: Named, value: Any) -> str | None:
    """Say what to write for something that must be there and is not, or is empty."""
    if not row.required or plain(value) not in (None, ""):
        return None
    return missing(row.doc) if plain(value) is None else f"must not be empty: {_to_write(row.doc)}"


def missing(doc: str) -> str:
    """Say that something is missing, and what to write, by its documentation."""
    return f"is missing: {_to_write(doc)}"


def _to_write(doc: str) -> str:
    sentence = re.split(r"\.(?:\s|$)", doc, maxsplit=1)[0]
    is_name = sentence[:2].isupper()
    return f"write {sentence if is_name else sentence[:1].lower() + sentence[1:]}"


def unknown_names(value: Mapping[str, Any], known: list[str], path: str) -> Iterator[Problem]:
    """Yield each name that does not exist, with the nearest one that does."""
    for key in value:
        if key not in known:
            reason = f"there is no such property{nearest(key, known) or listed(known)}"
            yield Problem(join(path, key), reason, is_shown=not _SECRET_NAME.search(key))


def freeze(shape: Shape, value: Any) -> Any:
    """Turn a checked value into a frozen one, `UNKNOWN` while nothing can be made of it."""
    bare = plain(value)
    return UNKNOWN if bare is UNKNOWN else shape.freeze(bare)


def parts(shape: Shape, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (key, text) of each part of a frozen value: of a list by index, of a map by key, else of the value."""
    if isinstance(shape, Mapped):
        yield from value.items()
    elif isinstance(shape, Listing):
        yield from ((str(index), item) for index, item in enumerate(value))
    else:
        yield ("", value if isinstance(value, str) else json.dumps(value))


def plain(value: Any) -> Any:
    """Take the secret mark off the outermost value."""
    return plain(value.value) if isinstance(value, Secret) else value


def join(path: str, key: str) -> str:
    """Append a key to a path in Pulumi's property path syntax."""
    if not path:
        return key if key.isidentifier() else f"[{quoted(key)}]"
    return f"{path}.{key}" if key.replace("-", "_").isidentifier() else f"{path}[{quoted(key)}]"


def quoted(key: str) -> str:
    """Quote a key for a property path: of all characters, Pulumi has an escape for the quote alone."""
    return '"' + key.replace('"', '\\"') + '"'


_STEP = re.compile(r'\.?([^.\["\]]+)|\[(\d+)\]|\["((?:\\"|[^"])*)"\]')


def at(path: str, values: Any) -> Any:
    """Return the value at a path that `join` made, None where there is none."""
    found = values
    for name, index, key in _STEP.findall(path):
        found = plain(found)
        if index:
            found = found[int(index)] if is_list(found) and int(index) < len(found) else None
        else:
            found = found.get(name or key.replace('\\"', '"')) if is_map(found) else None
    return found


_SECRET_NAME = re.compile("pass|pwd|secret|token|key|auth|credential|login", re.IGNORECASE)
"""What a misspelt property of a secret may be called."""


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Return "; did you mean X?" if something known is close."""
    lowered = {name.lower(): name for name in known}
    close = get_close_matches(word.lower().replace("_", ""), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]}?" if close else ""


def listed(known: list[str]) -> str:
    """Return "; there are A, B and C"."""
    return f"; there are {', '.join(known)}" if known else ""


NAMES_OF_TYPES: Mapping[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    type(None): "null",
}


def describe(value: Any) -> str:
    """Name a value's type as users of any language know it."""
    return NAMES_OF_TYPES.get(type(value), "an object")
