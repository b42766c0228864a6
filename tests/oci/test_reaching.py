"""How a registry is reached: plain HTTP, TLS with known and unknown certificates, proxies, redirects, start-up."""

import base64
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.logins.keychain import StaticKeychain
from image_assets.oci import Limits, NoKeychain, RegistryClient, trust
from image_assets.task import Task
from tests.fakes.certificates import Certificates, make_certificates
from tests.fakes.proxy import FakeProxy
from tests.fakes.registry import Auth, FakeRegistry, Fault, answer, drip, silence
from tests.oci.conftest import ROBOT, NewClient, Place, Starter
from tests.oci.samples import push_image

# A name that nothing resolves: only a proxy leads there.
FAR = "registry.example.test"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), FAR, "127.0.0.1", "localhost")


@pytest.fixture
def far(certificates: Certificates) -> Iterator[FakeRegistry]:
    """A registry with TLS, called by a name."""
    with FakeRegistry(tls=certificates.server_context(), name=FAR) as registry:
        yield registry


@pytest.fixture
def proxy(far: FakeRegistry) -> Iterator[FakeProxy]:
    """A proxy that leads to it."""
    with FakeProxy(f"127.0.0.1:{far.host.rpartition(':')[2]}") as running:
        yield running


def environ(proxy: FakeProxy, **others: object) -> dict[str, str]:
    return {"HOME": "/nonexistent", "HTTPS_PROXY": proxy.url, **{name: str(value) for name, value in others.items()}}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environments_authorities_are_trusted(
    far: FakeRegistry, proxy: FakeProxy, certificates: Certificates, new_client: NewClient, variable: str
) -> None:
    push_image(new_client(far, environ=environ(proxy, **{variable: certificates.authority})), "app", "v1")
    assert set(proxy.seen) == {f"CONNECT {far.host}"}
    assert list(far.store.tags["app"]) == ["v1"]


def test_an_unknown_authority_is_one_error_at_once(far: FakeRegistry, proxy: FakeProxy, new_client: NewClient) -> None:
    with pytest.raises(RegistryError, match=r"TLS failed: .*certificate verify failed.*/certs\.d/") as caught:
        new_client(far, environ=environ(proxy)).list_tags("app")
    assert (len(proxy.seen), caught.value.temporary) == (1, False)


def test_an_insecure_registry_may_have_any_certificate(
    far: FakeRegistry, proxy: FakeProxy, new_client: NewClient
) -> None:
    """Dockerd reference, "Insecure registries"."""
    push_image(new_client(far, environ=environ(proxy), insecure=True), "app", "v1")
    assert list(far.store.tags["app"]) == ["v1"]


def test_an_insecure_registry_may_speak_plain_http(new_client: NewClient) -> None:
    """Dockerd reference: "If HTTPS is not available, fall back to HTTP"."""
    with FakeRegistry(name=FAR) as plain, FakeProxy(f"127.0.0.1:{plain.host.rpartition(':')[2]}") as proxy:
        both = {**environ(proxy), "http_proxy": proxy.url}
        push_image(new_client(plain, environ=both, insecure=True), "app", "v1")
        assert list(plain.store.tags["app"]) == ["v1"]
        with pytest.raises(RegistryError):
            new_client(plain, environ=both).list_tags("app")


@pytest.mark.parametrize("folder", [".config/docker", ".config/containers", ".docker"])
def test_a_registrys_own_authority_and_our_own_certificate_are_found_in_certs_d(
    certificates: Certificates, new_client: NewClient, tmp_path: Path, folder: str
) -> None:
    """docs.docker.com, "Verify repository client with certificates"."""
    with FakeRegistry(tls=certificates.server_context(asks_client=True), name=FAR) as registry:
        own = tmp_path / folder / "certs.d" / registry.host
        own.mkdir(parents=True)
        (own / "ca.crt").write_bytes(certificates.authority.read_bytes())
        (own / "client.cert").write_bytes(certificates.client.read_bytes())
        (own / "client.key").write_bytes(certificates.client_key.read_bytes())
        with FakeProxy(f"127.0.0.1:{registry.host.rpartition(':')[2]}") as proxy:
            push_image(new_client(registry, environ=environ(proxy, HOME=tmp_path)), "app", "v1")
        assert list(registry.store.tags["app"]) == ["v1"]


