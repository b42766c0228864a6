"""The rules of the client that need no network: challenges, proxies, redirects, errors, pauses."""

from itertools import pairwise

import pytest

from image_assets.oci import Limits, endpoint
from image_assets.oci.challenge import Challenge, parse_challenges
from image_assets.oci.faults import ExchangeError, Fault, fault_of, parse_refusal, redacted
from image_assets.oci.retries import PAUSES, Retries
from image_assets.oci.scopes import merged
from image_assets.oci.session import seconds_to_wait

CHALLENGES = {
    'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"': [
        ("bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"})
    ],
    'BASIC realm="a \\"quoted\\" one"': [("basic", {"realm": 'a "quoted" one'})],
    "Basic realm=simple": [("basic", {"realm": "simple"})],
    'Basic realm = "spaces" , charset="UTF-8"': [("basic", {"realm": "spaces", "charset": "UTF-8"})],
    "Negotiate": [("negotiate", {})],
    "Negotiate a87421000492aa874209af8bc028==, Basic realm=x": [("negotiate", {}), ("basic", {"realm": "x"})],
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"': [
        ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
        ("basic", {"realm": "simple"}),
    ],
    "Negotiate, Basic realm=x": [("negotiate", {}), ("basic", {"realm": "x"})],
    ', , Basic realm="x", ,': [("basic", {"realm": "x"})],
    'Bearer realm="first",realm="second"': [("bearer", {"realm": "first"})],
    'Bearer realm="unfinished': [("bearer", {}), ("realm", {})][:1],
    "": [],
    '"': [],
}


@pytest.mark.parametrize(("header", "expected"), CHALLENGES.items())
def test_a_challenge_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """RFC 9110, section 11.6.1; the fifth-last is its own example."""
    assert list(parse_challenges([header])) == [Challenge(*row) for row in expected]


def test_challenges_in_several_headers_are_one_list() -> None:
    assert [item.scheme for item in parse_challenges(["Basic realm=a", 'Bearer realm="b"'])] == ["basic", "bearer"]


def test_a_long_challenge_is_read_in_linear_time() -> None:
    for hostile in ("a " * 50_000, "a=" * 50_000, '"\\' * 50_000, " ," * 50_000, "Bearer " + 'a="\\' * 30_000):
        parse_challenges([hostile])


NO_PROXY = [
    ("registry.example.com", "example.com", True),
    ("example.com", "example.com", True),
    ("example.com", ".example.com", False),
    ("registry.example.com", ".example.com", True),
    ("registry.example.com", "*.example.com", True),
    ("notexample.com", "example.com", False),
    ("registry.example.com", "other.com, REGISTRY.example.com ", True),
    ("registry.example.com:5000", "registry.example.com:5000", True),
    ("registry.example.com:5000", "registry.example.com:443", False),
    ("10.1.2.3", "10.0.0.0/8", True),
    ("11.1.2.3", "10.0.0.0/8", False),
    ("10.1.2.3:5000", "10.1.2.3", True),
    ("[fd00::1]:5000", "fd00::/8", True),
    ("10.1.2.3", "fd00::/8", False),
    ("registry.example.com", "*", True),
    ("registry.example.com", "", False),
]


@pytest.mark.parametrize(("host", "rules", "direct"), NO_PROXY)
def test_no_proxy_is_read_as_go_reads_it(host: str, rules: str, *, direct: bool) -> None:
    """golang.org/x/net/http/httpproxy, "Config.NoProxy"."""
    environ = {"HTTPS_PROXY": "proxy:3128", "no_proxy": rules}
    assert endpoint.proxy_for(f"https://{host}/v2/", environ) == (None if direct else "http://proxy:3128")


def test_each_scheme_has_its_proxy() -> None:
    environ = {"https_proxy": "http://one:1", "HTTP_PROXY": "http://two:2"}
    assert endpoint.proxy_for("https://a.example/", environ) == "http://one:1"
    assert endpoint.proxy_for("http://a.example/", environ) == "http://two:2"
    assert endpoint.proxy_for("https://a.example/", {}) is None
    assert endpoint.proxy_for("https://a.example/", {"ALL_PROXY": "http://three:3"}) == "http://three:3"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:5000", "[::1]:5000", "k3d.localhost:5000"]
)
def test_this_machine_is_known(host: str) -> None:
    assert endpoint.is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.com", "128.0.0.1", "notlocalhost", "10.0.0.1:5000", "[::2]", ""])
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not endpoint.is_loopback(host)


LOCATIONS = [
    (
        "https://r.io/v2/a/blobs/uploads/",
        "/v2/a/blobs/uploads/1?_state=x",
        "https://r.io/v2/a/blobs/uploads/1?_state=x",
    ),
    ("https://r.io/v2/a/blobs/uploads/", "1", "https://r.io/v2/a/blobs/uploads/1"),
    ("https://r.io/v2/", "https://s3.io/x?sig=1", "https://s3.io/x?sig=1"),
    ("https://r.io/v2/", "//s3.io/x", "https://s3.io/x"),
    ("https://r.io/v2/", "http://r.io/x", "https://r.io/x"),
    ("https://r.io:8443/v2/", "http://r.io/x", "https://r.io:8443/x"),
    ("https://r.io/v2/", "http://r.io:5000/x", "http://r.io:5000/x"),
    ("http://r.io/v2/", "https://r.io/x", "https://r.io/x"),
]


