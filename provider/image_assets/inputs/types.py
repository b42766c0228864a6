"""The types an input can have: how each is checked, turned into a frozen value, and described in the schema."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any

from image_assets.errors import Problem
from image_assets.frozen import dataclass
from image_assets.inputs.property_path import join, within
from image_assets.inputs.wording import describe, lacking, one_of, unknown_names
from image_assets.secrets import MASK, texts_of
from image_assets.values import EMPTY, UNKNOWN, Secret, empty, plain


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
        spell: Returns the one spelling of values that mean the same, None for one that means the same as none given.
    """

    choices: Choices | None = None
    allow_empty: bool = False
    check: Callable[[str], str | None] | None = None
    spell: Callable[[str], str | None] | None = None

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str):
            yield Problem(path, f"must be a string, not {describe(value)}")
        elif not value and not self.allow_empty:
            yield Problem(path, "must not be empty; leave it out to get the default")
        elif self.choices and not self.choices.is_open and value not in self.choices.values.values():
            yield Problem(path, one_of(value, tuple(self.choices.values.values())))
        elif self.check and (wrong := self.check(value)):
            yield Problem(path, wrong)

    def freeze(self, value: Any) -> Any:
        """Return the parsed value."""
        return self.spell(value) if self.spell else value

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
        if not is_whole(value) or value < self.minimum:
            given = "" if describe(value) == "a number" else f", not {describe(value)}"
            yield Problem(path, f"must be a whole number from {self.minimum} up{given}")

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
        meant: Other spellings, and what they mean.
    """

    beside: "Flag | Number"
    expected: str
    check: Callable[[str], bool]
    meant: Mapping[str, str] = field(default_factory=empty)

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, str | bool | int | float):
            yield Problem(path, f"must be {self.expected}, not {describe(value)}")
        elif not self.check(frozen := self.freeze(value)):
            yield Problem(path, f'must be {self.expected}, not "{frozen}"')

    def freeze(self, value: Any) -> Any:
        """Return the parsed value: a string."""
        text = value if isinstance(value, str) else json.dumps(_whole(value))
        return self.meant.get(text, text)

    def schema(self) -> dict[str, Any]:
        """Return the property's type in Pulumi's package schema."""
        return {"oneOf": [self.beside.schema(), {"type": "string"}]}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
    """A list of items of one shape.

    Attributes:
        item: The shape of each.
        is_set: Whether neither the order of the items nor a second one of the same means anything.
        check: Yields what is wrong with the items beside each other, with paths within the list; called with the items
            as they are given, some of which may be secret, unknown or wrong.
    """

    item: "Shape"
    is_set: bool = False
    check: Callable[[list[Any]], Iterable[Problem]] | None = None

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value."""
        if not isinstance(value, list):
            yield Problem(path, f"must be a list, not {describe(value)}")
            return
        for index, item in enumerate(value):
            yield from problems(self.item, item, f"{path}[{index}]")
        for problem in self.check(value) if self.check else ():
            yield replace(problem, path=within(path, problem.path))

    def freeze(self, value: Any) -> Any:
        """Return the parsed value; items not known yet are left out, of a set those that are there already."""
        frozen = (freeze(self.item, item) for item in value)
        known = (item for item in frozen if item is not UNKNOWN)
        return tuple(dict.fromkeys(known) if self.is_set else known)

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
        check: Yields what else is wrong, with paths within the object, of which the empty one is the whole; called with
            the members that are set, some of which may not be known yet.
        make: Makes the frozen value of the members that are set; without it, it is a mapping.
    """

    name: str
    doc: str
    members: tuple[Property, ...]
    check: Callable[[Mapping[str, Any]], Iterable[Problem]] | None = None
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
        for problem in self.check(given) if self.check else ():
            yield replace(problem, path=within(path, problem.path))

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
    """Take what a reason quotes of a secret out of it: a part, or what was meant, which nobody would know for one."""
    texts = _letters("\n".join(texts_of(value)))

    def shown(quoted: re.Match[str]) -> str:
        is_told = bool(letters := _letters(quoted[1])) and letters in texts
        return f'"{MASK}"' if is_told else quoted[0]

    return replace(problem, reason=re.sub(r'"([^"]*)"', shown, problem.reason), is_shown=False)


def _letters(text: str) -> str:
    """Return what a corrected text has in common with the wrong one."""
    return re.sub(r"[\W_]+", "", text.lower())


def member_problems(member: Property, value: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with one member of a record."""
    where = join(path, member.name)
    if lack := lacking(member, value):
        yield Problem(where, lack)
    elif plain(value) is not None:
        yield from problems(member.shape, value, where)


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


def is_whole(value: Any) -> bool:
    """Say whether a value is a whole number, as whatever type JSON has given it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value % 1 == 0
