"""Registries for the client's tests: the strict one of this process and the real one, with and without signing in."""

import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from image_assets.logins.keychain import StaticKeychain
from image_assets.oci import Limits, RegistryClient
from image_assets.oci.keychain import Credential, Keychain, NoKeychain
from image_assets.task import Task
from tests.fakes.certificates import make_certificates
from tests.fakes.registry import Auth, FakeRegistry, Rules
from tests.support.registry import Registry

ROBOT = Credential("robot", "secret")
# Short, so that what never recovers is given up within a test; long enough for a busy machine.
QUICK = Limits(connect=2.0, answer=2.0, commit=4.0, stall=2.0, retrying=3.0, settle=2.0, pace=0.1, chunk=64 * 2**10)


@dataclass(frozen=True)
class Place:
    """A registry and how to sign in to it."""

    host: str
    keychain: Keychain


Starter = Callable[..., FakeRegistry]


class NewClient(Protocol):
    """Makes clients."""

    def __call__(
        self,
        registry: FakeRegistry | Place,
        keychain: Keychain | None = None,
        *,
        task: Task | None = None,
        limits: Limits = QUICK,
        environ: dict[str, str] | None = None,
        insecure: bool = False,
    ) -> RegistryClient:
        """Make a client of the registry; by default with the credential that it wants."""


@pytest.fixture
def new_client() -> NewClient:
    def make(
        registry: FakeRegistry | Place,
        keychain: Keychain | None = None,
        *,
        task: Task | None = None,
        limits: Limits = QUICK,
        environ: dict[str, str] | None = None,
        insecure: bool = False,
    ) -> RegistryClient:
        own = registry.keychain if isinstance(registry, Place) else StaticKeychain({registry.host: ROBOT})
        return RegistryClient(
            registry.host,
            keychain or own,
            task or Task(),
            insecure={registry.host} if insecure else frozenset(),
            environ=environ or {"HOME": "/nonexistent"},
            limits=limits,
        )

    return make


# What interrupts is played over TLS too: there, the same break of a connection is another error.
OVER_TLS = {
    "tests.oci.test_recovery",
    "tests.oci.test_giving_up",
    "tests.oci.test_interruptions",
    "tests.oci.test_manners",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play every test of an interruption in plain HTTP and over TLS."""
    if "scheme" in metafunc.fixturenames and metafunc.module.__name__ in OVER_TLS:
        metafunc.parametrize("scheme", ["http", "https"], indirect=True)


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> str:
    """How registries of this process are spoken to."""
    return str(getattr(request, "param", "http"))


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The certificate of registries that speak TLS."""
    return make_certificates(tmp_path_factory.mktemp("tls"), "127.0.0.1", "localhost").server_context()


@pytest.fixture
def tls(scheme: str, server_tls: ssl.SSLContext) -> ssl.SSLContext | None:
    """The same, or nothing for plain HTTP."""
    return server_tls if scheme == "https" else None


@pytest.fixture
def strict(tls: ssl.SSLContext | None) -> Iterator[FakeRegistry]:
    """A strict registry that lets everybody in."""
    with FakeRegistry(tls=tls) as registry:
        yield registry


@pytest.fixture
def start(tls: ssl.SSLContext | None) -> Iterator[Callable[..., FakeRegistry]]:
    """A starter of strict registries with other rules."""
    running: list[FakeRegistry] = []

    def make(rules: Rules | None = None, auth: Auth | None = None, **options: Any) -> FakeRegistry:
        registry = FakeRegistry(rules or Rules(), auth or Auth(), **{"tls": tls, **options})
        running.append(registry.__enter__())
        return registry

    yield make
    for registry in running:
        registry.__exit__()


STRICT = {
    "strict": (Rules(), Auth()),
    "strict, basic": (Rules(relative=True), Auth("basic")),
    "strict, bearer": (Rules(chunk_min=200 * 2**10), Auth("bearer")),
    "strict, short tokens": (Rules(), Auth("bearer", life=0.3, says=300)),
    "strict, like ECR": (Rules(immutable_tags=True, mounts=False), Auth("basic")),
    "strict, PATCH only": (Rules(monolithic=False), Auth()),
    "strict, pieces only": (Rules(monolithic=False, streamed=False, chunk_min=100_000), Auth()),
    "strict, without digests": (Rules(names_digest=False, heads=False, relative=True), Auth()),
}
REAL = {"distribution": "registry", "distribution, password": "registry_with_auth"}


@pytest.fixture(params=[*STRICT, *REAL])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each registry in turn."""
    if request.param in REAL:
        real: Registry = request.getfixturevalue(REAL[request.param])
        known = StaticKeychain({real.address: Credential(real.username, real.password)})
        yield Place(real.address, known if real.username else NoKeychain())
        return
    rules, auth = STRICT[request.param]
    with FakeRegistry(rules, auth) as registry:
        yield Place(registry.host, StaticKeychain({registry.host: ROBOT}))


@pytest.fixture
def client(place: Place, new_client: NewClient) -> RegistryClient:
    """A client of each registry in turn."""
    return new_client(place, environ=dict(os.environ))
