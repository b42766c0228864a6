"""A push by the engine's own API: the real engine, and one that is played where it shall misbehave."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from image_assets.docker.dialect import EMBEDDED
from image_assets.docker.engine_api import EngineApi
from image_assets.docker.probe import Engine
from image_assets.docker.program import Program
from image_assets.docker.store import Store
from image_assets.errors import CancelledByUserError, RegistryError
from image_assets.oci.keychain import Credential
from image_assets.task import Task
from tests.fakes.cli_image import docker
from tests.fakes.registry import FakeRegistry, Fault
from tests.support.builders import clean_environ
from tests.support.contexts import make_context
from tests.support.registry import Registry

SOCKET = "/var/run/docker.sock"


_MORE_THAN_BUFFERS = 32 << 20
"""Bytes: sockets of one machine hold some millions."""


@contextlib.contextmanager
def image_of(folder: Path, name: str, content: bytes) -> Iterator[str]:
    """Make an image in the engine's store."""
    context = make_context(folder / "image", dockerfile="FROM scratch\nCOPY content /content\n")
    (context / "content").write_bytes(content)
    docker("build", "-q", "-t", f"{name}:built", str(context))
    yield f"{name}:built"
    docker("image", "rm", "-f", f"{name}:built")


@pytest.fixture
def image(docker_engine: None, tmp_path: Path, repository_name: str) -> Iterator[str]:
    """An image in the engine's store that no other test has."""
    with image_of(tmp_path, repository_name, repository_name.encode()) as name:
        yield name


def image_id(store: Store, name: str) -> str:
    """Return the ID of an image."""
    facts = store.inspect(name)
    assert facts
    return facts.image_id


def store_of(
    folder: Path, credentials: dict[str, Credential], task: Task | None = None, *, path: str = SOCKET
) -> Store:
    """Return a store whose program leaves a trace if it is asked to push, and does not."""
    script = folder / "docker"
    script.write_text(f'#!/bin/sh\ncase "$1" in push) echo "$@" >> {folder}/pushed; echo by hand >&2; exit 1;; esac\n')
    script.chmod(0o755)
    engine = Engine(Program(str(script), EMBEDDED), None, clean_environ(folder / "home"))
    return Store(engine, credentials, task or Task(), EngineApi(path))


def test_the_engine_pushes_without_the_program_and_forgets_the_name(
    image: str, tmp_path: Path, registry: Registry, repository_name: str
) -> None:
    told: list[str] = []
    store = store_of(tmp_path, {}, Task(status=told.append))
    store.push(image, image_id(store, image), f"{registry.address}/{repository_name}:one")
    assert registry.manifest(repository_name, "one")["config"]["digest"] == image_id(store, image)
    assert not (tmp_path / "pushed").exists()
    assert store.inspect(f"{registry.address}/{repository_name}:one") is None
    assert told[0] == "pushing"
    assert any(line.endswith(": Pushed") for line in told)
    assert any(line.startswith("one: digest: sha256:") for line in told)


def test_a_push_takes_the_login_that_was_given_and_tells_of_a_wrong_one(
    image: str, tmp_path: Path, registry_with_auth: Registry, repository_name: str
) -> None:
    reference = f"{registry_with_auth.address}/{repository_name}:one"
    right = Credential(registry_with_auth.username, registry_with_auth.password)
    for login in (Credential("nobody", "wrong-password"), None):
        store = store_of(tmp_path, {registry_with_auth.address: login} if login else {"localhost:1": right})
        with pytest.raises(RegistryError, match=f"pushing {reference} failed: .*(?i:unauthorized|no basic auth)"):
            store.push(image, image_id(store, image), reference)
    store = store_of(tmp_path, {registry_with_auth.address: right})
    store.push(image, image_id(store, image), reference)
    assert registry_with_auth.manifest(repository_name, "one")["config"]["digest"] == image_id(store, image)
    assert not (tmp_path / "pushed").exists()


