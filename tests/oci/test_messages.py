"""What a user reads of a registry that refuses, fails or answers oddly: one plain line that says what to do."""

import re
import socket
from collections.abc import Callable

import pytest

from image_assets.errors import RegistryError
from image_assets.oci import Limits, NoKeychain, RegistryClient, digest_of
from image_assets.task import Task
from tests.fakes.registry import FakeRegistry, Fault, answer, header, reset, silence, truncate
from tests.oci.conftest import NewClient
from tests.oci.samples import known, push_image

IMPATIENT = Limits(connect=0.3, answer=0.3, commit=0.3, stall=0.3, retrying=0.2, settle=0.2, pace=0.01)
#: What nobody outside of a program should have to read.
INTERNAL = re.compile(
    r"\[Errno|\[SSL|_ssl\.c|[{}\[\]\n\x00-\x1f]|\bNone\b|\bTrue\b|Traceback|Error\(|<[a-z!]|object at 0x|\\n"
)
JSON = b'{"fault": {"detail": {"reason": "quota of team x is used up", "trace": null}}}'
SPEC = b'{"errors": [{"code": "DENIED", "message": "not you", "detail": [{"Type": "repository", "Name": "app"}]}]}'
PAGE = b"<html><body>Sign in</body></html>"
READS: dict[str, tuple[str, Fault, str]] = {
    "refused in the spec's words": ("/manifests/", answer(403, body=SPEC), "not you"),
    "refused without a code": (
        "/manifests/",
        answer(403, body=b'{"errors": [null, {"code": null}]}'),
        "UNKNOWN, HTTP 403",
    ),
    "refused in others": ("/manifests/", answer(403, body=JSON), "quota of team x is used up"),
    "refused by a page": ("/manifests/", answer(403, body=PAGE, Content_Type="text/html"), "Forbidden"),
    "refused without a word": ("/manifests/", answer(403), "Forbidden"),
    "broken": ("/manifests/", answer(500, body=b"\x00\xff\x1b[31m"), "Internal Server Error (500); tried"),
    "busy": (
        "/manifests/",
        answer(429, "TOOMANYREQUESTS", message="slow down", Retry_After="99"),
        "to wait 99 s; run it again later",
    ),
    "coloured": ("/manifests/", answer(503, body=b"\x1b[31mno disk\x1b[0m"), "no disk (503); tried"),
    "unheard of": ("/manifests/", answer(599), "599"),
    "redirected for ever": ("/manifests/", answer(307, Location="/v2/app/manifests/v1"), "fault of the registry"),
    "a page": ("", answer(200, body=PAGE, Content_Type="text/html"), "a sign-in page stands before the registry"),
    "no manifest": ("/manifests/", answer(200, body=b"[1]"), "a sign-in page stands before the registry"),
    "another manifest": ("/manifests/", header("Docker-Content-Digest", digest_of(b"x")), "fault of the registry"),
    "reset": ("", reset(), "HTTPS_PROXY"),
    "silent": ("", silence(), "HTTPS_PROXY"),
    "cut off": ("/manifests/", truncate(3), "HTTPS_PROXY"),
}
WRITES: dict[str, tuple[str, Fault, str]] = {
    "no place": ("/uploads/", answer(202), "no Location, where the upload would go on"),
    "refused": ("/uploads/", answer(403, body=SPEC), "not you"),
    "full": ("/uploads/", answer(507), "run it again later"),
}


def told(attempt: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as caught:
        attempt()
    text = str(caught.value)
    assert INTERNAL.findall(text) == [], text
    assert re.match(r"(GET|HEAD|POST|PUT|PATCH|CONNECT) https?://", text), text
    return text


@pytest.mark.parametrize("case", READS)
def test_reading(strict: FakeRegistry, new_client: NewClient, case: str) -> None:
    path, fault, remedy = READS[case]
    push_image(new_client(strict), "app", "v1")
    strict.fail("*", path, fault, times=99)
    assert remedy in told(lambda: new_client(strict, limits=IMPATIENT).get_manifest("app", "v1"))


@pytest.mark.parametrize("case", WRITES)
def test_writing(strict: FakeRegistry, new_client: NewClient, case: str) -> None:
    path, fault, remedy = WRITES[case]
    strict.fail("*", path, fault, times=99)
    assert remedy in told(lambda: new_client(strict, limits=IMPATIENT).upload_blob("app", known(b"x" * 99)))


def test_sent_to_what_is_no_url_of_http(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("*", "/manifests/", answer(307, Location="file:///etc/passwd"), times=99)
    with pytest.raises(RegistryError, match=r"the registry sends there, and that is no URL of HTTP"):
        new_client(strict, limits=IMPATIENT).get_manifest("app", "v1")


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = RegistryClient(f"127.0.0.1:{free.getsockname()[1]}", NoKeychain(), Task(), limits=IMPATIENT)
        text = told(lambda: client.head_manifest("app", "v1"))
    assert "no connection: Connection refused" in text
    assert "see whether the registry runs there" in text


def test_no_such_host() -> None:
    client = RegistryClient("registry.invalid", NoKeychain(), Task(), limits=IMPATIENT)
    assert "see whether the name is right" in told(lambda: client.head_manifest("app", "v1"))
