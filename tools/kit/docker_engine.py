"""The docker engine: the running one, or one that is started here and stopped again."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.kit.commands import SetupError

_PATIENCE = 60
_PIDFILE = Path("/run/image-assets-dockerd.pid")
_LOG = Path("/var/log/image-assets-dockerd.log")


class EngineMissingError(SetupError):
    """No docker engine answers and none can be started; says what to do."""


def answers() -> bool:
    """Say whether `docker` reaches an engine."""
    if not shutil.which("docker"):
        return False
    probe = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@contextmanager
def running() -> Iterator[None]:
    """Make sure that an engine answers; one started for this is stopped at the end.

    Raises:
        EngineMissingError: None answers, and none can be started.
    """
    if answers():
        yield
        return
    daemon = _start()
    try:
        yield
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(_PATIENCE)


def _start() -> "subprocess.Popen[bytes]":
    """Start dockerd in the background and wait until it answers."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise EngineMissingError("no docker engine answers: start docker (dockerd), or set DOCKER_HOST")
    # One left by a killed engine would keep the next from starting once its number is another process's.
    _PIDFILE.unlink(missing_ok=True)
    with _LOG.open("wb") as log:
        command = ["dockerd", f"--pidfile={_PIDFILE}"]
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(daemon)
    except BaseException:
        daemon.terminate()
        raise
    return daemon


def _wait_for(daemon: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise EngineMissingError(f"dockerd did not start; the end of {_LOG}:\n{_last_lines()}")
        time.sleep(0.2)


def _last_lines() -> str:
    return "\n".join(_LOG.read_text(errors="replace").splitlines()[-15:])
