"""What a registry's refusal means: its codes, whether to ask again, and the text for the user.

The tables hold what registries answer when a later request may succeed (OCI distribution spec, "Error Codes"; RFC 9110,
section 15.6; RFC 6585, section 4).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from image_assets.errors import RegistryError
from image_assets.frozen import dataclass

TEMPORARY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 527, 529})
TEMPORARY_CODES = frozenset({"TOOMANYREQUESTS", "UNAVAILABLE", "SLOWDOWN", "THROTTLED"})

#: What to look at where an answer is none that a registry gives.
ODD_ANSWER = "see whether a proxy before the registry changes what passes; else it is a fault of the registry"

_LONGEST_MESSAGE = 1000
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ABOUT_IDENTITY = frozenset({"UNAUTHORIZED", "DENIED"})
# Names of members that say nothing beside what is in them.
_SPEAKING = frozenset({"error", "errors", "message", "detail", "details", "error_description"})
_VAGUE = frozenset({"", "unknown error", "unknown", "internal server error"})


class Fault(Enum):
    """Why an exchange failed, as far as trying again is concerned."""

    REFUSED = "refused"
    UNKNOWN_HOST = "unknown host"
    TLS = "tls"
    RESET = "reset"
    TIMEOUT = "timeout"
    BUSY = "busy"
    LOST = "lost upload"
    FINAL = "final"


class ExchangeError(RegistryError):
    """One request that failed; what leaves this package says how often it was tried.

    Attributes:
        fault: The kind of failure.
        retry_after: Seconds that the registry asked to wait, or None.
    """

    def __init__(  # noqa: PLR0913 - one argument per attribute of the failed request
        self,
        reason: str,
        *,
        method: str,
        url: str,
        fault: Fault,
        status: int | None = None,
        codes: tuple[str, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        shown = redacted(url)
        super().__init__(
            f"{method} {shown}: {reason}",
            method=method,
            url=shown,
            status=status,
            codes=codes,
            temporary=fault is not Fault.FINAL and fault is not Fault.TLS,
        )
        self.reason = reason
        self.fault = fault
        self.retry_after = retry_after

    def because(self, remark: str) -> "ExchangeError":
        """Return the same error with a remark behind it."""
        return self._like(f"{self.reason}; {remark}", self.fault)

    def seen_as(self, fault: Fault) -> "ExchangeError":
        """Return the same error with what its kind is to whoever asked."""
        return self._like(self.reason, fault)

    def _like(self, reason: str, fault: Fault) -> "ExchangeError":
        return ExchangeError(
            reason,
            method=self.method,
            url=self.url,
            fault=fault,
            status=self.status,
            codes=self.codes,
            retry_after=self.retry_after,
        )


@dataclass(frozen=True)
class Refusal:
    """What stands in the body of an error.

    Attributes:
        codes: The registry's codes; empty if the body is not the spec's.
        text: All messages on one line.
    """

    codes: tuple[str, ...]
    text: str


def parse_refusal(status: int, content: bytes, content_type: str = "") -> Refusal:
    """Read an error's body, whatever it is."""
    errors = _spec_errors(content)
    if errors:
        codes = tuple(_code(error) for error in errors)
        return Refusal(codes, f"{_cut('; '.join(map(_spec_text, errors)))}, HTTP {status}")
    return Refusal((), _cut(_foreign_text(status, content, content_type)))


def fault_of(status: int, codes: Sequence[str]) -> Fault:
    """Say whether an answer with this status and these codes may be another one later."""
    return Fault.BUSY if status in TEMPORARY_STATUSES or TEMPORARY_CODES.intersection(codes) else Fault.FINAL


def refused(  # noqa: PLR0913 - one argument per part of the answer
    method: str,
    url: str,
    status: int,
    content: bytes,
    *,
    content_type: str = "",
    retry_after: float | None = None,
) -> ExchangeError:
    """Make the error of an answer that was not wanted."""
    refusal = parse_refusal(status, content, content_type)
    return ExchangeError(
        refusal.text,
        method=method,
        url=url,
        fault=fault_of(status, refusal.codes),
        status=status,
        codes=refusal.codes,
        retry_after=retry_after,
    )


def redacted(url: str) -> str:
    """Show a URL without user, password, signed query and upload state."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "..." if parts.query else "", ""))


def _spec_errors(content: bytes) -> list[Mapping[str, Any]]:
    """Return the rows of the spec's `errors`, or nothing if the body is something else."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return []
    rows = body.get("errors") if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _code(error: Mapping[str, Any]) -> str:
    return _clean(str(error.get("code") or "UNKNOWN"))[:64]


def _spec_text(error: Mapping[str, Any]) -> str:
    message = _clean(str(error.get("message") or ""))
    # What was asked for stands in the request; a registry repeats it as an object.
    about_identity = _code(error) in _ABOUT_IDENTITY
    detail = "" if about_identity and not isinstance(error.get("detail"), str) else _detail(error.get("detail"))
    # Some registries keep the only useful words (a full disk, a missing IAM action) in the detail.
    words = [message] if message and (message.lower() not in _VAGUE or not detail) else []
    if detail and (message.lower() in _VAGUE or len(detail) < _LONGEST_MESSAGE // 2) and detail not in message:
        words.append(detail)
    return f"{': '.join(words)} ({_code(error)})" if words else _code(error)


def _detail(detail: Any) -> str:
    if detail in (None, "", {}, []):
        return ""
    return _clean(", ".join(_leaves(detail)))


def _without_json(content: bytes) -> str:
    """Return what a body says: the values in a JSON object, else its text, if it is one."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return ", ".join(_leaves(body))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return ""


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    """Yield the parts of a JSON value as `name value`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, "" if key in _SPEAKING else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value not in ("", None):
        yield f"{name} {value}" if name else str(value)


def _foreign_text(status: int, content: bytes, content_type: str) -> str:
    """Describe a body that is not the spec's: its text, if it is short and plain, or what the status means."""
    name = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown status"
    is_page = "html" in content_type or content.lstrip()[:1] == b"<"
    plain = "" if is_page else _clean(_without_json(content))
    return f"{name}: {plain} ({status})" if plain else f"{name} ({status})"


def _clean(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
