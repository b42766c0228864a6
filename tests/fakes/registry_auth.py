"""How the strict registry lets clients in: not at all choosy, by password, or by tokens that it gives itself."""

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.fakes.registry_store import NAME, Call, RefusedError, Reply

_ACTIONS = {"GET": frozenset({"pull"}), "HEAD": frozenset({"pull"})}
_WRITING = frozenset({"pull", "push"})
_PATH = re.compile(rf"/v2/({NAME})/(?:blobs|manifests|tags)/")


@dataclass
class Token:
    """A token that was given."""

    scopes: Mapping[str, set[str]]
    ends: float
    uses: int | None


@dataclass
class Auth:
    """Who may do what.

    Attributes:
        kind: `none`, `basic` or `bearer`.
        users: Passwords by user.
        identity_tokens: Refresh tokens that are good.
        realm: Where tokens are given; empty for the registry itself.
        life: Seconds that a token lives.
        says: Seconds that a token is said to live; None for the truth.
        uses: Requests that a token is good for, or None.
        readers: Users who may only pull; `""` stands for those without a credential.
        challenge: Another header than the right one.
        made_by_push: Whether a repository is there only once somebody got a token for pushing to it (Quay).
        refused_actions: What the token server answers to a scope with an action, by action.
        delete_needs: What a token must be good for where something is deleted.
        expired: Status, code and message for a token that is no longer good; without, a challenge.
    """

    kind: str = "none"
    users: Mapping[str, str] = field(default_factory=lambda: {"robot": "secret"})
    identity_tokens: frozenset[str] = frozenset()
    realm: str = ""
    life: float = 300.0
    says: float | None = None
    uses: int | None = None
    readers: frozenset[str] = frozenset()
    challenge: str = ""
    made_by_push: bool = False
    refused_actions: Mapping[str, int] = field(default_factory=dict)
    delete_needs: frozenset[str] = frozenset({"delete"})
    expired: tuple[int, str, str] | None = None
    made: set[str] = field(init=False, default_factory=set)
    tokens: dict[str, Token] = field(init=False, default_factory=dict)

    def check(self, call: Call) -> None:
        """Refuse who may not do this."""
        if self.kind == "none":
            return
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        allowed = {"basic": self._by_password, "bearer": self._by_token}[self.kind]
        if self.expired and scheme.lower() == "bearer" and value not in self.tokens:
            raise RefusedError(*self.expired)
        if scheme.lower() != self.kind or not allowed(call, value):
            raise RefusedError(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=self._challenge(call))

    def token(self, call: Call) -> Reply:
        """Give a token (distribution token spec; OAuth2 for refresh tokens)."""
        if call.method == "POST":
            form = {name: values[0] for name, values in parse_qs(b"".join(call.pieces()).decode()).items()}
            if form.get("grant_type") != "refresh_token" or form.get("refresh_token") not in self.identity_tokens:
                return Reply(
                    401, {}, json.dumps({"error": "invalid_grant", "error_description": "no such token"}).encode()
                )
            return self._give("<token>", form.get("scope", "").split(), "access_token")
        user = self._user(call.headers.get("authorization", ""))
        if user is None:
            raise RefusedError(401, "UNAUTHORIZED", "incorrect username or password")
        return self._give(user, parse_qs(call.headers["x-query"]).get("scope", []), "token")

    def _give(self, user: str, scopes: list[str], name: str) -> Reply:
        granted: dict[str, set[str]] = {}
        for scope in scopes:
            _, path, actions = scope.split(":")
            wanted = set(actions.split(","))
            for action in wanted & self.refused_actions.keys():
                raise RefusedError(self.refused_actions[action], "DENIED", f"no {action} for you")
            self.made |= {path} if "push" in wanted else set()
            granted[path] = wanted & {"pull"} if user in self.readers else wanted
        text = uuid.uuid4().hex
        self.tokens[text] = Token(granted, time.monotonic() + self.life, self.uses)
        return Reply(
            200,
            {"Content-Type": "application/json"},
            json.dumps({name: text, "expires_in": self.says or self.life}).encode(),
        )

    def _user(self, header: str) -> str | None:
        """Return the user; empty for nobody, None for a wrong password."""
        if not header:
            return ""
        user, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
        return user if self.users.get(user) == password else None

    def _by_password(self, call: Call, _value: str) -> bool:
        return bool(self._user(call.headers.get("authorization", "")))

    def _by_token(self, call: Call, value: str) -> bool:
        token = self.tokens.get(value)
        if token is None or time.monotonic() > token.ends or token.uses == 0:
            return False
        if token.uses is not None:
            token.uses -= 1
        match = _PATH.match(call.path)
        if match is None:
            return True
        is_made = not self.made_by_push or match[1] in self.made
        return is_made and self._needed(call) <= token.scopes.get(match[1], set())

    def _needed(self, call: Call) -> frozenset[str]:
        return self.delete_needs if call.method == "DELETE" else _ACTIONS.get(call.method, _WRITING)

    def _challenge(self, call: Call) -> str:
        if self.challenge:
            return self.challenge
        if self.kind == "basic":
            return 'Basic realm="registry"'
        realm = self.realm or f"{call.headers['x-origin']}/token"
        match = _PATH.match(call.path)
        scope = f',scope="repository:{match[1]}:{",".join(sorted(self._needed(call)))}"' if match else ""
        return f'Bearer realm="{realm}",service="fake registry"{scope}'


def basic_header(username: str, password: str) -> str:
    """Return the header that signs in with a password."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
