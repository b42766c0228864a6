"""Reading `WWW-Authenticate` (RFC 9110, section 11.6.1; the bearer parameters are the distribution token spec's)."""

import re
from collections.abc import Iterator, Mapping, Sequence

from image_assets.frozen import dataclass

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# `name = value` with optional blanks around the sign ("bad whitespace" of RFC 9110, section 5.6.3).
_PARAMETER = re.compile(rf"({_WORD})[ \t]*=[ \t]*({_QUOTED}|{_WORD})")
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]+|$|(?=[ \t]*,))")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)*")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Challenge:
    """One way of signing in that the registry offers.

    Attributes:
        scheme: In lower case: `bearer`, `basic`.
        parameters: The values by name in lower case.
    """

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """Read all challenges, in the order given; text that breaks the grammar ends the reading of its header."""
    return tuple(challenge for header in headers for challenge in _challenges(header))


def _challenges(header: str) -> Iterator[Challenge]:
    position = _skip(header, 0)
    while position < len(header):
        scheme = _SCHEME.match(header, position)
        if not scheme:
            return
        parameters, position = _parameters(header, scheme.end())
        yield Challenge(scheme[1].lower(), parameters)


def _parameters(header: str, position: int) -> tuple[dict[str, str], int]:
    """Read parameters, or a token68, up to the next scheme; return them and where they end."""
    if header[position - 1] in " \t" and (blob := _TOKEN68.match(header, position)):
        return {}, _skip(header, blob.end())
    found: dict[str, str] = {}
    position = _skip(header, position)
    while match := _PARAMETER.match(header, position):
        # The first of two equal names counts: a second one cannot divert the first.
        found.setdefault(match[1].lower(), _unquote(match[2]))
        position = _skip(header, match.end())
    return found, position


def _unquote(value: str) -> str:
    return _ESCAPE.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _skip(header: str, position: int) -> int:
    match = _SEPARATOR.match(header, position)
    return match.end() if match else position
