"""Words with variables, as BuildKit's shell lexer reads them (moby/buildkit, frontend/dockerfile/shell, `lex.go`)."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from image_assets.context.scope.words import UnjudgeableError

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_CUT = re.compile(r"##?|%%?")
_SLASHES = re.compile("//?")
_OPERATOR = re.compile(r":?[-+?]")
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_ESCAPED_IN_QUOTES: Final = frozenset('"$\\')


def expanded(word: str, values: Mapping[str, str]) -> str:
    """Return a word with its variables put in, its quotes and escapes taken away; without a value, one is empty.

    Raises:
        UnjudgeableError: The word is not complete, or has a form that is not followed here.
    """
    return _Reader(word, values).all()


def split_assignments(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of each word behind `ARG`; quotes, escapes and variables in the values stay.

    Raises:
        UnjudgeableError: A quote does not end.
    """
    rest = _WORD.sub("", text).strip()
    if rest:
        raise UnjudgeableError(f"{text} has a quote that does not end")
    for found in _WORD.finditer(text):
        name, equals, value = found[0].partition("=")
        yield name, value if equals else None


class _Reader:
    """Reads one word from its beginning to its end."""

    def __init__(self, word: str, values: Mapping[str, str]) -> None:
        self._word = word
        self._values = values
        self._at = 0
        if "`" in word:
            raise self._fault()

    def all(self) -> str:
        return self._until("")

    def _until(self, end: str) -> str:
        """Read to the end of the word, or to behind a character that is not quoted."""
        parts: list[str] = []
        while self._at < len(self._word):
            character = self._next()
            if end and character == end:
                return "".join(parts)
            parts.append(self._readers.get(character, _itself)(self, character))
        if end:
            raise self._fault()
        return "".join(parts)

    def _next(self) -> str:
        if self._at >= len(self._word):
            raise self._fault()
        self._at += 1
        return self._word[self._at - 1]

    def _single(self, _: str) -> str:
        end = self._word.find("'", self._at)
        if end < 0:
            raise self._fault()
        text, self._at = self._word[self._at : end], end + 1
        return text

    def _double(self, _: str) -> str:
        parts: list[str] = []
        while (character := self._next()) != '"':
            if character == "\\":
                following = self._next()
                parts.append(following if following in _ESCAPED_IN_QUOTES else character + following)
            else:
                parts.append(self._variable(character) if character == "$" else character)
        return "".join(parts)

    def _escape(self, _: str) -> str:
        return self._next()

    def _variable(self, _: str) -> str:
        if self._word.startswith("{", self._at):
            self._at += 1
            return self._braced()
        found = _NAME.match(self._word, self._at)
        if found is None:
            raise self._fault()
        self._at = found.end()
        return self._value(found[0]) or ""

    def _braced(self) -> str:
        """Read what stands between braces (POSIX, "Parameter Expansion")."""
        found = _NAME.match(self._word, self._at)
        if found is None:
            raise self._fault()
        self._at = found.end()
        if self._word.startswith("}", self._at):
            self._at += 1
            return self._value(found[0]) or ""
        if cut := _CUT.match(self._word, self._at):
            self._at = cut.end()
            return _without(self._value(found[0]) or "", self._literal("}"), cut[0])
        if slashes := _SLASHES.match(self._word, self._at):
            self._at = slashes.end()
            pattern, other = self._literal("/"), self._literal("}")
            if not pattern:
                raise self._fault()
            count = 1 if slashes[0] == "/" else 0
            return re.sub(_expression(pattern, ".*"), lambda _: other, self._value(found[0]) or "", count=count)
        operator = _OPERATOR.match(self._word, self._at)
        if operator is None:
            raise self._fault()
        self._at = operator.end()
        other, value = self._until("}"), self._value(found[0])
        is_there = bool(value) if operator[0].startswith(":") else value is not None
        if operator[0].endswith("+"):
            return other if is_there else ""
        if operator[0].endswith("?") and not is_there:
            raise UnjudgeableError(f"{found[0]} has no value: {other}")
        return (value or "") if is_there else other

    def _literal(self, end: str) -> str:
        """Read a part of a substitution; escapes and dollar signs mean more in it than is followed here."""
        start = self._at
        text = self._until(end)
        if "\\" in self._word[start : self._at] or "$" in text:
            raise self._fault()
        return text

    def _value(self, name: str) -> str | None:
        if name.startswith("BUILD") and name.removeprefix("BUILD") in _OF_BUILDER and name not in self._values:
            raise UnjudgeableError(f"{name}, the builder's own, is not known before the build")
        return self._values.get(name)

    def _fault(self) -> UnjudgeableError:
        return UnjudgeableError(f"{self._word} is not understood")

    _readers: Final = {"'": _single, '"': _double, "\\": _escape, "$": _variable}


_OF_BUILDER: Final = frozenset({"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"})


def _without(value: str, pattern: str, operator: str) -> str:
    """Cut off the shortest beginning (`#`) or end (`%`) that matches, or the longest (two of them)."""
    star = ".*" if len(operator) > 1 else ".*?"
    if operator.startswith("#"):
        found = re.match(_expression(pattern, star), value)
        return value[found.end() :] if found else value
    # Backwards, the shortest end is the shortest beginning.
    found = re.match(_expression(pattern[::-1], star), value[::-1])
    return value[: len(value) - found.end()] if found else value


def _expression(pattern: str, star: str) -> str:
    """Return a shell's pattern as a regular expression; `[` is no class there."""
    return "".join({"*": star, "?": "."}.get(character) or re.escape(character) for character in pattern)


def _itself(_: _Reader, character: str) -> str:
    return character
