"""What a row in a table of inputs says. Parsing, fingerprint, diff and schema all read such rows."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from image_assets.frozen import dataclass
from image_assets.inputs.types import Shape

Parts = Iterable[tuple[str, Any]]
"""(key, text) of each part of an option; the key is empty if the option has one part only."""


class Counts(Enum):
    """How an input enters the fingerprint.

    NOT: never. OPTION: its value, as text. CONTENT: by what it makes of the content that reaches the builder.
    """

    NOT = "not"
    OPTION = "option"
    CONTENT = "content"


class OnChange(Enum):
    """What a changed input leads to.

    NOTHING: it takes effect with the next build. FINGERPRINT: an update if it changed the fingerprint.
    UPDATE: an update in place. REPLACE: another image resource.
    """

    NOTHING = "nothing"
    FINGERPRINT = "fingerprint"
    UPDATE = "update"
    REPLACE = "replace"


@dataclass(frozen=True)
class Field:
    """One input.

    Attributes:
        name: The wire name.
        shape: Its type.
        doc: Its documentation in every SDK.
        counts: How it enters the fingerprint.
        switch: The `invalidation` member that can take it out of the fingerprint.
        change: What a change leads to.
        required: Whether the program must give it.
        secret: Whether SDKs mark it secret.
        parts: What of the frozen value counts, if not its texts as they are.
        in_memory: Whether its values go from Check to Create in memory, and the state holds a marker instead.
    """

    name: str
    shape: Shape
    doc: str
    counts: Counts = Counts.NOT
    switch: str = ""
    change: OnChange = OnChange.NOTHING
    required: bool = False
    secret: bool = False
    in_memory: bool = False
    parts: Callable[[Any], Parts] | None = None