@dataclass
class SlowReader:
    """A registry's side of an upload: it begins to read, and reads the rest once somebody has cancelled.

    Attributes:
        cancelled: Set by it, when the engine is sending.
        left: Set when the engine has gone.
        heard: Bytes that came.
    """

    cancelled: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    heard: int = 0

    def read(self, connection: socket.socket) -> bool:
        self.heard = len(connection.recv(1 << 16))
        self.cancelled.set()
        with contextlib.suppress(OSError):
            while content := connection.recv(1 << 16):
                self.heard += len(content)
        self.left.set()
        return True


def test_an_engine_stops_a_push_when_the_user_cancels(
    docker_engine: None, tmp_path: Path, repository_name: str
) -> None:
    reader = SlowReader()
    store = store_of(tmp_path, {}, Task(cancelled=reader.cancelled))
    with FakeRegistry() as registry, image_of(tmp_path, repository_name, os.urandom(_MORE_THAN_BUFFERS)) as image:
        registry.fail("PATCH", "/blobs/uploads/", Fault(before=lambda handler: reader.read(handler.connection)))
        with pytest.raises(CancelledByUserError):
            store.push(image, image_id(store, image), f"{registry.host}/{repository_name}:one")
        assert reader.left.wait(30), "the engine goes on"
        assert reader.heard < _MORE_THAN_BUFFERS
        assert repository_name not in registry.store.manifests
        assert store.inspect(f"{registry.host}/{repository_name}:one") is None
    assert not (tmp_path / "pushed").exists()


def push_that_is_killed(folder: Path, image: str, reference: str, asked: threading.Event) -> None:
    """Push in a process of its own, and kill that once the registry is asked."""
    script = f"""
from image_assets.docker.dialect import EMBEDDED
from image_assets.docker.engine_api import EngineApi
from image_assets.docker.probe import Engine
from image_assets.docker.program import Program
from image_assets.docker.store import Store
from image_assets.task import Task
import os
store = Store(Engine(Program("docker", EMBEDDED), None, dict(os.environ)), {{}}, Task(), EngineApi({SOCKET!r}))
store.push({image!r}, store.inspect({image!r}).image_id, {reference!r})
"""
    process = subprocess.Popen((sys.executable, "-c", script), cwd=folder, env=clean_environ(folder / "home"))
    assert asked.wait(60)
    process.kill()
    process.wait()


def test_a_plugin_that_is_killed_while_it_pushes_leaves_no_name(
    docker_engine: None, tmp_path: Path, repository_name: str
) -> None:
    """The next plugin takes it away, and leaves the user's own names of that image alone."""
    docker_program = tmp_path / "docker-of-this-test"
    docker_program.symlink_to(shutil.which("docker") or "")
    engine = Engine(Program(str(docker_program), EMBEDDED), None, clean_environ(tmp_path / "home"))
    store = Store(engine, {}, Task(), EngineApi(SOCKET))
    reader = SlowReader()
    with FakeRegistry() as registry, image_of(tmp_path, repository_name, os.urandom(_MORE_THAN_BUFFERS)) as image:
        reference = f"{registry.host}/{repository_name}:one"
        registry.fail("PATCH", "/blobs/uploads/", Fault(before=lambda handler: reader.read(handler.connection)))
        push_that_is_killed(tmp_path, image, reference, reader.cancelled)
        assert reader.left.wait(30), "the engine goes on"
        facts = store.inspect(image)
        assert facts
        assert reference in facts.names
        store.sweep()
        facts = store.inspect(image)
        assert facts
        assert facts.names == (image,)


_OTHERS = {
    b"GET": b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
    b"POST": b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    b"DELETE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
}
"""What is answered to the other requests: there is no such image; it has the name now; it has it no longer."""


@dataclass
class PlayedEngine:
    """A socket that takes one request after the other, and answers each push alike."""

    path: str
    answer: bytes
    pushes: list[bytes] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    request = connection.recv(1 << 16)
                    self.pushes += [request] if b"/push?" in request else []
                    connection.sendall(self.answer if b"/push?" in request else _OTHERS[request.partition(b" ")[0]])

    def logins(self) -> list[object]:
        """Return what was shown in each request."""
        heads = [line for request in self.pushes for line in request.split(b"\r\n") if line.startswith(b"X-Registry")]
        return [json.loads(base64.urlsafe_b64decode(line.partition(b": ")[2])) for line in heads]


