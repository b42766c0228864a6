"""Signing in: which header a request to the registry carries, and what a refusal changes about it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from image_assets.oci.challenge import Challenge, parse_challenges
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.keychain import Credential, Keychain
from image_assets.oci.scopes import DELETE, PULL, PUSH, merged, scope
from image_assets.oci.single_flight import SingleFlight
from image_assets.oci.tokens import TokenRequest, Tokens, basic, usable_realm
from image_assets.task import Task

# Of several offers the first of these is taken: a token tells a registry less than a password does.
_PREFERENCE = ("bearer", "basic")
ABOUT_IDENTITY = frozenset({401, 403})


@dataclass(frozen=True)
class Access:
    """What a request needs to be let in.

    Attributes:
        repository: The repository's path; empty for the registry as a whole.
        scopes: The scopes that it needs.
    """

    repository: str
    scopes: tuple[str, ...]

    @classmethod
    def pull(cls, repository: str) -> "Access":
        """Reading."""
        return cls(repository, (scope(repository, PULL),))

    @classmethod
    def push(cls, repository: str) -> "Access":
        """Writing."""
        return cls(repository, (scope(repository, PUSH),))

    @classmethod
    def delete(cls, repository: str) -> "Access":
        """Deleting."""
        return cls(repository, (scope(repository, DELETE), scope(repository, PULL)))

    @classmethod
    def mount(cls, repository: str, other: str) -> "Access":
        """Writing what another repository has."""
        return cls(repository, (scope(repository, PUSH), scope(other, PULL)))


@dataclass(frozen=True)
class Signature:
    """What a request is signed with.

    Attributes:
        header: The value of `Authorization`, or None to go without.
        token: What the token was asked for with, if it is one.
        credential: Who signs, if anybody.
    """

    header: str | None = field(default=None, repr=False)
    token: TokenRequest | None = None
    credential: Credential | None = None


class Authorizer:
    """Signs requests to one registry; safe to use from many threads."""

    def __init__(self, registry: str, keychain: Keychain, send: Callable[[Request], Answer], task: Task) -> None:
        self._registry = registry
        self._keychain = keychain
        self._tokens = Tokens(send, task)
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._credentials: dict[str, Credential | None] = {}
        self._asking: SingleFlight[Credential | None] = SingleFlight(task)
        self._widened: dict[Access, tuple[str, ...]] = {}

    def take_challenge(self, answer: Answer) -> None:
        """Take the registry's way of signing in from an answer."""
        if chosen := choose(parse_challenges(answer.challenges)):
            with self._lock:
                self._challenge = chosen

    def sign(self, access: Access, url: str) -> Signature:
        """Return what lets a request in: nothing, a password or a token.

        Raises:
            ExchangeError: The token server refused, or the challenge is not to be trusted.
        """
        challenge = self._challenge
        if challenge is None:
            return Signature()
        credential = self._credential(access.repository)
        if credential and credential.registry_token:
            return Signature(f"Bearer {credential.registry_token}", credential=credential)
        if challenge.scheme == "basic":
            return Signature(basic(credential)["Authorization"] if credential else None, credential=credential)
        try:
            return self._bearer(challenge, access, credential, url)
        except ExchangeError as error:
            if error.status not in ABOUT_IDENTITY:
                raise
            # Some registries' passwords live for an hour only: the keychain may have a newer one.
            self._forget(access.repository, credential)
            newer = self._credential(access.repository)
            if newer == credential:
                raise error.because(explain(Signature(credential=credential), self._registry)) from error
            return self._bearer(challenge, access, newer, url)

    def _bearer(self, challenge: Challenge, access: Access, credential: Credential | None, url: str) -> Signature:
        wanted = TokenRequest.of(challenge, merged(self._widened.get(access, access.scopes)), credential)
        _refuse_unsafe_realm(wanted, url)
        return Signature(f"Bearer {self._tokens.get(wanted)}", wanted, credential)

    def refused(self, access: Access, used: Signature, answer: Answer) -> None:
        """Learn from a refusal: token or password may have expired, or other scopes are wanted than we thought."""
        self.take_challenge(answer)
        self._forget(access.repository, used.credential)
        if used.token and used.header:
            self._tokens.drop(used.token, used.header.removeprefix("Bearer "))
        challenge = self._challenge
        if challenge and (asked := challenge.parameters.get("scope", "")):
            with self._lock:
                self._widened[access] = merged((*access.scopes, *asked.split()))

    def _forget(self, repository: str, refused: Credential | None) -> None:
        with self._lock:
            self._credentials.pop(repository, None)
        if refused:
            self._keychain.forget(self._registry, refused)

    def _credential(self, repository: str) -> Credential | None:
        """Return the repository's credential; a keychain may run programs, so it is asked once."""
        if repository in self._credentials:
            return self._credentials.get(repository)
        found = self._asking.run(repository, lambda: self._keychain.resolve(self._registry, repository))
        self._credentials[repository] = found
        return found


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the offer to take, or None if none is understood."""
    usable = [item for item in challenges if item.scheme != "bearer" or item.parameters.get("realm")]
    return next((item for scheme in _PREFERENCE for item in usable if item.scheme == scheme), None)


def explain(used: Signature, registry: str) -> str:
    """Say as whom the refused request was made: the usual question after a 401 or 403."""
    if used.credential is None:
        return f"no credentials were found for {registry}"
    name = used.credential.username
    return (
        f'the credentials for "{name}" at {registry} were used' if name else f"the credentials for {registry} were used"
    )


def _refuse_unsafe_realm(wanted: TokenRequest, url: str) -> None:
    if wanted.credential and not usable_realm(wanted.realm, url):
        raise ExchangeError(
            f'the registry wants the password sent to "{wanted.realm}", which is not encrypted',
            method="GET",
            url=wanted.realm,
            fault=Fault.FINAL,
        )
