"""Asking one registry: finds out how it is reached, signs in, follows redirects, tries again where that may help."""

import copy
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from image_assets import reference
from image_assets.oci import endpoint
from image_assets.oci.auth import ABOUT_IDENTITY, Access, Authorizer, Signature, challenge_of
from image_assets.oci.exchange import Answer, Request
from image_assets.oci.faults import ODD_ANSWER, TEMPORARY_STATUSES, ExchangeError, Fault, parse_refusal, refused
from image_assets.oci.judging import HINT, check_support
from image_assets.oci.keychain import Keychain
from image_assets.oci.limits import Limits
from image_assets.oci.retries import Retries
from image_assets.once import SingleFlight
from image_assets.task import Task

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD: Final = frozenset({307, 308})
_SAFE: Final = frozenset({"GET", "HEAD"})
_MOST_REDIRECTS: Final = 5
_MOST_SIGNATURES: Final = 4
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_ABOUT_TOKENS: Final = frozenset({"DENIED", "UNAUTHORIZED", "UNKNOWN"})
_FINAL: Final = frozenset({Fault.TLS, Fault.FINAL})


@dataclass
class _Reached:
    """How the registry is reached, once that is known."""

    by: endpoint.Candidate | None = None


def _as_it_is(error: ExchangeError) -> ExchangeError:
    return error


