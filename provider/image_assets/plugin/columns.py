"""How much of a text fits into a row of the command line's table.

The table has the columns type, name, status and information, each as wide as its widest text, and what does not fit
into the terminal is cut off at the end (Pulumi: pkg `backend/display/tree.go`, `tableutil.go`). Of a builder's line
the end often says most, so it is shortened here, in the middle. Rows of other packages are not known to a plugin: one
that is wider than all of ours cuts some more off.
"""

import os
from pathlib import Path
from typing import Final

_INDENTATION: Final = 3
"""Columns for each level of the tree."""
_OPERATION: Final = 5
"""Columns of the operation's sign and the gaps around it."""
_GAP: Final = 2
_STATUS: Final = len("creating (99s)...")
_LEAST: Final = 20
"""What is worth showing; in a terminal too narrow for it the table is broken anyway."""
_ELLIPSIS: Final = "…"
_TAIL: Final = 0.45
"""The share of the end in what is left of a text."""
_ENOUGH: Final = 0.55
"""The share of a part that must be left for a word to be left out that would be cut."""


class Columns:
    """The columns of the rows that are known."""

    def __init__(self) -> None:
        self._type = self._name = 0

    def note(self, urn: str) -> None:
        """Take a resource's row into account, and those of the components it lies within."""
        stack, project, types, name = urn.split("::", 3)[0].rpartition(":")[2], *urn.split("::", 3)[1:]
        widths = (_INDENTATION * depth + len(shown(kind)) for depth, kind in enumerate(types.split("$"), 1))
        self._type = max(self._type, *widths)
        self._name = max(self._name, len(name), len(f"{project}-{stack}"))

    def left(self, width: int) -> int:
        """Return how many columns of a terminal the information has; its last one stays empty."""
        taken = _OPERATION + self._type + _GAP + self._name + _GAP + _STATUS + _GAP
        return max(width - 1 - taken, _LEAST)


def shown(kind: str) -> str:
    """Return a type as the table shows it: without the part of its module that repeats its name."""
    package, module, name = kind.split(":") if kind.count(":") == 2 else ("", "", "")
    folder, slash, file = module.rpartition("/")
    return f"{package}:{folder}:{name}" if slash and file == name[:1].lower() + name[1:] else kind


def fitted(text: str, width: int) -> str:
    """Return the first line of a text, shortened in the middle; whole words stay where that costs little."""
    line = next(iter(text.splitlines()), "")
    if len(line) <= width:
        return line
    tail = line[-int((width - 1) * _TAIL) :]
    from_word = tail.partition(" ")[2]
    tail = f" {from_word}" if len(from_word) > len(tail) * _ENOUGH else tail
    head = line[: width - 1 - len(tail)]
    to_word = head.rpartition(" ")[0]
    return f"{f'{to_word} ' if len(to_word) > len(head) * _ENOUGH else head}{_ELLIPSIS}{tail}"


def width_of(terminal: Path | None) -> int | None:
    """Return how many columns a terminal has now; None if there is none, or it does not tell."""
    if terminal is None:
        return None
    try:
        descriptor = os.open(terminal, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.get_terminal_size(descriptor).columns or None
    except OSError:
        return None
    finally:
        os.close(descriptor)
