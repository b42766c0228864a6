"""The same resources declared in several languages."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.project import Runtime


@dataclass(frozen=True)
class Ref:
    """An output of another resource of the program."""

    name: str
    output: str


@dataclass(frozen=True)
class Declared:
    """One resource.

    Attributes:
        name: Its name, which is a variable's, too.
        type: The type's name in the package.
        inputs: Its inputs, named as in the schema.
    """

    name: str
    type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Called:
    """A method that is called on a resource, and what it is given; YAML calls none."""

    name: str
    method: str
    args: Mapping[str, Any]


Statement = Declared | Called


def render(runtime: Runtime, statements: Sequence[Statement]) -> str:
    """Write the program; of Node.js as JavaScript, which is what a compiled TypeScript program is."""
    head, line = _LANGUAGES[runtime]
    return head + "".join(map(line, statements))


def _yaml(one: Statement) -> str:
    assert isinstance(one, Declared), "YAML calls no methods"
    inputs = ", ".join(f"{key}: {_yaml_value(value)}" for key, value in one.inputs.items())
    return f"  {one.name}: {{type: 'image-assets:{one.type}', properties: {{{inputs}}}}}\n"


def _yaml_value(value: Any) -> str:
    return _literal(value, lambda ref: f'"${{{ref.name}.{ref.output}}}"', json.dumps)


def _literal(value: Any, of_ref: Callable[[Ref], str], of_scalar: Callable[[Any], str]) -> str:
    """Write a value; the brackets of objects and lists are the same in all these languages."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)}: {_literal(item, of_ref, of_scalar)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(item, of_ref, of_scalar) for item in value)}]"
    return of_ref(value) if isinstance(value, Ref) else of_scalar(value)


def _python(one: Statement) -> str:
    if isinstance(one, Called):
        return f"{one.name}.{_snake(one.method)}({_keywords(one.args)})\n"
    return f"{one.name} = assets.{one.type}({one.name!r}, {_keywords(one.inputs)})\n"


def _keywords(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{_snake(key)}={_python_value(value)}" for key, value in values.items())


def _python_value(value: Any) -> str:
    return _literal(value, lambda ref: f"{ref.name}.{_snake(ref.output)}", repr)


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)


def _node(one: Statement) -> str:
    if isinstance(one, Called):
        return f"{one.name}.{one.method}({_object(one.args)});\n"
    return f"const {one.name} = new assets.{one.type}({json.dumps(one.name)}, {_object(one.inputs)});\n"


def _object(values: Mapping[str, Any]) -> str:
    return _literal(values, lambda ref: f"{ref.name}.{ref.output}", json.dumps)


_LANGUAGES = {
    "yaml": ("resources:\n", _yaml),
    "python": ("import pulumi_image_assets as assets\n", _python),
    "nodejs": ('"use strict";\nconst assets = require("@image-assets/pulumi");\n', _node),
}