def test_certificates_that_may_not_be_looked_at_disturb_nobody(
    far: FakeRegistry, proxy: FakeProxy, certificates: Certificates, new_client: NewClient, tmp_path: Path
) -> None:
    """A name that is too long stands for a directory whose parent is locked, which root could open."""
    nowhere = tmp_path / ("x" * 300)
    variables = environ(proxy, HOME=nowhere, XDG_CONFIG_HOME=nowhere, SSL_CERT_FILE=certificates.authority)
    assert new_client(far, environ=variables).list_tags("app") == []


def test_an_authority_that_another_one_signed_is_one(new_client: NewClient, tmp_path: Path) -> None:
    """As in Go: companies hand out the certificate below their root."""
    made = make_certificates(tmp_path, FAR, below="root of the tests")
    with (
        FakeRegistry(tls=made.server_context(), name=FAR) as far,
        FakeProxy(far.host.replace(FAR, "127.0.0.1")) as proxy,
    ):
        assert new_client(far, environ=environ(proxy, SSL_CERT_FILE=made.authority)).list_tags("app") == []


@pytest.mark.skipif(not hasattr(ssl, "VERIFY_X509_STRICT"), reason="OpenSSL knows no strict checks")
def test_no_certificate_is_checked_more_strictly_than_in_go() -> None:
    """Python 3.13 sets the flag by default, and refuses authorities without `keyUsage`, for instance."""
    made = trust.context(trust.Trust(verify=True))
    assert not made.verify_flags & ssl.VERIFY_X509_STRICT


def test_a_bundle_that_is_not_there_is_named(far: FakeRegistry, proxy: FakeProxy, new_client: NewClient) -> None:
    with pytest.raises(RegistryError, match=r"/nonexistent/ca\.pem cannot be used"):
        new_client(far, environ=environ(proxy, SSL_CERT_FILE="/nonexistent/ca.pem")).list_tags("app")


@pytest.mark.parametrize("fault", [silence(), drip(0.1)], ids=["silence", "one byte at a time"])
def test_a_cancelled_exchange_over_tls_ends_at_once(
    far: FakeRegistry, proxy: FakeProxy, new_client: NewClient, fault: Fault
) -> None:
    far.fail("GET", "/tags/", fault, times=9)
    task = Task()
    threading.Timer(0.4, task.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledByUserError):
        new_client(far, environ=environ(proxy), insecure=True, task=task, limits=Limits()).list_tags("app")
    assert time.monotonic() - began < 10


def test_a_tls_handshake_that_never_ends_is_given_up(new_client: NewClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, FakeProxy(f"127.0.0.1:{silent.getsockname()[1]}") as proxy:
        began = time.monotonic()
        with pytest.raises(RegistryError):
            new_client(Place(FAR, NoKeychain()), environ=environ(proxy), limits=Limits(connect=0.5)).list_tags("app")
    assert time.monotonic() - began < 10


def test_a_proxy_gets_the_login_of_its_url(
    far: FakeRegistry, proxy: FakeProxy, certificates: Certificates, new_client: NewClient
) -> None:
    with_login = proxy.url.replace("//", "//user:word@")
    variables = {"HTTPS_PROXY": with_login, "SSL_CERT_FILE": str(certificates.authority), "HOME": "/nonexistent"}
    new_client(far, environ=variables).list_tags("app")
    assert proxy.logins == ["Basic dXNlcjp3b3Jk"]


def test_the_login_of_a_proxy_may_hold_any_character(
    far: FakeRegistry, proxy: FakeProxy, certificates: Certificates, new_client: NewClient
) -> None:
    with_login = proxy.url.replace("//", "//user:w%40rd%3A%25@")
    variables = {"HTTPS_PROXY": with_login, "SSL_CERT_FILE": str(certificates.authority), "HOME": "/nonexistent"}
    new_client(far, environ=variables).list_tags("app")
    assert [base64.b64decode(login.removeprefix("Basic ")) for login in proxy.logins] == [b"user:w@rd:%"]


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "SOCKS4"])
def test_a_socks_proxy_is_refused_by_name(far: FakeRegistry, new_client: NewClient, kind: str) -> None:
    variables = {"ALL_PROXY": f"{kind}://user:word@127.0.0.1:9", "HOME": "/nonexistent"}
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 is a SOCKS proxy.*HTTPS_PROXY") as caught:
        new_client(far, environ=variables).list_tags("app")
    assert "word" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_one_error(far: FakeRegistry, new_client: NewClient) -> None:
    with pytest.raises(RegistryError, match=r"https://registry\.example\.test.*the proxy failed|no connection"):
        new_client(far, environ={"HTTPS_PROXY": "http://user:word@127.0.0.1:9", "HOME": "/nonexistent"}).list_tags(
            "app"
        )


