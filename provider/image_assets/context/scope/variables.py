"""The variables that a `FROM` can use: the `ARG`s before the first one.

Source: moby/buildkit, frontend/dockerfile/dockerfile2llb (`convert.go`, `buildMetaArgs`).
"""

import itertools
import re
from collections.abc import Mapping
from typing import Final

from image_assets.context.scope.words import MARKS, UnjudgeableError, has_odd_blanks

_ARG = re.compile(r"""(\w+)(?:=(?:"([^"'\\`]*)"|'([^"'\\`]*)'|([^"'\\`\s]*)))?(?:\s+|$)""", re.ASCII)
_USE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:[-+])([^{}$]*))?\}|([A-Za-z_]\w*))", re.ASCII)
_AUTOMATIC: Final = frozenset(
    map("".join, itertools.product(("BUILD", "TARGET"), ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT", "STAGE")))
)
"""BuildKit sets them, whether they are declared or not."""


class Variables:
    """The values that are known, as far as `ARG` instructions were read.

    Args:
        build_args: Values that come from outside, and win.
    """

    def __init__(self, build_args: Mapping[str, str]) -> None:
        self._build_args = build_args
        self._values: dict[str, str | None] = {}
        self._unknown = set(_AUTOMATIC)
        self._are_plain = True

    def declare(self, text: str) -> None:
        """Note what stands behind an `ARG`."""
        position = 0
        while position < len(text):
            found = None if has_odd_blanks(text) else _ARG.match(text, position)
            if found is None:
                # Where one declaration ends and the next begins is not plain: any variable may be meant.
                self._are_plain = False
                return
            name, *values = found.groups()
            self._set(name, next((value for value in values if value is not None), None))
            position = found.end()

    def _set(self, name: str, default: str | None) -> None:
        value = self._build_args.get(name, default)
        if value is None:
            # A declaration without a value takes none away.
            self._values.setdefault(name, None)
        elif "$" in value and name not in self._build_args:
            self._unknown.add(name)
        else:
            self._values[name] = value

    def expand(self, word: str) -> str:
        """Put in the values of variables.

        Raises:
            UnjudgeableError: One has no value that is known here, or the word is written in a form that is not.
        """
        expanded = _USE.sub(self._value, word)
        if "$" in without_variables(word) or MARKS & set(word):
            raise UnjudgeableError(f"{word} is not understood")
        return expanded

    def _value(self, found: re.Match[str]) -> str:
        braced, operator, other, bare = found.groups()
        name = braced or bare
        if not self._are_plain or name in self._unknown or name not in self._values:
            raise UnjudgeableError(f"the value of {found[0]} is not known before the build")
        known = self._values[name]
        if operator == ":+":
            return str(other) if known else ""
        return known or other or ""


def without_variables(word: str) -> str:
    """Return what is left of a word without the variables in it that are understood."""
    return _USE.sub("", word)
