"""What a custom resource of this provider is: six decisions on plain values, without Pulumi and without gRPC.

Values are JSON-like Python values that may carry the marks of `values`: `UNKNOWN` (in previews only) and `Secret`.
The meaning of each method is that of the RPC of the same name in Pulumi's provider.proto.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any, Protocol

from image_assets.frozen import dataclass
from image_assets.task import Task

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One RPC on one resource.

    Attributes:
        urn: The resource's URN.
        task: Where the job reports to, and what cancels it.
        preview: Whether nothing may be changed outside.
    """

    urn: str
    task: Task = field(default_factory=Task)
    preview: bool = False

    @property
    def stack(self) -> str:
        """The stack's name (Pulumi: `urn:pulumi:STACK::PROJECT::TYPE::NAME`)."""
        return self.urn.split("::")[0].removeprefix("urn:pulumi:") if self.urn else ""

    @property
    def project(self) -> str:
        """The project's name."""
        return self.urn.split("::")[1] if self.urn else ""

    @property
    def name(self) -> str:
        """The resource's name within its stack."""
        return self.urn.split("::", 3)[3] if self.urn else ""


class Kind(Enum):
    """How a property differs."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Change:
    """One difference between the stored and the wanted inputs.

    Attributes:
        path: Where, in Pulumi's property path syntax (`buildArgs.V`, `files["src/a.py"]`).
        kind: Whether the value came, went or changed.
        replace: Whether the resource must be replaced for it.
    """

    path: str
    kind: Kind = Kind.UPDATE
    replace: bool = False


@dataclass(frozen=True)
class State:
    """A resource as it is.

    Attributes:
        id: Pulumi's id of the resource.
        inputs: What the state stores as inputs.
        outputs: What the state stores as outputs.
    """

    id: str
    inputs: Values
    outputs: Values


class CustomResource(Protocol):
    """One resource type. Every method may raise an `AssetError`; `check` one `InputError` for all bad inputs."""

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs to store, computed ones included."""

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Return what an update would change; empty means nothing."""

    def create(self, job: Job, inputs: Values) -> State:
        """Make it, or in a preview say what is known of it; an empty id is an unknown one."""

    def read(self, job: Job, old: State) -> State | None:
        """Return it as it is now, None if it is gone; with empty inputs and outputs this is an import."""

    def update(self, job: Job, old: State, news: Values) -> Values:
        """Change it in place, or in a preview say what is known; return the outputs."""

    def delete(self, job: Job, old: State) -> None:
        """Remove it; one that is gone already is success."""
