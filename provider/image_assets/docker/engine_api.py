"""A docker engine on this machine, asked by its own API: a start of `docker` takes ten times as long as the answer.

The API is the Docker Engine API, without a version in the path, which every engine answers by its own.
"""

import base64
import contextlib
import http.client
import json
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from image_assets.addresses import docker_key
from image_assets.docker.builders import engine_address
from image_assets.docker.dialect import Feature
from image_assets.docker.program import Program
from image_assets.errors import CancelledByUserError
from image_assets.frozen import dataclass
from image_assets.oci.keychain import Credential
from image_assets.programs.outputs import Lines
from image_assets.reference import Reference

_MOST_BYTES: Final = 4 << 20
_LOOK: Final = 0.1
"""Seconds between two looks at the user's wish to cancel."""


class EngineApiError(Exception):
    """The engine did not do what it was asked for: the program is to be asked, which says why."""


@dataclass(frozen=True)
class EngineApi:
    """The API of one engine.

    Attributes:
        path: Its socket.
        seconds: How long to wait for an answer; the program is patient with an engine that needs longer.
    """

    path: str
    seconds: float = 10.0

    def inspect(self, name: str) -> Mapping[str, Any] | None:
        """Return what the engine knows of an image, as `docker image inspect` does; None if it has none of that name.

        Raises:
            EngineApiError: It did not answer.
        """
        status, content = self._ask("GET", f"/images/{_quoted(name)}/json")
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        try:
            found = json.loads(content)
        except ValueError as error:
            raise EngineApiError(f"what the engine says of {name} is not JSON: {error}") from error
        if status != http.HTTPStatus.OK or not isinstance(found, dict) or "Id" not in found:
            raise EngineApiError(f"the engine answers {status} to the question about {name}")
        return found

    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name.

        Raises:
            EngineApiError: It has not got it.
        """
        repository, _, tag = reference.rpartition(":")
        query = urllib.parse.urlencode({"repo": repository, "tag": tag})
        self._demand("POST", f"/images/{_quoted(image)}/tag?{query}")

    def push(
        self, reference: str, login: Credential | None, cancelled: threading.Event, on_line: Callable[[str], None]
    ) -> str:
        """Push an image by its name; it ends when its registry has all of it, however long that takes.

        Args:
            reference: The name, with a tag.
            login: For the registry that the name says, and for no other; None: nobody's.
            cancelled: Ends it: the engine stops a push that nobody listens to.
            on_line: Is told what docker itself would print without a terminal.

        Returns:
            What the engine says of its failure; nothing if it pushed.

        Raises:
            EngineApiError: It has not begun, or nobody knows how it ended.
            CancelledByUserError: The user cancelled.
        """
        repository, _, tag = reference.rpartition(":")
        path = f"/images/{_quoted(repository)}/push?{urllib.parse.urlencode({'tag': tag})}"
        connection = _Connection(self.path, self.seconds)
        try:
            connection.connect()
            # A push takes as long as it takes.
            connection.sock.settimeout(None)
            with _shut_when(cancelled, connection.sock):
                connection.request("POST", path, headers={"X-Registry-Auth": _packed(login, reference)})
                return _end_of_push(connection.getresponse(), on_line)
        except (OSError, http.client.HTTPException, ValueError, EngineApiError) as error:
            if cancelled.is_set():
                raise CancelledByUserError("cancelled") from error
            raise EngineApiError(f"POST {path} at {self.path}: {error}") from error
        finally:
            connection.close()

    def remove(self, name: str) -> None:
        """Take a name from an image, and the image with it if that was its last.

        Raises:
            EngineApiError: It still has it.
        """
        self._demand("DELETE", f"/images/{_quoted(name)}")

    def _demand(self, method: str, path: str) -> None:
        status, _ = self._ask(method, path)
        if status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
            raise EngineApiError(f"the engine answers {status} to {method} {path}")

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = _Connection(self.path, self.seconds)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineApiError(f"{method} {path} at {self.path}: {error}") from error
        finally:
            connection.close()
        return answer.status, content


@contextlib.contextmanager
def _shut_when(cancelled: threading.Event, connection: socket.socket) -> Iterator[None]:
    """Let whoever reads a connection stop when the user cancels."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if cancelled.wait(_LOOK):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                return

    thread = threading.Thread(target=watch, name="engine push", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _packed(login: Credential | None, reference: str) -> str:
    """Return a login as the API takes it (Docker Engine API, "Authentication")."""
    known = (
        {
            "username": login.username,
            "password": login.password,
            "identitytoken": login.identity_token,
            "registrytoken": login.registry_token,
            "serveraddress": docker_key(Reference.parse(reference).repository.registry),
        }
        if login
        else {}
    )
    return base64.urlsafe_b64encode(json.dumps(known).encode()).decode()


def _end_of_push(answer: http.client.HTTPResponse, on_line: Callable[[str], None]) -> str:
    """Read the messages of a push to their end; return that of a failure."""
    # Only an answer in chunks tells its end from one that is cut off.
    if answer.status != http.HTTPStatus.OK or not answer.chunked:
        raise EngineApiError(f"the engine answers {answer.status} to a push")
    failures: list[str] = []
    lines = Lines(lambda line: failures.extend(_failure_in(line, on_line)))
    while chunk := answer.read1():
        lines.add(chunk)
    lines.flush()
    return next(iter(failures), "")


def _failure_in(line: str, on_line: Callable[[str], None]) -> Iterator[str]:
    """Yield the failure that a message tells; what others tell is for the user."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise EngineApiError(f"the engine tells of a push what is no object: {line[:100]}")
    if failure := message.get("error"):
        yield str(failure)
    elif message.get("status") and not message.get("progress"):
        on_line(": ".join(str(message[key]) for key in ("id", "status") if message.get(key)))


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def engine_api(program: Program, environ: Mapping[str, str]) -> EngineApi | None:
    """Return the API of the engine that docker would talk to; None if it is not on this machine, or not docker's."""
    scheme, _, path = engine_address(environ).partition("://")
    return EngineApi(path) if scheme == "unix" and program.dialect.can(Feature.ENGINE_API) else None


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="/:@")