@contextlib.contextmanager
def played(folder: Path, answer: bytes) -> Iterator[PlayedEngine]:
    path = str(folder / "engine.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        engine = PlayedEngine(path, answer)
        thread = threading.Thread(target=engine.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def chunked(*messages: object, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return an answer in the form of the API."""
    lines = [json.dumps(message).encode() + b"\r\n" for message in messages]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines) + end


PUSHED = {"status": "one: digest: sha256:00 size: 1"}


def test_a_login_is_shown_for_its_own_registry_only(tmp_path: Path) -> None:
    logins = {
        "localhost:1": Credential("me", "pass+/ü?"),
        "docker.io": Credential("<token>", identity_token="refresh"),
        "localhost:2": Credential("other", "other"),
    }
    with played(tmp_path, chunked(PUSHED)) as engine:
        store = store_of(tmp_path, logins, path=engine.path)
        for registry in ("localhost:1", "docker.io", "registry.test"):
            store.push("held", "sha256:00", f"{registry}/me/app:one")
    rest = {"identitytoken": "", "registrytoken": ""}
    hub = {"username": "<token>", "password": "", "identitytoken": "refresh", "registrytoken": ""}
    assert engine.logins() == [
        {"username": "me", "password": "pass+/ü?", "serveraddress": "localhost:1", **rest},
        {**hub, "serveraddress": "https://index.docker.io/v1/"},
        {},
    ]
    assert b"POST /images/localhost:1/me/app/push?tag=one HTTP/1.1" in engine.pushes[0]


@pytest.mark.parametrize(
    "answer",
    [
        chunked({"status": "Preparing"}, end=b""),
        chunked("no object"),
        chunked(PUSHED).replace(b'"status"', b'"status'),
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        b"",
    ],
    ids=["cut", "no object", "no JSON", "another API", "silent"],
)
def test_the_program_is_asked_where_nobody_knows_how_a_push_ended(answer: bytes, tmp_path: Path) -> None:
    with played(tmp_path, answer) as engine, pytest.raises(RegistryError, match="failed: by hand"):
        store_of(tmp_path, {}, path=engine.path).push("held", "sha256:00", "localhost:1/app:one")
    assert (tmp_path / "pushed").read_text() == "push localhost:1/app:one\n"


@pytest.mark.parametrize(
    ("config", "variable", "login", "by_program"),
    [
        ({}, "", None, False),
        ({"auths": {}}, "", None, False),
        ({"auths": {"localhost:1": {"auth": "bWU6cGFzcw=="}}}, "", None, True),
        ({"credsStore": "desktop"}, "", None, True),
        ({"credHelpers": {"localhost:1": "own"}}, "", None, True),
        ({}, '{"auths": {"localhost:1": {"auth": "bWU6cGFzcw=="}}}', None, True),
        ({"credsStore": "desktop"}, "", Credential("me", "pass"), False),
        ({}, "", Credential("", registry_token="token"), True),
    ],
)
def test_the_program_pushes_where_only_it_may_find_the_login(
    config: dict[str, object],
    variable: str,
    login: Credential | None,
    by_program: bool,  # noqa: FBT001 - the case
    tmp_path: Path,
) -> None:
    (tmp_path / "home" / ".docker").mkdir(parents=True)
    (tmp_path / "home" / ".docker" / "config.json").write_text(json.dumps(config))
    with played(tmp_path, chunked(PUSHED)) as engine:
        store = store_of(tmp_path, {"localhost:1": login} if login else {}, path=engine.path)
        environ = {**store.engine.environment, "DOCKER_AUTH_CONFIG": variable}
        store = replace(store, engine=replace(store.engine, environment=environ))
        with contextlib.suppress(RegistryError):
            store.push("held", "sha256:00", "localhost:1/app:one")
        assert bool(engine.pushes) is not by_program
    assert (tmp_path / "pushed").exists() is by_program
