"""The examples in the schema's descriptions, in the form of Pulumi's Registry.

`examples.json` is made by tools/genexamples from the programs in tools/generators/programs.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_CONVERTED = Path(__file__).with_name("examples.json")
#: In the order in which the Registry has them.
LANGUAGES = ("typescript", "python", "csharp", "go", "java", "yaml")


def with_examples(name: str, doc: str) -> str:
    """Return a description with the examples of what it describes: `TYPE`, `TYPE/METHOD` or a function's name."""
    found = _examples().get(name)
    return f"{doc}\n\n{_section(found)}" if found else doc


@cache
def _examples() -> dict[str, list[dict[str, Any]]]:
    text = _CONVERTED.read_text(encoding="utf-8") if _CONVERTED.exists() else "{}"
    return dict(json.loads(text))


def _section(examples: list[dict[str, Any]]) -> str:
    shown = "\n".join("\n".join(_example(one["title"], one["programs"])) for one in examples)
    return f"{{{{% examples %}}}}\n## Example Usage\n{shown}\n{{{{% /examples %}}}}"


def _example(title: str, programs: dict[str, str]) -> Iterator[str]:
    yield "{{% example %}}"
    yield f"### {title}\n"
    for language in LANGUAGES:
        if language in programs:
            yield f"```{language}\n{programs[language].rstrip()}\n```\n"
    yield "{{% /example %}}"