def test_no_proxy_is_asked_for_this_machine(strict: FakeRegistry, new_client: NewClient) -> None:
    variables = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9", "HOME": "/nonexistent"}
    assert new_client(strict, environ=variables).list_tags("app") == []


def test_a_registry_on_this_machine_may_have_tls_with_any_certificate(
    certificates: Certificates, new_client: NewClient
) -> None:
    with FakeRegistry(tls=certificates.server_context()) as registry:
        push_image(new_client(registry), "app", "v1")
        assert list(registry.store.tags["app"]) == ["v1"]


def test_a_registry_on_this_machine_is_first_asked_without_tls(strict: FakeRegistry, new_client: NewClient) -> None:
    new_client(Place(strict.host.replace("127.0.0.1", "localhost"), NoKeychain())).list_tags("app")
    assert [seen.path for seen in strict.seen] == ["/v2/", "/v2/app/tags/list"]


def test_a_registry_that_sends_everybody_to_tls_is_followed_there(
    strict: FakeRegistry, certificates: Certificates, new_client: NewClient
) -> None:
    with FakeRegistry(tls=certificates.server_context()) as secure:
        strict.fail("HEAD", "/manifests/", answer(308, Location=f"{secure.origin}/v2/app/manifests/v1"), times=9)
        with pytest.raises(RegistryError, match="certificate verify failed"):
            new_client(strict).head_manifest("app", "v1")


def test_the_version_is_asked_for_once(strict: FakeRegistry, new_client: NewClient) -> None:
    """'Determining Support': end-1."""
    client = new_client(strict)
    for _ in range(3):
        client.list_tags("app")
    assert len([seen for seen in strict.seen if seen.path == "/v2/"]) == 1


def test_connections_are_kept(start: Starter, new_client: NewClient) -> None:
    registry = start()
    push_image(new_client(registry), "app", "v1")
    assert {seen.headers.get("connection") for seen in registry.seen} == {None}


def test_docker_hub_is_asked_where_its_api_is(proxy: FakeProxy) -> None:
    client = RegistryClient("docker.io", NoKeychain(), Task(), environ=environ(proxy), limits=Limits(retrying=0))
    with pytest.raises(RegistryError):
        client.list_tags("library/alpine")
    assert proxy.seen == ["CONNECT registry-1.docker.io:443"]


def test_a_client_that_is_not_used_yet_has_not_loaded_urllib3() -> None:
    code = "import sys, image_assets.oci, image_assets.logins.keychain, image_assets.reference; print([*sys.modules])"
    path = os.pathsep.join(filter(None, ["provider", os.environ.get("PYTHONPATH")]))
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert not {"'urllib3'", "'ssl'", "'http.client'", "'asyncio'"} & set(done.stdout.strip("[]\n").split(", "))


def test_a_server_that_says_it_wants_tls_is_asked_with_it(strict: FakeRegistry, new_client: NewClient) -> None:
    """Go's server answers plain HTTP on its TLS port with 400, so distribution does."""
    strict.fail("GET", "^/v2/$", answer(400, body=b"Client sent an HTTP request to an HTTPS server."))
    with pytest.raises(RegistryError, match=r"GET https://127\.0\.0\.1:\d+/v2/: TLS failed"):
        new_client(strict).list_tags("app")


def test_a_token_server_on_another_insecure_host_can_be_allowed(
    far: FakeRegistry, proxy: FakeProxy, new_client: NewClient, start: Starter
) -> None:
    tokens = start(auth=Auth("bearer"))
    far.auth = Auth("bearer", realm="http://auth.example.test/token")
    far.auth.tokens = tokens.auth.tokens
    with FakeProxy(tokens.host) as to_tokens:
        variables = {**environ(proxy), "HTTP_PROXY": to_tokens.url}
        keychain = StaticKeychain({far.host: ROBOT})
        hosts = {far.host, "auth.example.test"}
        client = RegistryClient(far.host, keychain, Task(), insecure=hosts, environ=variables)
        assert client.list_tags("app") == []
        assert len(to_tokens.seen) == 1


def test_a_password_is_not_sent_to_a_realm_without_tls(
    far: FakeRegistry, proxy: FakeProxy, new_client: NewClient
) -> None:
    far.auth = Auth("bearer", realm="http://auth.example.test/token")
    both = {**environ(proxy), "HTTP_PROXY": proxy.url}
    with pytest.raises(RegistryError, match="which is not encrypted"):
        new_client(far, environ=both, insecure=True).list_tags("app")
    assert not [seen for seen in proxy.seen if "auth.example.test" in seen]
