"""Connections that break before anything is said, in plain HTTP and over TLS; and which failures of TLS are final."""

import ssl
from dataclasses import replace

import pytest
from urllib3.exceptions import SSLError

from image_assets.errors import RegistryError
from image_assets.oci.tls_failures import is_final
from tests.fakes.registry import FakeRegistry, Fault, answer, reset_after, silence
from tests.oci.conftest import QUICK, NewClient
from tests.oci.samples import known, noise, push_image

BLOB = noise(6_000_000)


@pytest.mark.parametrize("how", ["reset", "close", "stall"])
def test_a_connection_that_ends_before_the_first_request_is_made_again(
    strict: FakeRegistry, new_client: NewClient, how: str
) -> None:
    """Over TLS: in mid-handshake. The first connections find out how the registry is reached."""
    strict.cut_connections(how, times=2)
    client = new_client(strict, limits=replace(QUICK, connect=0.5, answer=0.5, retrying=10))
    assert push_image(client, "app", "v1") == strict.store.tags["app"]["v1"]


@pytest.mark.parametrize(
    "fault", [reset_after(5_999_999), reset_after(3_000_000), silence()], ids=["end", "mid", "mute"]
)
def test_a_large_upload_survives_an_interruption(strict: FakeRegistry, new_client: NewClient, fault: Fault) -> None:
    strict.fail("PUT", "/uploads/", fault)
    source = known(BLOB)
    new_client(strict).upload_blob("app", source)
    assert strict.store.blobs["app"] == {source.digest: BLOB}


@pytest.mark.parametrize(("status", "code"), [(413, "SIZE_INVALID"), (403, "DENIED"), (400, "DIGEST_INVALID")])
def test_an_answer_before_the_end_of_the_body_is_heard(
    strict: FakeRegistry, new_client: NewClient, status: int, code: str
) -> None:
    """A server may answer while the body is still on its way, and close (RFC 9112, section 9.5)."""
    strict.fail("*", r"/uploads/\w", answer(status, code, message="the words of the registry"), times=100)
    with pytest.raises(RegistryError, match=f"the words of the registry .{code}.") as caught:
        new_client(strict).upload_blob("app", known(BLOB))
    assert caught.value.status == status


FAILURES = {
    "EOF occurred in violation of protocol": (ssl.SSLEOFError(8, "EOF occurred"), False),
    "TLS/SSL connection has been closed": (ssl.SSLZeroReturnError(6, "closed"), False),
    "certificate of another host": (ssl.SSLCertVerificationError(1, "hostname mismatch"), True),
}


@pytest.mark.parametrize(("error", "final"), FAILURES.values(), ids=FAILURES)
def test_only_certificates_and_the_protocol_are_final(error: Exception, *, final: bool) -> None:
    assert is_final(error) is final
    assert is_final(SSLError(error)) is final
