"""Signing in: which header a request to the registry carries, and what a refusal changes about it."""

import threading
from collections.abc import Callable, Container, Sequence
from dataclasses import field, replace

from image_assets.frozen import dataclass
from image_assets.oci.challenge import Challenge, parse_challenges
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ExchangeError, Fault
from image_assets.oci.keychain import Credential, Keychain
from image_assets.oci.scopes import DELETE, PULL, PUSH, merged, scope
from image_assets.oci.tokens import TokenRequest, Tokens, basic, usable_realm
from image_assets.once import SingleFlight
from image_assets.task import Task

# Of several offers the first of these is taken: a token tells a registry less than a password does.
_PREFERENCE = ("bearer", "basic")
_UNAUTHORIZED = 401
ABOUT_IDENTITY = frozenset({_UNAUTHORIZED, 403})
_SCOPE_REFUSED = ABOUT_IDENTITY | {400}


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
        """Writing, and reading what is there before: some registries make a repository when this is asked for."""
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
        asked: Whether the registry asked for a login, so that one was looked for.
        token: What the token was asked for with, if it is one.
        credential: Who signs, if anybody.
        failure: Why there is no token: then the registry's own challenge is to say which scope it wants.
    """

    header: str | None = field(default=None, repr=False)
    asked: bool = False
    token: TokenRequest | None = None
    credential: Credential | None = None
    failure: ExchangeError | None = None


class Authorizer:
    """Signs requests to one registry; safe to use from many threads."""

    def __init__(
        self,
        registry: str,
        keychain: Keychain,
        send: Callable[[Request], Answer],
        task: Task,
        insecure: Container[str] = frozenset(),
    ) -> None:
        self._registry = registry
        self._insecure = insecure
        self._keychain = keychain
        self._task = task
        self._tokens = Tokens(send, task)
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._credentials: dict[str, Credential | None] = {}
        self._asking: SingleFlight[Credential | None] = SingleFlight()
        # What is asked for beside our own scopes, and what is asked for in their place, because challenges named it.
        self._widened: dict[Access, tuple[str, ...]] = {}
        self._named: dict[Access, tuple[str, ...]] = {}

    def take_challenge(self, answer: Answer) -> Challenge | None:
        """Take the registry's way of signing in from an answer of its own, and return it if it is understood."""
        if chosen := challenge_of(answer):
            with self._lock:
                self._challenge = chosen
        return chosen

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
            return Signature(f"Bearer {credential.registry_token}", asked=True, credential=credential)
        if challenge.scheme == "basic":
            header = basic(credential)["Authorization"] if credential else None
            return Signature(header, asked=True, credential=credential)
        try:
            return self._bearer(challenge, access, credential, url)
        except ExchangeError as error:
            if error.status not in _SCOPE_REFUSED:
                raise
            return self._after_refusal(challenge, access, credential, url, error)

    def _after_refusal(
        self, challenge: Challenge, access: Access, credential: Credential | None, url: str, error: ExchangeError
    ) -> Signature:
        """Find out what the token server did not like: who asks, or what for."""
        # Some registries' passwords live for an hour only: the keychain may have a newer one.
        if error.status in ABOUT_IDENTITY:
            self._forget(access.repository, credential)
        newer = self._credential(access.repository)
        if newer != credential:
            return self._bearer(challenge, access, newer, url)
        used = Signature(credential=credential, asked=True)
        explained = error.because(self.explain(used, error.status)) if error.status in ABOUT_IDENTITY else error
        # A login that has got a token is none that is wrong.
        doubted = credential is not None and not self._tokens.any_by(credential)
        wrong_password = error.status == _UNAUTHORIZED and doubted
        if wrong_password or access in self._named:
            raise explained from error
        # Token servers refuse actions that they do not know or do not give: the request's own challenge names others.
        return replace(used, failure=explained)

    def _bearer(self, challenge: Challenge, access: Access, credential: Credential | None, url: str) -> Signature:
        wanted = TokenRequest.of(challenge, merged(self._scopes(access)), credential)
        if wanted.credential and not usable_realm(wanted.realm, url, self._insecure):
            raise _unsafe(wanted.realm)
        return Signature(f"Bearer {self._tokens.get(wanted)}", asked=True, token=wanted, credential=credential)

    def _scopes(self, access: Access) -> tuple[str, ...]:
        return self._named.get(access) or self._widened.get(access) or access.scopes

    def refused(self, access: Access, used: Signature, answer: Answer) -> None:
        """Learn from a refusal: token or password may have expired, or other scopes are wanted than we thought.

        Raises:
            ExchangeError: There was no token, and the registry does not say for which scope it would take one.
        """
        challenge = self.take_challenge(answer)
        asked = challenge.parameters.get("scope", "").split() if challenge else []
        if used.failure:
            if not asked:
                raise used.failure
            with self._lock:
                self._named[access] = merged(asked)
            return
        if used.token and used.header:
            self._tokens.drop(used.token, used.header.removeprefix("Bearer "))
        if not (used.token and used.credential):
            self._forget(access.repository, used.credential)
        if asked and access not in self._named:
            with self._lock:
                self._widened[access] = merged((*access.scopes, *asked))

    def explain(self, used: Signature, status: int | None) -> str:
        """Say as whom a refused request was made, and what can be done: the usual question after a 401 or 403."""
        if not used.asked:
            return "it names no way to log in that is known here (Basic, Bearer)" if status == _UNAUTHORIZED else ""
        looked_at, remedy = self._keychain.advice(self._registry)
        if used.credential is None:
            said = f"no credentials were found for {self._registry}{looked_at and f' in {looked_at}'}"
            return f"{said}: {remedy}" if remedy else said
        name, source = used.credential.username, used.credential.source
        whose = f'for "{name}" at {self._registry}' if name else f"for {self._registry}"
        said = f"the credentials {whose} were used{source and f', from {source}'}"
        return f"{said}; for others, {remedy}" if remedy else said

    def _forget(self, repository: str, refused: Credential | None) -> None:
        with self._lock:
            self._credentials.pop(repository, None)
        if refused:
            self._keychain.forget(self._registry, refused)

    def _credential(self, repository: str) -> Credential | None:
        """Return the repository's credential; a keychain may run programs, so it is asked once."""
        if repository in self._credentials:
            return self._credentials.get(repository)
        found = self._asking.run(repository, lambda: self._keychain.resolve(self._registry, repository), self._task)
        self._credentials[repository] = found
        return found


def challenge_of(answer: Answer) -> Challenge | None:
    """Return the way of signing in that an answer offers, if one is understood."""
    return choose(parse_challenges(answer.challenges))


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the offer to take, or None if none is understood."""
    usable = [item for item in challenges if item.scheme != "bearer" or item.parameters.get("realm")]
    return next((item for scheme in _PREFERENCE for item in usable if item.scheme == scheme), None)


def _unsafe(realm: str) -> ExchangeError:
    return ExchangeError(
        f'the registry wants the password sent to "{realm}", which is not encrypted; '
        "if that host is to be trusted, name it in `insecureRegistries` too",
        method="GET",
        url=realm,
        fault=Fault.FINAL,
    )