@pytest.mark.parametrize(("base", "location", "expected"), LOCATIONS)
def test_a_location_may_be_relative_and_never_loses_tls(base: str, location: str, expected: str) -> None:
    """RFC 9110, section 10.2.2."""
    assert endpoint.resolve(base, location) == expected


REFUSALS = [
    (b'{"errors":[{"code":"DENIED","message":"no"}]}', "", ("DENIED",), "no (DENIED), HTTP 503"),
    (b'{"errors":[{"code":"A","message":"x"},{"code":"B"}]}', "", ("A", "B"), "x (A); B, HTTP 503"),
    (
        b'{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Err":28}}]}',
        "",
        ("UNKNOWN",),
        "Err 28 (UNKNOWN), HTTP 503",
    ),
    (b'{"errors":[{"code":"X","message":"m","detail":"where"}]}', "", ("X",), "m: where (X), HTTP 503"),
    (
        b'{"errors":[{"code":"UNAUTHORIZED","message":"m","detail":[{"Type":"repository","Name":"app"}]}]}',
        "",
        ("UNAUTHORIZED",),
        "m (UNAUTHORIZED), HTTP 503",
    ),
    (b'{"errors":[]}', "", (), "Service Unavailable (503)"),
    (b'{"errors":"x"}', "", (), "Service Unavailable: x (503)"),
    (b'{"error":{"code":7,"message":"no"}}', "", (), "Service Unavailable: code 7, no (503)"),
    (b"<html>busy</html>", "text/html", (), "Service Unavailable (503)"),
    (b"try\r\n later\x1b[31m", "text/plain", (), "Service Unavailable: try later (503)"),
    (b"", "", (), "Service Unavailable (503)"),
    (b"\xff\xfe", "", (), "Service Unavailable (503)"),
    (b"[" * 60_000, "", (), None),
]


@pytest.mark.parametrize(("body", "kind", "codes", "text"), REFUSALS)
def test_what_a_registry_says_is_shown_on_one_line(
    body: bytes, kind: str, codes: tuple[str, ...], text: str | None
) -> None:
    """'Error Codes': `errors` with `code`, `message`, `detail`; anything else is shown as far as it is text."""
    refusal = parse_refusal(503, body, kind)
    assert refusal.codes == codes
    assert text is None or refusal.text == text
    assert len(refusal.text) < 1100


KINDS = [
    (429, (), Fault.BUSY),
    (503, (), Fault.BUSY),
    (500, ("UNKNOWN",), Fault.BUSY),
    (403, ("TOOMANYREQUESTS",), Fault.BUSY),
    (401, ("UNAUTHORIZED",), Fault.FINAL),
    (404, (), Fault.FINAL),
    (400, ("MANIFEST_INVALID",), Fault.FINAL),
    (501, (), Fault.FINAL),
]


@pytest.mark.parametrize(("status", "codes", "fault"), KINDS)
def test_a_table_says_what_may_pass(status: int, codes: tuple[str, ...], fault: Fault) -> None:
    assert fault_of(status, codes) is fault


def test_a_url_is_shown_without_user_and_query() -> None:
    assert redacted("https://me:secret@r.io:5000/v2/a?sig=secret#secret") == "https://r.io:5000/v2/a?..."


def failure(fault: Fault, retry_after: float | None = None) -> ExchangeError:
    return ExchangeError("it failed", method="GET", url="https://r.io/", fault=fault, retry_after=retry_after)


@pytest.mark.parametrize("fault", Fault)
def test_every_kind_of_failure_has_its_number_of_repetitions(fault: Fault) -> None:
    retries = Retries(Limits(retrying=1e9))
    pauses = []
    while (pause := retries.pause_after(failure(fault))) is not None:
        pauses.append(pause)
    assert len(pauses) == len(PAUSES.get(fault, ()))
    assert all(later > earlier for earlier, later in pairwise(pauses))


def test_nobody_listening_is_known_in_five_seconds() -> None:
    assert sum(PAUSES[Fault.REFUSED]) * 1.2 < 4


def test_time_ends_patience() -> None:
    now = 0.0
    retries = Retries(Limits(retrying=10), clock=lambda: now)
    assert retries.pause_after(failure(Fault.BUSY)) is not None
    now = 9.9
    assert retries.pause_after(failure(Fault.BUSY)) is None


def test_a_retry_after_lengthens_the_pause_within_the_budget() -> None:
    retries = Retries(Limits(retrying=10))
    assert retries.pause_after(failure(Fault.BUSY, 5.0)) == 5.0
    assert retries.pause_after(failure(Fault.BUSY, 11.0)) is None


RETRY_AFTER = [
    (None, None),
    ("7", 7.0),
    ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
    ("Thu, 01 Jan 2015 00:00:10 GMT", 10.0),
    ("soon", None),
    ("", None),
    ("-5", None),
    ("9" * 400, float("inf")),
]


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """RFC 9110, section 10.2.3."""
    assert seconds_to_wait(value, now=lambda: 1420070400.0) == seconds


def test_scopes_on_one_repository_become_one() -> None:
    scopes = ["repository:a:push,pull", "repository:b:pull", "repository:a:delete", "garbage", ""]
    assert merged(scopes) == ("repository:a:delete,pull,push", "repository:b:pull")
