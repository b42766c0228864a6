"""A Pulumi project on disk, driven by the plain command line as its user would drive it."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

from tests.support import events
from tests.support.paths import TOOLS_BIN, search_path

Runtime = Literal["yaml", "python", "nodejs", "go"]
_MAIN = {"yaml": "Pulumi.yaml", "python": "__main__.py", "nodejs": "index.js", "go": "main.go"}


@dataclass(frozen=True)
class Run:
    """One finished command.

    Attributes:
        command: The command line.
        code: The exit code.
        stdout: All that it printed.
        stderr: All that it complained about.
        seconds: Wall-clock time.
        log: The engine's event log, empty for commands that have none.
    """

    command: str
    code: int
    stdout: str
    stderr: str
    seconds: float
    log: events.EventLog = field(default_factory=events.EventLog, repr=False)

    @property
    def steps(self) -> tuple[events.Step, ...]:
        """See `EventLog.steps`."""
        return self.log.steps

    @property
    def changes(self) -> tuple[events.Step, ...]:
        """See `EventLog.changes`."""
        return self.log.changes

    @property
    def outputs(self) -> dict[str, Any]:
        """See `EventLog.outputs`."""
        return self.log.outputs

    @property
    def diagnostics(self) -> tuple[events.Diagnostic, ...]:
        """See `EventLog.diagnostics`."""
        return self.log.diagnostics

    @property
    def text(self) -> str:
        """Everything printed, on either stream."""
        return self.stdout + self.stderr

    def messages(self, severity: str) -> str:
        """See `EventLog.messages`."""
        return self.log.messages(severity)

    def step(self, type_ending: str, name: str | None = None) -> events.Step:
        """Return the only step on a type (`PublishedImage`) and, if given, a name."""
        found = [s for s in self.steps if s.type.endswith(type_ending) and name in (None, s.name)]
        assert len(found) == 1, f"{len(found)} steps on {type_ending} {name or ''}: {found}"
        return found[0]


class CommandFailedError(AssertionError):
    """A command ended with another code than 0; shows what it printed."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"{run.command} ended with {run.code}\n--- stdout\n{run.stdout}\n--- stderr\n{run.stderr}")
        self.run = run


