"""The engine's own account of a run: its JSON event log (`sdk/go/common/apitype/events.go` in pulumi/pulumi)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the log writes a value that is known only after the update."""

SECRET = "[secret]"
_AMBIENT = "from $PATH at"

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """What the engine did, or would do, with one resource.

    Attributes:
        op: `create`, `update`, `same`, `delete`, `replace`, `create-replacement`, `delete-replaced`, `refresh`, ...
        type: The resource's type token.
        name: The last part of the URN.
        urn: The whole URN.
        diffs: Top-level properties that differ.
        detailed_diff: Property path -> kind (`add`, `update`, `delete`, each also with `-replace`).
        old: The state before: `inputs`, `outputs`, `id`, ... or empty.
        new: The state after (wanted, in a preview), or empty.
    """

    op: str
    type: str
    name: str
    urn: str
    diffs: tuple[str, ...] = ()
    detailed_diff: Mapping[str, str] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnostic:
    """One message of the engine, a plugin or the program."""

    severity: str
    message: str
    urn: str = ""
    ephemeral: bool = False


@dataclass(frozen=True)
class EventLog:
    """All that happened in one command."""

    events: tuple[Event, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in the order they ended, those on the stack itself and on providers left out."""
        return tuple(step for step in self._all_steps() if not step.type.startswith("pulumi:"))

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that are not `same`, `read` or `refresh`."""
        return tuple(step for step in self.steps if step.op not in {"same", "read", "refresh"})

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, with `UNKNOWN` for the unknown and `SECRET` for the hidden ones."""
        found: dict[str, Any] = {}
        for step in self._all_steps():
            if step.type == "pulumi:pulumi:Stack" and step.new:
                found = dict(step.new.get("outputs") or {})
        return found

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The messages, without the debug ones and without the remark that a plugin was found on PATH."""
        return tuple(self._diagnostics())

    def messages(self, severity: str) -> str:
        """Return the lasting messages of one severity (`info`, `warning`, `error`) as one text."""
        wanted = (d.message for d in self.diagnostics if d.severity == severity and not d.ephemeral)
        return "\n".join(wanted)

    def _diagnostics(self) -> Iterable[Diagnostic]:
        for item in self._each("diagnosticEvent"):
            if item["severity"] != "debug" and _AMBIENT not in item["message"]:
                text = item.get("prefix", "") + item["message"]
                yield Diagnostic(item["severity"], text, item.get("urn", ""), item.get("ephemeral", False))

    def _all_steps(self) -> Iterable[Step]:
        """Yield the steps, those that failed included."""
        for event in self.events:
            for kind in ("resOutputsEvent", "resOpFailedEvent"):
                if kind in event:
                    yield _step(event[kind]["metadata"])

    def _each(self, kind: str) -> Iterable[Any]:
        return (event[kind] for event in self.events if kind in event)


def _step(metadata: Mapping[str, Any]) -> Step:
    """Read one step's metadata."""
    detailed = metadata.get("detailedDiff") or {}
    return Step(
        op=metadata["op"],
        type=metadata["type"],
        name=metadata["urn"].rpartition("::")[2],
        urn=metadata["urn"],
        diffs=tuple(metadata.get("diffs") or ()),
        detailed_diff={path: diff["diffKind"] for path, diff in detailed.items()},
        old=metadata.get("old") or {},
        new=metadata.get("new") or {},
    )


def parse(lines: Iterable[str]) -> EventLog:
    """Read an event log; a last line cut short by a killed engine is left out."""
    return EventLog(tuple(json.loads(line) for line in lines if line.endswith("}\n")))
