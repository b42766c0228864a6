"""The whole output of one build: a private file, which only a failure leaves behind."""

import os
import re
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from image_assets.frozen import dataclass

_STEERING: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")
"""Colours, titles and other control sequences (ECMA-48), and stray control characters."""
_SHOWN: Final = 2000
"""Lines kept for whoever wants to see the output of a success."""


@dataclass(frozen=True)
class BuildReport:
    """What a successful build leaves to be told.

    Attributes:
        summary: One line.
        output: The last 2,000 lines, without secrets.
    """

    summary: str
    output: str


class BuildLog:
    """Writes the output down, without secrets, as it comes."""

    def __init__(self, redact: Callable[[str], str], folder: str | None = None) -> None:
        descriptor, name = tempfile.mkstemp(prefix="image-assets-build-", suffix=".log", dir=folder)
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._redact = redact
        self._last: deque[str] = deque(maxlen=_SHOWN)

    def add(self, line: str) -> str:
        """Keep a line without secrets, and return it without what would steer a terminal, too."""
        clean = self._redact(line)
        self._file.write(clean + "\n")
        plain = _STEERING.sub("", clean.rstrip("\r").rpartition("\r")[2])
        # Without what stood between them, two halves may be a secret.
        plain = self._redact(plain)
        self._last.append(plain)
        return plain

    def text(self) -> str:
        """Return the last lines."""
        return "\n".join(self._last)

    def close(self, *, keep: bool) -> None:
        """Close the file, and remove it unless it is to be kept."""
        self._file.close()
        if not keep:
            self.path.unlink(missing_ok=True)
