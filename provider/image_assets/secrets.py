"""The one home of secret texts: they are gathered here as soon as they arrive, and masked in all that leaves.

What leaves is every line and status for the engine, every failure, the command to repeat and the build's log. They are
masked at those exits, whatever the message is and whoever made it.
"""

import base64
import functools
import json
import re
import shlex
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

from image_assets.values import Secret, is_list, is_map

MASK: Final = "[secret]"
_SHORTEST: Final = 3
"""Shorter texts are in every line; they are hidden only where they stand as a value, or alone."""
_SHORTEST_LINE: Final = 5
"""Lines of a longer secret (a key file) are hidden one by one, but not its `{` and `}`."""
_SHORTEST_ENCODED: Final = 6
"""Characters of Base64 that stand for enough of a secret."""
PUBLIC_NAMES: Final = frozenset(
    {"AWS", "oauth2accesstoken", "_json_key", "_json_key_base64", "<token>", "00000000-0000-0000-0000-000000000000"}
)
"""User names that registries document for everybody, beside which a token is the secret."""

_USERINFO: Final = re.compile(
    r"(?<=http://)[^/\s@'\"]+(?=@)|(?<=https://)[^/\s@'\"]+(?=@)"
    # A name with a login before its host: what an image's digest follows is followed by no path.
    r"|(?<![\w.:/@-])[\w.~%+-]+:[^/\s@'\"]+(?=@[\w.-]+(?::\d+)?/)"
)
"""Who asks, in a URL: over HTTP this is a login or a token, marked as a secret or not."""


class Secrets:
    """The secret texts that this process has met."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        self._lock = threading.Lock()
        self._forms: tuple[str, ...] = ()
        self._overlapping: re.Pattern[str] | None = None
        self._short: re.Pattern[str] | None = None
        self.add(texts)

    def add(self, texts: Iterable[str]) -> None:
        """Hide these texts from now on."""
        with self._lock:
            new = {text for text in texts if text and text not in PUBLIC_NAMES} - self._texts
            if new:
                self._texts |= new
                self._compile()

    def mask(self, text: str) -> str:
        """Return the text with a mask over every secret, in whatever encoding it stands there."""
        text = _USERINFO.sub(MASK, text)
        if self._short:
            text = self._short.sub(MASK, text)
        if self._overlapping is None or not any(form in text for form in self._forms):
            return text
        return _covered(text, ((found.start(), found.end(1)) for found in self._overlapping.finditer(text)))

    def holds(self, value: Any) -> bool:
        """Say whether any text of a value holds a secret, or is marked as one."""
        return any(self.mask(text) != text for text in texts_of(value)) or any(True for _ in marked_texts(value))

    def _compile(self) -> None:
        forms = sorted({form for text in self._texts for form in _forms(text)}, key=len, reverse=True)
        # One secret may begin within another: a look-ahead finds the longest at each place.
        self._overlapping = re.compile(f"(?=({'|'.join(map(re.escape, forms))}))") if forms else None
        self._forms = tuple(forms)
        short = [re.escape(text) for text in self._texts if len(text) < _SHORTEST and text.strip()]
        values = "|".join(short)
        self._short = re.compile(rf"(?<==)(?:{values})(?=$|[\s,;&'\"])|^\s*(?:{values})\s*$") if short else None


def _covered(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Replace spans, in order of their beginnings, by masks; spans that touch or overlap by one."""
    pieces, end = list[str](), 0
    for start, stop in spans:
        if start > end or not pieces:
            pieces += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


@functools.lru_cache(maxsize=1024)
def _forms(text: str) -> frozenset[str]:
    """Return the spellings under which a secret may turn up."""
    stripped = text.strip()
    lines = [line.strip() for line in stripped.splitlines()] if "\n" in stripped else []
    plain = [stripped, *(line for line in lines if len(line) >= _SHORTEST_LINE)]
    spelled = {form for part in plain if len(part) >= _SHORTEST for form in _spellings(part)}
    encoded = {form for part in (text, stripped) for form in _base64(part) if len(form) >= _SHORTEST_ENCODED}
    return frozenset(spelled | encoded)


def _spellings(text: str) -> Iterator[str]:
    """Yield a text as it is, without capitals, and as JSON, URLs, shells, CSV and programming languages write it."""
    yield from (text, text.lower())
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        # Go's encoder keeps JSON safe for HTML, and JSON may stand within JSON.
        yield escaped.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]
    yield from (quote(text), quote(text, safe=""), quote_plus(text))
    yield shlex.quote(text).removeprefix("'").removesuffix("'")
    yield text.replace("'", "'\\''")
    yield text.replace('"', '""')
    yield repr(text)[1:-1]


def _base64(text: str) -> Iterator[str]:
    """Yield what of a text's Base64 does not depend on what stands before and after it, as in `user:password`."""
    content = text.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = (before + len(content)) * 8 // 6
        encoded = base64.b64encode(b"\0" * before + content).decode()[-(-before * 8 // 6) : whole]
        yield from (encoded, encoded.replace("+", "-").replace("/", "_"))


def login_texts(username: str, password: str) -> Iterator[str]:
    """Yield what must not be shown of a login: of a short password its Basic authentication, too (RFC 7617)."""
    yield password
    yield base64.b64encode(f"{username}:{password}".encode()).decode()


def marked_texts(value: Any) -> Iterator[str]:
    """Yield every text under a secret mark."""
    if isinstance(value, Secret):
        yield from texts_of(value)
    elif is_map(value):
        yield from (text for item in value.values() for text in marked_texts(item))
    elif is_list(value):
        yield from (text for item in value for text in marked_texts(item))


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text and number in a value."""
    if isinstance(value, Secret):
        yield from texts_of(value.value)
    elif is_map(value):
        yield from (text for item in value.values() for text in texts_of(item))
    elif is_list(value):
        yield from (text for item in value for text in texts_of(item))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