class Session:
    """Exchanges with one registry; safe to use from many threads.

    Attributes:
        task: Hears of every exchange, and ends them when the user cancels.
        limits: The bounds of every exchange.
    """

    def __init__(  # noqa: PLR0913 - what a registry's session is made of
        self,
        registry: str,
        keychain: Keychain,
        task: Task,
        *,
        insecure: Container[str],
        environ: Mapping[str, str],
        limits: Limits,
    ) -> None:
        from image_assets.oci.transport import Transport  # noqa: PLC0415 - urllib3 is slow to load; start-up must not wait

        self.task = task
        self.limits = limits
        self._registry = registry
        self._host = reference.api_host(registry)
        self._insecure = insecure
        self._is_insecure = registry in insecure
        self._transport = Transport(environ, limits, task)
        self._authorizer = Authorizer(registry, keychain, self._follow, task, insecure)
        self._ping: SingleFlight[endpoint.Candidate] = SingleFlight()
        self._reached = _Reached()

    def of(self, task: Task) -> "Session":
        """Return the same session with the registry, its connections and logins, on behalf of another task."""
        other = copy.copy(self)
        other.task = task
        return other

    @property
    def _candidate(self) -> endpoint.Candidate | None:
        return self._reached.by

    def url(self, path: str) -> str:
        """Return the full URL of a path below `/v2/`; the first call finds out how the registry is reached.

        Raises:
            ExchangeError: The registry cannot be reached.
        """
        candidate = self._candidate or self._ping.run("", self._find_candidate, self.task)
        return f"{_base(candidate, self._host)}{path}"

    def ask(
        self, build: Callable[[], Request], access: Access, seen: Callable[[ExchangeError], ExchangeError] = _as_it_is
    ) -> Answer:
        """Exchange until it succeeds or no retry is left.

        Args:
            build: Called for each try.
            access: What the request needs to be let in.
            seen: Says of what kind an error is to whoever asks.

        Raises:
            RegistryError: The registry refused, or did not answer in time.
            CancelledByUserError: The user cancelled meanwhile.
        """
        retries = Retries(self.limits)
        while True:
            try:
                return self.once(build(), access)
            except ExchangeError as error:
                self.wait_after(seen(error), retries)

    def wait_after(self, error: ExchangeError, retries: Retries) -> None:
        """Wait until it is time to try again.

        Raises:
            ExchangeError: The error itself, if it is not to be tried again.
        """
        pause = retries.pause_after(error)
        if pause is None:
            raise retries.final(error) from error
        self.task.debug(f"{error}; trying again in {pause:.1f} s")
        self.task.sleep(pause)

    def once(self, request: Request, access: Access) -> Answer:
        """Exchange once; a refused token or scope is asked for anew, which does not count as a failure.

        Raises:
            ExchangeError: Any failure, and any answer that was not expected.
        """
        signature = self._sign(request, access)
        answer = self._follow(_signed(request, signature))
        for _ in range(_MOST_SIGNATURES):
            if not (self._is_registry(answer.url) and needs_new_signature(answer, signature)):
                break
            before = signature
            self._authorizer.refused(access, before, answer)
            signature = self._sign(request, access)
            if signature.header == before.header:
                break
            answer = self._follow(_signed(request, signature))
            # Only a 401 asks for a signature; any other status was tried as one, once.
            if answer.status != _UNAUTHORIZED:
                break
        return self._checked(request, answer, signature)

    def _sign(self, request: Request, access: Access) -> Signature:
        """Sign what goes to the registry itself; the hosts that it points at get nothing."""
        return self._authorizer.sign(access, request.url) if self._is_registry(request.url) else Signature()

    def _follow(self, request: Request) -> Answer:
        """Send, and follow redirects; another host never sees who we are."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._send(request)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target = endpoint.resolve(request.url, location)
            if request.confidential and not endpoint.is_same_host(request.url, target):
                raise _leading_away(request, target)
            request = _redirected(request, target, answer.status)
        raise too_many_redirects(request)

    def _send(self, request: Request) -> Answer:
        began = time.monotonic()
        answer = self._transport.send(request, verify=self._must_verify(request.url))
        url = request.url.partition("?")[0]
        self.task.debug(f"{request.method} {url}: {answer.status}, {time.monotonic() - began:.2f} s")
        return answer

    def _must_verify(self, url: str) -> bool:
        """Say whether the certificate there must be known."""
        if self._candidate is not None and self._is_registry(url):
            return self._candidate.verify
        return urlsplit(url).netloc not in self._insecure

    def _is_registry(self, url: str) -> bool:
        """Say whether the URL is the registry's own, not one of the other hosts that it points at."""
        return self._candidate is not None and endpoint.origin(url) == endpoint.origin(
            _base(self._candidate, self._host)
        )

    def confirm(self) -> None:
        """Make sure that the registry still answers as one.

        Raises:
            ExchangeError: It does not.
        """
        if self._candidate:
            self._check_support(self._candidate, self._ask_version(self._candidate))

    def _check_support(self, candidate: endpoint.Candidate, answer: Answer) -> None:
        """Make sure that `/v2/` answered as a registry does, and learn how it wants us to sign in.

        Where it was sent on to another host, that one's way counts for nothing: its token server would get the login.

        Raises:
            ExchangeError: It is somebody else's answer.
        """
        is_own = endpoint.origin(answer.url) == endpoint.origin(_base(candidate, self._host))
        check_support(answer, self._authorizer.take_challenge(answer) if is_own else challenge_of(answer))

    def _find_candidate(self) -> endpoint.Candidate:
        """Ask for `/v2/` by each scheme allowed, and keep the one that answers (spec, "Determining Support")."""
        errors: list[ExchangeError] = []
        *others, last = endpoint.candidates(self._host, insecure=self._is_insecure)
        for candidate in (*others, last):
            try:
                answer = self._ask_version(candidate)
            except ExchangeError as error:
                errors.append(error)
                continue
            if candidate is last or not self._wants_other_scheme(answer):
                self._check_support(candidate, answer)
                self._reached.by = candidate
                return candidate
        # A failure that may pass says more than that plain HTTP was no TLS, or the other way round.
        raise next((error for error in errors if error.fault not in _FINAL), errors[0])

    def _ask_version(self, candidate: endpoint.Candidate) -> Answer:
        """Ask for `/v2/` without a signature; redirects are followed, but not to another scheme of the same host."""
        request = Request("GET", _base(candidate, self._host))
        for _ in range(_MOST_REDIRECTS + 1):
            own = endpoint.host_name(urlsplit(request.url).netloc) == endpoint.host_name(self._host)
            answer = self._transport.send(request, verify=candidate.verify or not own)
            if answer.status in TEMPORARY_STATUSES:
                raise _refused(request, answer)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location or self._wants_other_scheme(answer):
                return answer
            request = _redirected(request, endpoint.resolve(request.url, location), answer.status)
        raise too_many_redirects(request)

    def _wants_other_scheme(self, answer: Answer) -> bool:
        """Say whether a server that was spoken to by the wrong scheme answers: Go's says 400, others redirect."""
        if answer.status == _BAD_REQUEST:
            return True
        target = urlsplit(endpoint.resolve(answer.url, answer.headers.get("location", "")))
        same_host = target.hostname == endpoint.host_name(self._host)
        return answer.status in _REDIRECTS and same_host and target.scheme != urlsplit(answer.url).scheme

    def _checked(self, request: Request, answer: Answer, signature: Signature) -> Answer:
        """Return a wanted answer.

        Raises:
            ExchangeError: The answer was another.
        """
        if answer.status in request.expect:
            return answer
        error = _refused(request, answer)
        remark = self._about_identity(answer, signature) if answer.status in ABOUT_IDENTITY else ""
        raise error.because(remark) if remark else error

    def _about_identity(self, answer: Answer, signature: Signature) -> str:
        """Say whose login was refused, or that none was shown."""
        if self._is_registry(answer.url):
            return self._authorizer.explain(signature, answer.status)
        host = urlsplit(answer.url).netloc.rpartition("@")[2]
        return f"{self._registry} leads on to {host}, which is shown no login: {HINT}"


