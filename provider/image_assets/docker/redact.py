"""Keeping secret values out of everything that is shown or kept."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

MASK: Final = "[secret]"
_SHORTEST: Final = 3
"""Shorter texts are in every line; to hide them would hide everything."""
_SHORTEST_LINE: Final = 8
"""Lines of a longer secret (a key file) are hidden one by one, but not its `{` and `}`."""


class Redactor:
    """Replaces each of the given values, wherever it stands."""

    def __init__(self, values: Iterable[str]) -> None:
        parts = sorted({part for value in values for part in _parts(value)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, parts))) if parts else None

    def __call__(self, text: str) -> str:
        """Return the text without the values."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def _parts(value: str) -> Iterator[str]:
    stripped = value.strip()
    if len(stripped) >= _SHORTEST:
        yield stripped
    if "\n" in stripped:
        yield from (line.strip() for line in stripped.splitlines() if len(line.strip()) >= _SHORTEST_LINE)
