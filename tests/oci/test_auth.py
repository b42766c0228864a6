"""Signing in: challenges, scopes, tokens, and who never sees a credential (distribution token spec; R30, R36)."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from image_assets.errors import RegistryError
from image_assets.logins.keychain import StaticKeychain
from image_assets.oci import NoKeychain, digest_of
from image_assets.oci.keychain import Credential, Keychain
from image_assets.oci.tokens import usable_realm
from image_assets.task import Task
from tests.fakes.registry import Auth, FakeRegistry, Rules, answer
from tests.fakes.registry_auth import basic_header
from tests.oci.conftest import ROBOT, NewClient, Starter
from tests.oci.samples import CONFIG, known, noise, push_image

BLOB = noise(5000)


def tokens_asked(registry: FakeRegistry) -> list[str]:
    return [seen.query.get("scope", "") for seen in registry.seen if seen.path == "/token"]


def test_a_password_goes_with_every_request_after_the_challenge(start: Starter, new_client: NewClient) -> None:
    """RFC 7617."""
    registry = start(auth=Auth("basic"))
    push_image(new_client(registry), "app", "v1")
    first, *others = registry.seen
    assert (first.path, "authorization" in first.headers) == ("/v2/", False)
    assert {seen.headers["authorization"] for seen in others} == {basic_header("robot", "secret")}


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_wrong_password_is_one_error_that_names_the_user(start: Starter, new_client: NewClient, kind: str) -> None:
    registry = start(auth=Auth(kind))
    wrong = StaticKeychain({registry.host: replace(ROBOT, password="guess")})
    with pytest.raises(
        RegistryError, match=r'\(UNAUTHORIZED\), HTTP 401; the credentials for "robot" at .* were used'
    ) as caught:
        new_client(registry, wrong).head_manifest("app", "v1")
    assert (caught.value.status, caught.value.temporary) == (401, False)
    assert "guess" not in str(caught.value)
    assert len(registry.seen) < 8


def test_without_a_credential_the_error_says_so(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("basic"))
    with pytest.raises(RegistryError, match=f"no credentials were found for {registry.host}"):
        new_client(registry, NoKeychain()).list_tags("app")


def test_anybody_gets_a_token_to_pull_where_that_is_allowed(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer", users={"robot": "secret", "": ""}, readers=frozenset({""})))
    push_image(new_client(registry), "app", "v1")
    anonymous = new_client(registry, NoKeychain())
    assert anonymous.head_manifest("app", "v1") is not None
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        anonymous.upload_blob("app", known(BLOB))


def test_tokens_are_asked_for_once_for_each_scope(start: Starter, new_client: NewClient) -> None:
    """Token spec, "Resource Scope"."""
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    for _ in range(3):
        push_image(client, "team/app", "v1")
        client.head_manifest("team/app", "v1")
    assert tokens_asked(registry) == ["repository:team/app:pull,push", "repository:team/app:pull"]


def test_a_mount_asks_for_both_repositories_in_one_token(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    client.upload_blob("one", known(BLOB))
    assert client.upload_blob("two", known(BLOB), mount_from=["one"]).mounted
    asked = [seen.path for seen in registry.seen if seen.path == "/token"]
    assert len(asked) == 2


def test_a_mount_that_is_not_allowed_becomes_an_upload(strict: FakeRegistry, new_client: NewClient) -> None:
    strict.fail("POST", "mount=", answer(403, "DENIED"))
    client = new_client(strict)
    client.upload_blob("one", known(BLOB))
    assert not client.upload_blob("two", known(BLOB), mount_from=["one"]).mounted
    assert digest_of(BLOB) in strict.store.blobs["two"]


def test_a_token_is_renewed_before_it_ends(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer", says=0.05))
    client = new_client(registry)
    for _ in range(3):
        client.list_tags("app")
        time.sleep(0.06)
    refused = [seen for seen in registry.calls() if "authorization" not in seen.headers]
    assert (len(tokens_asked(registry)), refused) == (3, [])


def test_many_threads_ask_for_one_token(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: client.list_tags("app"), range(24)))
    assert len(tokens_asked(registry)) == 1


def test_an_identity_token_is_posted_and_never_shown(start: Starter, new_client: NewClient) -> None:
    """Token spec, "OAuth2 Token Authentication": grant_type=refresh_token."""
    registry = start(auth=Auth("bearer", identity_tokens=frozenset({"long-secret"})))
    keychain = StaticKeychain({registry.host: Credential("<token>", identity_token="long-secret")})
    push_image(new_client(registry, keychain), "app", "v1")
    assert {seen.method for seen in registry.seen if seen.path == "/token"} == {"POST"}
    assert all("long-secret" not in str(seen) for seen in registry.seen)


@pytest.mark.parametrize("status", [401, 404, 405])
def test_an_identity_token_is_a_password_where_the_token_server_knows_no_post(
    start: Starter, new_client: NewClient, status: int
) -> None:
    """As containerd does it, for Artifactory, GCR and others."""
    registry = start(auth=Auth("bearer", users={"robot": "long-secret"}))
    registry.fail("POST", "/token", answer(status), times=99)
    keychain = StaticKeychain({registry.host: Credential("robot", identity_token="long-secret")})
    push_image(new_client(registry, keychain), "app", "v1")
    assert [seen.method for seen in registry.seen if seen.path == "/token"][:2] == ["POST", "GET"]


def test_a_refresh_token_does_not_follow_a_redirect_to_another_host(start: Starter, new_client: NewClient) -> None:
    other = start()
    registry = start(auth=Auth("bearer", identity_tokens=frozenset({"long-secret"})))
    registry.fail("POST", "/token", answer(307, Location=f"{other.origin}/token"), times=9)
    keychain = StaticKeychain({registry.host: Credential("<token>", identity_token="long-secret")})
    with pytest.raises(RegistryError, match=f"leads on to {other.host}, and a refresh token is for nobody but"):
        new_client(registry, keychain).list_tags("app")
    assert other.seen == []


def test_a_refresh_token_follows_a_redirect_on_the_same_host(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer", identity_tokens=frozenset({"long-secret"})))
    registry.fail("POST", "/token", answer(308, Location="/token"))
    keychain = StaticKeychain({registry.host: Credential("<token>", identity_token="long-secret")})
    assert new_client(registry, keychain).list_tags("app") == []


def test_a_token_for_the_registry_itself_is_used_as_it_is(start: Starter, new_client: NewClient) -> None:
    """docker/cli, "AuthConfig": `registrytoken`."""
    registry = start(auth=Auth("bearer"))
    push_image(new_client(registry), "app", "v1")
    (text, *_) = registry.auth.tokens
    keychain = StaticKeychain({registry.host: Credential("", registry_token=text)})
    asked = len(tokens_asked(registry))
    assert new_client(registry, keychain).head_manifest("app", "v1") is not None
    assert len(tokens_asked(registry)) == asked


def test_one_client_serves_many_tasks_with_one_ping_and_one_token(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    client = new_client(registry)
    heard: list[list[str]] = [[] for _ in range(40)]
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda lines: client.of(Task(debug=lines.append)).head_manifest("app", "v1"), heard))
    assert [seen.path for seen in registry.seen if seen.path in {"/v2/", "/token"}] == ["/v2/", "/token"]
    assert all(any("/manifests/v1" in line for line in lines) for lines in heard)


def test_short_exchanges_are_bounded(start: Starter, new_client: NewClient) -> None:
    """100 images fit within 256 descriptors; each connection takes two."""
    registry = start()
    client = new_client(registry)
    most = 0

    def ask(_: int) -> None:
        nonlocal most
        client.head_manifest("app", "v1")
        most = max(most, len(list(Path("/proc/self/fd").iterdir())))

    before = len(list(Path("/proc/self/fd").iterdir()))
    with ThreadPoolExecutor(100) as pool:
        list(pool.map(ask, range(400)))
    # The registry is in this process too: it has as many.
    assert most - before <= 3 * 2 * 16


def test_a_refused_identity_token_says_why(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("bearer"))
    keychain = StaticKeychain({registry.host: Credential("<token>", identity_token="long-secret")})
    with pytest.raises(RegistryError, match=r"POST http.*/token: .*no such token") as caught:
        new_client(registry, keychain).list_tags("app")
    assert "long-secret" not in str(caught.value)


@dataclass
class Rotating(Keychain):
    """A keychain whose password changes."""

    passwords: list[str]
    asked: int = field(default=0)

    def resolve(self, registry: str, repository: str) -> Credential:
        self.asked += 1
        return Credential("robot", self.passwords[min(self.asked, len(self.passwords)) - 1])

    def forget(self, registry: str, refused: Credential) -> None:
        """Change it whenever it is asked for."""


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_password_that_has_expired_is_fetched_again(start: Starter, new_client: NewClient, kind: str) -> None:
    """R12: a login is fetched when it is used."""
    registry = start(auth=Auth(kind))
    keychain = Rotating(["expired", "secret"])
    client = new_client(registry, keychain)
    assert [client.list_tags("app") for _ in range(5)] == [[]] * 5
    assert keychain.asked == 2


def test_a_keychain_is_asked_once_for_many_threads(start: Starter, new_client: NewClient) -> None:
    registry = start(auth=Auth("basic"))
    keychain = Rotating(["secret"])
    client = new_client(registry, keychain)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: client.list_tags("app"), range(24)))
    assert keychain.asked == 1


def test_an_open_registry_asks_no_keychain(strict: FakeRegistry, new_client: NewClient) -> None:
    keychain = Rotating(["secret"])
    new_client(strict, keychain).list_tags("app")
    assert keychain.asked == 0


def test_two_registries_with_different_logins_at_the_same_time(start: Starter, new_client: NewClient) -> None:
    """R30."""
    registries = [start(auth=Auth("bearer", users={f"user{n}": f"secret{n}"})) for n in range(2)]
    logins = {r.host: Credential(f"user{n}", f"secret{n}") for n, r in enumerate(registries)}

    def push(registry: FakeRegistry) -> str:
        return push_image(new_client(registry, StaticKeychain(logins)), "app", "v1")

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(push, registries))) == 1


CHALLENGES = {
    "none": "Negotiate",
    "garbage": '"=,;',
    "no realm": 'Bearer service="x"',
    "empty": " ",
    "endless": "Bearer " + "a=b," * 5000,
}


@pytest.mark.parametrize("challenge", CHALLENGES.values(), ids=CHALLENGES)
def test_a_challenge_that_makes_no_sense_is_one_error(start: Starter, new_client: NewClient, challenge: str) -> None:
    registry = start(auth=Auth("bearer", challenge=challenge))
    with pytest.raises(RegistryError, match="UNAUTHORIZED"):
        new_client(registry).list_tags("app")
    assert len(registry.seen) < 6


def test_of_several_challenges_the_token_is_taken(start: Starter, new_client: NewClient) -> None:
    """RFC 9110, section 11.6.1: one header may hold several challenges."""
    registry = start(auth=Auth("bearer"))
    registry.auth.challenge = f'Negotiate, Basic realm="x, y", Bearer realm="{registry.origin}/token", service = "s"'
    assert new_client(registry).list_tags("app") == []


def test_a_realm_without_tls_does_not_get_the_password_of_a_registry_with_it() -> None:
    assert not usable_realm("http://auth.example.com/token", "https://registry.example.com/v2/")
    assert not usable_realm("ftp://auth.example.com/token", "http://registry.example.com/v2/")
    assert usable_realm("https://auth.example.com/token", "https://registry.example.com/v2/")
    assert usable_realm("http://auth.local/token", "http://registry.local/v2/")
    assert usable_realm("http://localhost:5001/token", "https://localhost:5000/v2/")
    assert usable_realm("http://auth.local:81/token", "https://registry.local/v2/", frozenset({"auth.local:81"}))
    assert not usable_realm("http://auth.local:82/token", "https://registry.local/v2/", frozenset({"auth.local:81"}))


BODIES = [b"", b"[]", b"nonsense", b'{"token": 5}', b'{"token": "a\\nb"}', b'{"expires_in": 5}', b"{" * 100_000]


@pytest.mark.parametrize("body", BODIES)
def test_a_token_server_that_gives_no_token_is_one_error(start: Starter, new_client: NewClient, body: bytes) -> None:
    registry = start(auth=Auth("bearer"))
    registry.fail("GET", "/token", answer(200, body=body), times=10)
    with pytest.raises(RegistryError, match="the answer holds no token"):
        new_client(registry).list_tags("app")


def test_another_host_never_sees_who_we_are(start: Starter, new_client: NewClient) -> None:
    """'Pulling blobs': the answer may be a redirect, as ECR's to S3 and Hub's to its CDN."""
    other = start()
    registry = start(Rules(blob_host=other.origin), Auth("basic"))
    other.store = registry.store
    client = new_client(registry)
    client.upload_blob("app", CONFIG)
    assert b"".join(client.get_blob("app", CONFIG.digest)) == CONFIG.content
    assert [sorted({"authorization", "cookie"} & seen.headers.keys()) for seen in other.seen] == [[]]


def test_a_challenge_of_another_host_is_not_answered(start: Starter, new_client: NewClient) -> None:
    other = start()
    registry = start(Rules(blob_host=other.origin), Auth("basic"))
    client = new_client(registry)
    client.upload_blob("app", CONFIG)
    other.fail("GET", "/data/", answer(401, WWW_Authenticate='Basic realm="give it to me"'), times=10)
    with pytest.raises(RegistryError, match="401"):
        list(client.get_blob("app", CONFIG.digest))
    assert not [seen for seen in other.seen if "authorization" in seen.headers]


@pytest.mark.parametrize("sent_on", ["^/v2/$", "^/v2/"], ids=["version", "everything"])
def test_the_token_server_of_another_host_never_gets_the_login(
    start: Starter, new_client: NewClient, sent_on: str
) -> None:
    """A sign-in before the registry: what `/v2/` leads to may offer a way of its own to sign in."""
    other = start(auth=Auth("bearer"))
    registry = start(auth=Auth("bearer"))
    registry.fail("*", sent_on, answer(302, Location=f"{other.origin}/v2/"), times=99)
    client = new_client(registry)
    if sent_on == "^/v2/$":
        client.upload_blob("app", CONFIG)
    else:
        with pytest.raises(RegistryError, match=f"leads on to {other.host}, which is shown no login"):
            client.upload_blob("app", CONFIG)
    assert {seen.path for seen in other.seen} == {"/v2/"}
    assert not [seen for seen in other.seen if "authorization" in seen.headers]


@pytest.mark.parametrize(("status", "shown"), [(301, "GET 0"), (302, "GET 0"), (303, "GET 0"), (307, "PUT 1000")])
def test_who_is_sent_to_log_in_takes_no_content_along(
    start: Starter, new_client: NewClient, status: int, shown: str
) -> None:
    """RFC 9110, section 15.4: only 307 and 308 ask for the same request again."""
    other, registry = start(), start()
    registry.fail("PUT", "/uploads/", answer(status, Location=f"{other.origin}/login"), times=99)
    other.fail("*", "^/login", answer(200, body=b"please log in"), times=99)
    with pytest.raises(RegistryError, match="answered 200, but does not have the blob"):
        new_client(registry).upload_blob("app", known(noise(1000)))
    assert {f"{seen.method} {seen.headers.get('content-length', 0)}" for seen in other.seen} == {shown}


def test_an_upload_that_goes_to_another_host_goes_without_a_credential(start: Starter, new_client: NewClient) -> None:
    """'Pushing blobs': Location may name any host."""
    other = start()
    registry = start(auth=Auth("basic"))
    other.fail("PUT", "/store", answer(201))
    registry.fail("POST", "/uploads/", answer(202, Location=f"{other.origin}/store?signature=secret"))
    new_client(registry).upload_blob("app", CONFIG)
    assert [(seen.path, "authorization" in seen.headers) for seen in other.seen] == [("/store", False)]


def test_a_signed_query_is_not_in_the_error(start: Starter, new_client: NewClient) -> None:
    registry = start()
    registry.fail("POST", "/uploads/", answer(202, Location=f"{registry.origin}/store?X-Signature=secret"))
    registry.fail("PUT", "/store", answer(403, body=b"<Error>AccessDenied</Error>"), times=10)
    with pytest.raises(RegistryError, match=r"PUT http.*/store\?\.\.\.: Forbidden \(403\)") as caught:
        new_client(registry).upload_blob("app", CONFIG)
    assert "secret" not in str(caught.value)
    assert "secret" not in caught.value.url
