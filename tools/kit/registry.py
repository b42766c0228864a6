"""A real registry (docker-registry, the CNCF Distribution) on this machine, on a free port."""

import http.client
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.kit.commands import SetupError
from tools.kit.ports import free_port

_PROGRAMS = ("docker-registry", "registry")
_PATIENCE = 20
_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: "{data}"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"{tls}}}
"""
_TLS = ', tls: {{certificate: "{file}", key: "{file}"}}'
_AUTH = 'auth: {{htpasswd: {{realm: test, path: "{htpasswd}"}}}}\n'


class RegistryMissingError(SetupError):
    """The registry's program is not installed or did not start; says what to do."""


@dataclass(frozen=True)
class LocalRegistry:
    """A registry that is running.

    Attributes:
        address: `localhost:PORT`, as it stands in image references; docker takes it as allowed without TLS.
        log: Its output, access log included.
        tls: Whether it speaks TLS.
    """

    address: str
    log: Path
    tls: bool = False


@contextmanager
def running(folder: Path, htpasswd: str | None = None, tls: Path | None = None) -> Iterator[LocalRegistry]:
    """Run a registry that keeps everything in `folder`, and end it.

    Args:
        folder: An existing folder for its storage, config and log.
        htpasswd: Lines `user:bcrypt`; without them everybody may do everything.
        tls: A file with its certificate and key; without it, it speaks plain HTTP.

    Raises:
        RegistryMissingError: The program is missing or does not start.
    """
    port = free_port()
    registry = LocalRegistry(f"localhost:{port}", folder / "registry.log", tls is not None)
    with registry.log.open("wb") as log:
        process = subprocess.Popen(
            [_program(), "serve", str(_write_config(folder, port, htpasswd, tls))], stdout=log, stderr=log
        )
    try:
        _wait(registry, port, process)
        yield registry
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _program() -> str:
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise RegistryMissingError(
            "no registry program: install Debian's docker-registry, or `registry` of distribution"
        )
    return found


def _write_config(folder: Path, port: int, htpasswd: str | None, tls: Path | None) -> Path:
    text = _CONFIG.format(data=folder / "data", port=port, tls=_TLS.format(file=tls) if tls else "")
    if htpasswd is not None:
        (folder / "htpasswd").write_text(htpasswd)
        text += _AUTH.format(htpasswd=folder / "htpasswd")
    config = folder / "registry.yml"
    config.write_text(text)
    return config


def _wait(registry: LocalRegistry, port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _answers(port, tls=registry.tls):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RegistryMissingError(f"the registry did not start:\n{registry.log.read_text(errors='replace')}")
        time.sleep(0.02)


def _answers(port: int, *, tls: bool) -> bool:
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=ssl._create_unverified_context())  # noqa: SLF001 - http.client has no other word for it
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    )
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in {200, 401}
    except OSError:
        return False
    finally:
        connection.close()