def too_many_redirects(request: Request) -> ExchangeError:
    """Return the error of a request that is sent on and on."""
    reason = f"more than {_MOST_REDIRECTS} redirects; {ODD_ANSWER}"
    return ExchangeError(reason, method=request.method, url=request.url, fault=Fault.FINAL)


def needs_new_signature(answer: Answer, used: Signature) -> bool:
    """Say whether an answer refuses the signature: 401, or other statuses by which registries say "expired".

    ECR Public answers 400 to an expired token, ECR 403 ("Your authorization token has expired"); neither with a
    challenge. What names another reason in the spec's codes is not about the signature.
    """
    if answer.status == _UNAUTHORIZED:
        return True
    if used.header is None or answer.status not in {_BAD_REQUEST, _FORBIDDEN}:
        return False
    if b"expired" in answer.content.lower():
        return True
    codes = parse_refusal(answer.status, answer.content).codes
    return answer.status == _BAD_REQUEST and used.token is not None and _ABOUT_TOKENS.issuperset(codes)


def _base(candidate: endpoint.Candidate, host: str) -> str:
    return f"{candidate.scheme}://{host}/v2/"


def _signed(request: Request, signature: Signature) -> Request:
    if signature.header is None:
        return request
    return replace(request, headers={**request.headers, "Authorization": signature.header})


def _redirected(request: Request, target: str, status: int) -> Request:
    """Return the request for the place that a redirect names (RFC 9110, section 15.4).

    Another host sees what is sent only if the status says so (307, 308): the rest is how one is sent to log in.
    """
    if endpoint.origin(request.url) == endpoint.origin(target):
        return replace(request, url=target)
    headers = _without_identity(request.headers)
    if status in _SAME_METHOD or request.method in _SAFE:
        return replace(request, url=target, headers=headers)
    return replace(request, method="GET", url=target, headers=headers, body=None)


def _leading_away(request: Request, target: str) -> ExchangeError:
    host = urlsplit(target).netloc.rpartition("@")[2]
    return ExchangeError(
        f"the answer leads on to {host}, and a refresh token is for nobody but the server that gave it",
        method=request.method,
        url=request.url,
        fault=Fault.FINAL,
    )


def _without_identity(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in {"authorization", "cookie"}}


def _refused(request: Request, answer: Answer) -> ExchangeError:
    return refused(
        request.method,
        request.url,
        answer.status,
        answer.content,
        content_type=answer.headers.get("content-type", ""),
        retry_after=seconds_to_wait(answer.headers.get("retry-after")),
    )


def seconds_to_wait(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    import email.utils  # noqa: PLC0415 - it loads much, and few registries write a date

    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, OverflowError):
        return None
