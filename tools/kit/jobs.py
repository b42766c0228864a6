"""Work that takes minutes: one line each, with the time that it took; what it prints goes to a file."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tools.kit.commands import REPO, TOOLS, SetupError

_LOGS = TOOLS / "logs"
_SHOWN_LINES = 15


@dataclass
class Job:
    """One piece of work.

    Attributes:
        title: What is done, as a line begins: `building pulumi`.
        name: The name of its log, which is `.tools/logs/NAME.log`.
        work: Does it, by `run` of the job that it gets.
    """

    title: str
    name: str
    work: "Callable[[Job], None]" = field(repr=False)
    began: float | None = None
    ended: float | None = None
    _process: "subprocess.Popen[bytes] | None" = None
    _stopped: bool = False

    @property
    def log(self) -> Path:
        """Where its output is."""
        return _LOGS / f"{self.name}.log"

    def run(self, command: Sequence[str | Path], *, cwd: Path = REPO, environ: Mapping[str, str] | None = None) -> None:
        """Run a command that must succeed.

        Raises:
            SetupError: It failed: the end of what it printed, and where all of it is.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            if self._stopped:
                self.stop()
            code = self._process.wait()
        if code:
            last = "\n".join(f"  {line}" for line in self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])
            raise SetupError(f"{self.title} failed with code {code}; the end of {self.log}:\n{last}")

    def stop(self) -> None:
        """End what runs."""
        self._stopped = True
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def line(self) -> str:
        """Show what is done and for how long."""
        if self.began is None:
            return f"setup: {self.title}: waiting"
        return f"setup: {self.title}: {_shown((self.ended or time.monotonic()) - self.began)}"

    def do(self) -> None:
        """Do it from the start."""
        self.log.unlink(missing_ok=True)
        self.began = time.monotonic()
        try:
            self.work(self)
        finally:
            self.ended = time.monotonic()


def do(*jobs: Job, at_once: int = 1) -> None:
    """Do all of them, so many side by side; the first failure ends the others.

    Raises:
        SetupError: One failed.
    """
    if not jobs:
        return
    _LOGS.mkdir(parents=True, exist_ok=True)
    show = _Rows(jobs) if sys.stdout.isatty() else _Log()
    with show, ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(_done, job, show) for job in jobs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for job, future in zip(jobs, futures, strict=True):
                future.cancel()
                job.stop()
            raise


def _done(job: Job, show: "_Rows | _Log") -> None:
    job.do()
    show.ended(job)


class _Log:
    """Prints a line when a job has ended."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *_raised: object) -> None:
        """End."""

    def ended(self, job: Job) -> None:
        # One write: of an unbuffered stream, print() writes the line's end apart, and jobs end side by side.
        sys.stdout.write(f"{job.line()}\n")
        sys.stdout.flush()


class _Rows:
    """Draws the jobs' lines anew each second."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> None:
        print("\n".join(job.line() for job in self._jobs), flush=True)
        self._thread.start()

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()
        self._draw()

    def ended(self, job: Job) -> None:
        """Leave it to the next drawing."""

    def _work(self) -> None:
        while not self._over.wait(1):
            self._draw()

    def _draw(self) -> None:
        # Up to the first line; each is cleared before it is written (ECMA-48: CUU, EL).
        lines = "".join(f"\r\x1b[K{job.line()}\n" for job in self._jobs)
        sys.stdout.write(f"\x1b[{len(self._jobs)}A{lines}")
        sys.stdout.flush()


def _shown(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