@dataclass
class Project:
    """A project folder with one stack in a backend of its own.

    Attributes:
        folder: The project's folder; relative paths in the program mean this folder.
        private: A folder for Pulumi's home, the backend and logs.
        runtime: The program's language.
        name: The project's name.
        stack: The stack's name.
        environ: Variables on top of the isolated environment.
    """

    folder: Path
    private: Path
    runtime: Runtime = "yaml"
    name: str = "proj"
    stack: str = "dev"
    environ: dict[str, str] = field(default_factory=dict)
    _ready: bool = field(default=False, init=False, repr=False)

    def write(self, program: str) -> None:
        """Set the program: Python source, or for YAML all of Pulumi.yaml but its name and runtime."""
        self.folder.mkdir(parents=True, exist_ok=True)
        header = f"name: {self.name}\nruntime: {self.runtime}\n"
        (self.folder / "Pulumi.yaml").write_text(header)
        with (self.folder / _MAIN[self.runtime]).open("a" if self.runtime == "yaml" else "w") as file:
            file.write(dedent(program))

    def preview(self, *flags: str, diff: bool = True, expect_no_changes: bool = False, check: bool = True) -> Run:
        """Run `pulumi preview`."""
        return self._operate("preview", flags, {"--diff": diff, "--expect-no-changes": expect_no_changes}, check)

    def up(self, *flags: str, expect_no_changes: bool = False, check: bool = True) -> Run:
        """Run `pulumi up` without its preview and without its question."""
        wanted = {"--yes": True, "--skip-preview": True, "--expect-no-changes": expect_no_changes}
        return self._operate("up", flags, wanted, check)

    def refresh(self, *flags: str, expect_no_changes: bool = False, check: bool = True) -> Run:
        """Run `pulumi refresh`."""
        wanted = {"--yes": True, "--skip-preview": True, "--expect-no-changes": expect_no_changes}
        return self._operate("refresh", flags, wanted, check)

    def destroy(self, *flags: str, check: bool = True) -> Run:
        """Run `pulumi destroy`."""
        return self._operate("destroy", flags, {"--yes": True, "--skip-preview": True}, check)

    def import_resource(self, type_token: str, name: str, resource_id: str, *flags: str, check: bool = True) -> Run:
        """Run `pulumi import` for one resource, without writing code for it."""
        wanted = {"--yes": True, "--skip-preview": True, "--generate-code=false": True, "--protect=false": True}
        return self._operate("import", (*flags, type_token, name, resource_id), wanted, check)

    def set_config(self, key: str, value: str, *, secret: bool = False) -> None:
        """Set a config value of the stack (`image-assets:defaultPlatform`; `--path` syntax is understood)."""
        kind = "--secret" if secret else "--plaintext"
        self.pulumi("config", "set", "--path", kind, key, "--", value)

    def stack_outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as stored, secrets in the clear."""
        return dict(json.loads(self.pulumi("stack", "output", "--json", "--show-secrets").stdout))

    def state(self, *, show_secrets: bool = True) -> list[dict[str, Any]]:
        """Return the stored resources, in the checkpoint's order."""
        flags = ["--show-secrets"] if show_secrets else []
        exported = json.loads(self.pulumi("stack", "export", *flags).stdout)
        return list(exported["deployment"].get("resources") or [])

    def stored(self, type_ending: str, name: str | None = None) -> dict[str, Any]:
        """Return the only stored resource of a type and, if given, a name."""
        found = [r for r in self.state() if r["type"].endswith(type_ending)]
        found = [r for r in found if name is None or r["urn"].endswith(f"::{name}")]
        assert len(found) == 1, f"{len(found)} resources {type_ending} {name or ''} in the state"
        return found[0]

    def pulumi(self, *arguments: str, check: bool = True, timeout: float = 240) -> Run:
        """Run any command on the stack."""
        self._init_stack()
        return self._run(arguments, check=check, timeout=timeout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command on the stack and leave it running, in a process group of its own."""
        self._init_stack()
        return self._popen(["pulumi", "--non-interactive", "--color=never", *arguments])

    def interrupt_up(self, when: Callable[[], bool], *, patience: float = 60, grace: float = 30) -> Run:
        """Start `pulumi up`, press Ctrl-C once `when()` says so, and wait for its end.

        Args:
            when: Asked every 20 ms; an `up` that ends before it says yes is a failed assertion.
            patience: Seconds to wait for `when`.
            grace: Seconds to wait for the end; `Run.seconds` counts from the Ctrl-C.
        """
        process = self.start("up", "--yes", "--skip-preview", self._fresh_event_log())
        try:
            _wait(when, process, patience)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=grace)
        finally:
            process.kill()
        return Run(
            "pulumi up (interrupted)", process.returncode, stdout, stderr, time.monotonic() - began, self._events()
        )

    @property
    def isolated_environ(self) -> dict[str, str]:
        """The variables every command gets: nothing of the user's Pulumi or docker set-up reaches it."""
        inherited = {k: v for k, v in os.environ.items() if not re.match(r"PULUMI_|AWS_|DOCKER_(?!HOST)", k)}
        return inherited | self._own_environ() | self.environ

    def _own_environ(self) -> dict[str, str]:
        return {
            "PATH": search_path(),
            "PULUMI_BACKEND_URL": f"file://{self.private / 'backend'}",
            "PULUMI_HOME": str(self.private / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # unlocks --event-log
            "DOCKER_CONFIG": str(self.private / "docker"),
            "XDG_CACHE_HOME": str(self.private / "cache"),
        }

    @property
    def _event_log(self) -> Path:
        return self.private / "events.json"

    def _fresh_event_log(self) -> str:
        self._event_log.unlink(missing_ok=True)
        return f"--event-log={self._event_log}"

    def _operate(self, verb: str, flags: Sequence[str], wanted: Mapping[str, bool], check: bool) -> Run:  # noqa: FBT001 - private
        chosen = [flag for flag, on in wanted.items() if on]
        return self.pulumi(verb, *chosen, self._fresh_event_log(), *flags, check=check)

    def prepare(self) -> None:
        """Make all that the user has but the stack, which the test makes in the user's own way."""
        self._ready = True
        (self.private / "backend").mkdir(parents=True, exist_ok=True)
        write_docker_config(self.private / "docker")

    def _init_stack(self) -> None:
        if not self._ready:
            self.prepare()
            self._run(["stack", "init", self.stack])

    def _run(self, arguments: Sequence[str], *, check: bool = True, timeout: float = 240) -> Run:
        began = time.monotonic()
        process = self._popen(["pulumi", "--non-interactive", "--color=never", *arguments])
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        finally:
            process.kill()
        seconds = time.monotonic() - began
        log = self._events() if any(a.startswith("--event-log=") for a in arguments) else events.EventLog()
        run = Run("pulumi " + " ".join(arguments), process.returncode, stdout, stderr, seconds, log)
        print(f"[{run.seconds:5.1f} s] {run.command} -> {run.code}")
        if check and run.code:
            raise CommandFailedError(run)
        return run

    def _popen(self, command: Sequence[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.isolated_environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _events(self) -> events.EventLog:
        if not self._event_log.exists():
            return events.EventLog()
        with self._event_log.open() as lines:
            return events.parse(lines)


def write_docker_config(folder: Path) -> None:
    """Make an empty docker configuration that finds the buildx plugin of this checkout, if it was built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(TOOLS_BIN)]}))


def _wait(when: Callable[[], bool], process: "subprocess.Popen[str]", patience: float) -> None:
    """Return once `when()` is true."""
    deadline = time.monotonic() + patience
    while not when():
        assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
