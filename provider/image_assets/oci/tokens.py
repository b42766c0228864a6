"""Bearer tokens: asked for at the realm that a challenge names (distribution spec, "Token Authentication").

With a password, or without a credential, the token is asked for by GET (token spec, "Requesting a Token"); with an
identity token by an OAuth2 POST (token spec, "OAuth2 Token Authentication").
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from image_assets.frozen import dataclass
from image_assets.oci import endpoint
from image_assets.oci.challenge import Challenge
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault, refused
from image_assets.oci.keychain import Credential
from image_assets.once import SingleFlight
from image_assets.task import Task

_CLIENT = "pulumi-image-assets"
# The token spec: where the answer does not say it, a token lives for a minute.
_DEFAULT_LIFE = 60.0
_SHARE_OF_LIFE = 0.8
_LONGEST_TOKEN = 64 * 2**10
_GOOD = frozenset({200, 201, 202, 203})
# What servers answer that take a refresh token only as a password, by GET (containerd, `docker/auth` and `authorizer`).
_ABOUT_TOKEN = frozenset({400, 401})
_KNOWS_NO_POST = _ABOUT_TOKEN | {403, 404, 405, 501}


@dataclass(frozen=True)
class TokenRequest:
    """What decides on a token: equal requests share one.

    Attributes:
        realm: The URL that gives tokens.
        service: The registry's name there; may be empty.
        scopes: What the token is for.
        credential: Who asks; None for a token that anybody gets.
    """

    realm: str
    service: str
    scopes: tuple[str, ...]
    credential: Credential | None

    @classmethod
    def of(cls, challenge: Challenge, scopes: tuple[str, ...], credential: Credential | None) -> "TokenRequest":
        """Read the challenge's parameters."""
        parameters = challenge.parameters
        return cls(parameters.get("realm", ""), parameters.get("service", ""), scopes, credential)


@dataclass(frozen=True)
class _Token:
    text: str
    good_until: float


class Tokens:
    """The tokens of one client, kept until shortly before they expire; safe to use from many threads."""

    def __init__(
        self, send: Callable[[Request], Answer], task: Task, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._task = task
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[TokenRequest, _Token] = {}
        self._flights: SingleFlight[_Token] = SingleFlight()

    def get(self, wanted: TokenRequest) -> str:
        """Return a token that is still good, a new one if need be.

        Raises:
            ExchangeError: The token server refused or could not be reached.
        """
        with self._lock:
            kept = self._kept.get(wanted)
        if kept and self._clock() < kept.good_until:
            return kept.text
        return self._flights.run(wanted, lambda: self._fetch(wanted), self._task).text

    def drop(self, wanted: TokenRequest, text: str) -> None:
        """Forget a token that the registry refused, unless another thread has replaced it."""
        with self._lock:
            if (kept := self._kept.get(wanted)) and kept.text == text:
                del self._kept[wanted]

    def any_by(self, credential: Credential) -> bool:
        """Say whether a token is kept that was given for a credential, which then was no wrong one."""
        with self._lock:
            return any(request.credential == credential for request in self._kept)

    def _fetch(self, wanted: TokenRequest) -> _Token:
        asked_at = self._clock()
        request = token_request(wanted)
        answer = self._send(request)
        if request.method == "POST" and answer.status in _KNOWS_NO_POST:
            by_password = token_request(_with_token_as_password(wanted))
            second = self._send(by_password)
            # Of two refusals, the first says more if it was about the token.
            if second.status in _GOOD or answer.status not in _ABOUT_TOKEN:
                request, answer = by_password, second
        if answer.status not in _GOOD:
            raise _refusal(request, answer)
        token = _read(request, answer, asked_at)
        with self._lock:
            self._kept[wanted] = token
        return token


def token_request(wanted: TokenRequest) -> Request:
    """Return the HTTP request for a token; it holds the credential, so it is not for logs."""
    credential = wanted.credential
    if credential and credential.identity_token:
        return _oauth_request(wanted, credential.identity_token)
    query = [("service", wanted.service)] if wanted.service else []
    query += [("scope", scope) for scope in wanted.scopes]
    if credential:
        query.append(("account", credential.username))
    joint = "&" if urlsplit(wanted.realm).query else "?"
    url = f"{wanted.realm}{joint}{urlencode(query)}" if query else wanted.realm
    return Request("GET", url, headers=basic(credential) if credential else {}, expect=_GOOD)


def basic(credential: Credential) -> Mapping[str, str]:
    """Return the header of RFC 7617."""
    pair = f"{credential.username}:{credential.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def usable_realm(realm: str, registry_url: str, insecure: Container[str] = frozenset()) -> bool:
    """Say whether a credential may be sent there.

    That is over TLS, unless the registry itself is without it, or the host is this machine or among the insecure ones.
    """
    parts = urlsplit(realm)
    if parts.scheme == "https" and parts.hostname:
        return True
    host = parts.netloc.rpartition("@")[2]
    plain = urlsplit(registry_url).scheme == "http" or endpoint.is_loopback(host) or host in insecure
    return parts.scheme == "http" and bool(parts.hostname) and plain


def _with_token_as_password(wanted: TokenRequest) -> TokenRequest:
    credential = wanted.credential
    if credential is None:
        return wanted
    return replace(wanted, credential=Credential(credential.username, credential.identity_token))


def _oauth_request(wanted: TokenRequest, refresh_token: str) -> Request:
    form = {
        "grant_type": "refresh_token",
        "service": wanted.service,
        "client_id": _CLIENT,
        "scope": " ".join(wanted.scopes),
        "refresh_token": refresh_token,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request(
        "POST", wanted.realm, headers=headers, body=urlencode(form).encode(), expect=_GOOD, confidential=True
    )


def _read(request: Request, answer: Answer, asked_at: float) -> _Token:
    """Read the answer of the token server (token spec, "Token Response Fields")."""
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    text = (body.get("token") or body.get("access_token")) if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or len(text) > _LONGEST_TOKEN:
        reason = f"the answer holds no token; {ODD_ANSWER}"
        raise ExchangeError(reason, method=request.method, url=request.url, fault=Fault.FINAL)
    return _Token(text, asked_at + _life(body) * _SHARE_OF_LIFE)


def _life(body: Mapping[str, Any]) -> float:
    life = body.get("expires_in")
    return float(life) if isinstance(life, int | float) and life > 0 else _DEFAULT_LIFE


def _refusal(request: Request, answer: Answer) -> ExchangeError:
    return refused(
        request.method,
        request.url,
        answer.status,
        _oauth_error(answer.content),
        content_type=answer.headers.get("content-type", ""),
    )


def _oauth_error(content: bytes) -> bytes:
    """Return the words of an OAuth2 error (RFC 6749, section 5.2), or the body as it is."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return content
    words = (
        body.get("error_description") or body.get("details") or body.get("error") if isinstance(body, dict) else None
    )
    return words.encode() if isinstance(words, str) else content
