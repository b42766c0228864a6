"""Publishing in processes of their own, which a test can kill at any moment.

Each is forked from one that has imported everything already, so that most of its life is publishing.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from image_assets.archive import open_archive
from image_assets.oci import NoKeychain, RegistryClient
from image_assets.task import Task
from image_assets.transfer import BlobMemory, Source, copy, move_tag, send, write_tag


def publish(archive: str, registry: str, repository: str, memory: str) -> None:
    """Publish an archive under the tag `t`."""
    task = Task()
    client = RegistryClient(registry, NoKeychain(), task)
    with open_archive(Path(archive)) as opened:
        sent = send(opened, client, repository, task, BlobMemory(Path(memory)))
    write_tag(client, repository, "t", sent, task)


def replicate(source: str, digest: str, registry: str, repository: str, memory: str) -> None:
    """Copy an image of another registry's repository `a/b` under the tag `t`."""
    task = Task()
    client = RegistryClient(registry, NoKeychain(), task)
    found = Source(RegistryClient(source, NoKeychain(), task), "a/b", digest)
    sent = copy(found, client, repository, task, BlobMemory(Path(memory)))
    move_tag(client, repository, "t", sent, task, lambda there: there.digest == digest)


DEEDS: dict[str, Callable[..., None]] = {"publish": publish, "replicate": replicate}


class Publishers:
    """Starts publishing processes, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, arguments: tuple[str, ...], kill_after: float | None = None) -> float:
        """Do what the first argument names, and kill that after some seconds; return how long it ran."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        started = time.monotonic()
        stdin.write(json.dumps(arguments) + "\n")
        stdin.flush()
        child = int(stdout.readline())
        ended, _, _ = select.select([stdout], [], [], kill_after)
        if not ended:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself in this moment
                os.kill(child, signal.SIGKILL)
        assert stdout.readline() == "ended\n"
        return time.monotonic() - started


@contextlib.contextmanager
def publishers() -> Iterator[Publishers]:
    """Run the process that the others are forked from."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Publishers(process)


def serve() -> None:
    """Fork one publishing process for each line of arguments, and say when it ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                deed, *arguments = json.loads(line)
                DEEDS[deed](*arguments)
            finally:
                os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    # Before the fork, or every child would import them.
    import zstandard  # noqa: F401 - as above

    serve()
