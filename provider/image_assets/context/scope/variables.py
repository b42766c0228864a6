"""The variables of a Dockerfile, as far as their values are known before the build.

Source: moby/buildkit, frontend/dockerfile/dockerfile2llb (`convert.go`: `defaultArgs`, `dispatchArg`, `dispatchEnv`).
What a base image in a registry sets is not known; a value that the Dockerfile itself gives later wins over it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from image_assets.context.scope.words import MARKS, UnjudgeableError, has_odd_blanks, plain

_ASSIGNMENT = re.compile(r"""([\w.-]+)(?:=((?:[^"'\\`\s]|"[^"\\`]*"|'[^'\\`]*')*))?(?:\s+|$)""", re.ASCII)
_OLD_ENV = re.compile(r"(\w+)\s+([^=].*)", re.ASCII | re.DOTALL)
_PIECE = re.compile(r""""([^"]*)"|'([^']*)'|([^"']+)""")
_USE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:[-+])([^{}$]*))?\}|([A-Za-z_]\w*))", re.ASCII)
_QUOTED = re.compile(r'"([^"]*)"')
_PARTS: Final = ("PLATFORM", "OS", "ARCH", "VARIANT")
_AUTOMATIC: Final = frozenset(map("".join, itertools.product(("BUILD", "TARGET"), _PARTS)))
"""BuildKit sets them, whether they are declared or not."""
_UNFORESEEN: Final = frozenset(
    (
        *("BUILDOSVERSION", "TARGETOSVERSION", "BUILDSTAGE", "TARGETSTAGE", "SOURCE_DATE_EPOCH"),
        *(case(f"{what}_proxy") for what in ("http", "https", "ftp", "no", "all") for case in (str.lower, str.upper)),
    )
)
"""Builders and their clients set them, too, from what is not seen here."""


class _NoValue(Enum):
    """What there is instead of a value."""

    UNSET = "declared without one"
    HIDDEN = "not known here"


_Value = str | _NoValue


def automatic(platform: str | None, build_platform: str | None) -> dict[str, str]:
    """Return the values that BuildKit sets for a platform, and for its own; none for what is None."""
    found: dict[str, str] = {}
    for prefix, given in (("TARGET", platform), ("BUILD", build_platform)):
        if given is not None:
            system, architecture, variant = (*given.split("/", 2), "", "")[:3]
            values = (given, system, architecture, variant)
            found |= {prefix + part: value for part, value in zip(_PARTS, values, strict=True)}
    return found


@dataclass
class Variables:
    """The values at one place of a Dockerfile.

    Attributes:
        build_args: Values that come from outside, and win.
        globals: What an `ARG` without a value takes; None before the first `FROM`.
        values: What has been set.
        of_env: The names that an `ENV` has set: whether an `ARG` that follows wins is told in two ways.
        are_plain: Whether all that was read was understood; else any variable may have any value.
    """

    build_args: Mapping[str, str]
    globals: "Variables | None" = None
    values: dict[str, _Value] = field(default_factory=dict)
    of_env: set[str] = field(default_factory=set)
    are_plain: bool = True

    @classmethod
    def before_stages(cls, build_args: Mapping[str, str], given: Mapping[str, str]) -> "Variables":
        """Return what holds at the top, where `given` are the automatic values."""
        hidden: dict[str, _Value] = dict.fromkeys(_AUTOMATIC | _UNFORESEEN, _NoValue.HIDDEN)
        return cls(build_args, values=hidden | {name: text for name, text in given.items() if name not in build_args})

    def stage(self) -> "Variables":
        """Return what holds at the start of a stage, these being those at the top."""
        return Variables(self.build_args, self, are_plain=self.are_plain)

    def copy(self) -> "Variables":
        """Return what holds at the start of a stage that goes on from here."""
        return replace(self, values=dict(self.values), of_env=set(self.of_env))

    def declare(self, text: str) -> None:
        """Note what stands behind an `ARG`."""
        for name, written in self._assignments(text):
            self._declare(name, written)

    def set(self, text: str) -> None:
        """Note what stands behind an `ENV`."""
        old = _OLD_ENV.fullmatch(text)
        found = [(old[1], old[2])] if old else list(self._assignments(text))
        values = {name: self._meant(written or "") for name, written in found}
        self.values |= values
        self.of_env |= values.keys()

    def _assignments(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Yield name and value of each assignment, as they are written."""
        position = 0
        while position < len(text):
            found = None if has_odd_blanks(text) else _ASSIGNMENT.match(text, position)
            if found is None:
                # Where one ends and the next begins is not plain.
                self.are_plain = False
                return
            yield found[1], found[2]
            position = found.end()

    def _declare(self, name: str, written: str | None) -> None:
        inherited = None if self.globals is None else self.globals.values.get(name)
        if name in _UNFORESEEN or name in self.of_env or self._overrides(name, written):
            self.values[name] = _NoValue.HIDDEN
        elif name in self.build_args:
            self.values[name] = self.build_args[name]
        elif written is not None:
            self.values[name] = self._meant(written)
        elif inherited not in (None, _NoValue.UNSET):
            self.values[name] = inherited
        else:
            # A declaration without a value takes none away.
            self.values.setdefault(name, _NoValue.UNSET)

    def _overrides(self, name: str, written: str | None) -> bool:
        """Say whether an automatic value is replaced: builders differ in which one they take then."""
        return name in _AUTOMATIC and (written is not None or name in self.build_args)

    def _meant(self, written: str) -> _Value:
        """Return the value that is written, quotes and variables resolved."""
        if MARKS & set(_PIECE.sub("", written)) or "\\" in written or "`" in written:
            return _NoValue.HIDDEN
        try:
            return "".join(self._piece(*found.groups()) for found in _PIECE.finditer(written))
        except UnjudgeableError:
            return _NoValue.HIDDEN

    def _piece(self, quoted: str | None, literal: str | None, bare: str | None) -> str:
        if literal is None:
            return self._put_in(quoted if bare is None else bare)
        if "$" in literal:
            raise UnjudgeableError(f"a dollar sign that is meant in {literal}")
        return literal

    def _put_in(self, text: str | None) -> str:
        text = text or ""
        if "$" in without_variables(text):
            raise UnjudgeableError(f"{text} is not understood")
        return _USE.sub(self._value, text)

    def expand(self, word: str) -> str:
        """Put in the values of variables.

        Raises:
            UnjudgeableError: One has no value that is known here, or the word is written in a form that is not.
        """
        if MARKS & set(word):
            raise UnjudgeableError(f"{word} is not understood")
        return self._put_in(word)

    def path(self, word: str) -> str:
        """Return the path that a word means, quotes around it taken away.

        Raises:
            UnjudgeableError: As for `expand`, or the path has characters that may mean something else.
        """
        if "$" not in word:
            return plain(word)
        quoted = _QUOTED.fullmatch(word)
        meant = self.expand(quoted[1] if quoted else word)
        if MARKS & set(meant) or "$" in meant:
            raise UnjudgeableError(f"what {word} means has quotes, escapes or dollar signs")
        return plain(meant)

    def _value(self, found: re.Match[str]) -> str:
        braced, operator, other, bare = found.groups()
        value = self.values.get(braced or bare, _NoValue.HIDDEN) if self.are_plain else _NoValue.HIDDEN
        if value is _NoValue.UNSET and self.globals is None:
            value = ""
        if isinstance(value, _NoValue):
            # Within a stage a variable without a value may have one from the base image.
            raise UnjudgeableError(f"the value of {found[0]} is not known before the build")
        if operator == ":+":
            return str(other) if value else ""
        return value or other or ""


def without_variables(word: str) -> str:
    """Return what is left of a word without the variables in it that are understood."""
    return _USE.sub("", word)
