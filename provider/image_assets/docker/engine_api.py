"""A docker engine on this machine, asked by its own API: a start of `docker` takes ten times as long as the answer.

The API is the Docker Engine API, without a version in the path, which every engine answers by its own.
"""

import http.client
import json
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from image_assets.docker.builders import engine_address
from image_assets.docker.dialect import Feature
from image_assets.docker.program import Program
from image_assets.frozen import dataclass

_MOST_BYTES: Final = 4 << 20


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
