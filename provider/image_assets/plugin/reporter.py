"""The engine's log: status lines in a resource's row, and permanent lines."""

import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

import grpc

from image_assets.plugin.cancellation import Cancellation
from image_assets.plugin.columns import Columns, fitted, width_of
from image_assets.plugin.display import terminal_of_rows
from image_assets.plugin.newest import Newest
from image_assets.protocol.messages import CHANNEL_OPTIONS, engine_pb2, engine_pb2_grpc
from image_assets.secrets import Secrets
from image_assets.task import Task

INFO, WARNING, DEBUG = engine_pb2.INFO, engine_pb2.WARNING, engine_pb2.DEBUG


class Reporter:
    """Sends log lines to the engine (engine.proto, `Log`), and knows whether the deployment was cancelled.

    No line leaves with a secret in it. In a log each status is a line of its own, so that it gets one for each step; a
    terminal's row has room for one, the newest.
    """

    def __init__(self, engine_address: str, secrets: Secrets) -> None:
        self.secrets = secrets
        self.cancellation = Cancellation()
        self.newest = Newest(self.show)
        self.columns = Columns()
        self.connect(engine_address)

    def connect(self, engine_address: str) -> None:
        """Send to this engine from now on; an empty address sends nowhere."""
        self.engine = None
        if engine_address:
            self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine_address, options=CHANNEL_OPTIONS))

    def task(self, urn: str, *, is_update: bool = False) -> Task:
        """Return the task through which a job on one resource reports.

        In the row of an update the difference stands first, and leaves no room in most terminals: the component's row
        shows how far it is, too.
        """
        self.columns.note(urn)
        rows = [urn, *([component_of(urn)] if is_update and "$" in urn else [])]
        live = partial(self.live, rows)
        return Task(
            status=self.stepwise(urn, live),
            live=live,
            info=partial(self.lasting, rows, INFO),
            warn=partial(self.lasting, rows, WARNING),
            debug=lambda text: self.send(urn, DEBUG, text),
            cancelled=self.cancellation.of_job(),
            deployment_cancelled=self.cancellation.deployment,
            secrets=self.secrets,
        )

    def of_function(self) -> Task:
        """Return the task through which a function reports: it has no row of its own."""
        warn = partial(self.send, "", WARNING)
        return Task(warn=warn, cancelled=self.cancellation.deployment, secrets=self.secrets)

    @cached_property
    def terminal(self) -> Path | None:
        """The terminal in which rows are drawn anew; None if it is a log that is written."""
        return terminal_of_rows(os.environ)

    def stepwise(self, urn: str, live: Callable[[str], None]) -> Callable[[str], None]:
        """Return what shows a step: in a log each only once."""
        seen: set[str] = set()

        def show(text: str) -> None:
            if self.terminal:
                live(text)
            elif text not in seen:
                seen.add(text)
                self.show(urn, text)

        return show

    def live(self, rows: list[str], text: str) -> None:
        """Show a line that the next one replaces."""
        if self.terminal:
            for row in rows:
                self.newest.put(row, text)

    def lasting(self, rows: list[str], severity: "engine_pb2.LogSeverity.ValueType", text: str) -> None:
        """Leave a line, after what was shown before it."""
        for row in rows:
            self.newest.flush(row)
        self.send(rows[0], severity, text)

    def show(self, urn: str, text: str) -> None:
        """Show a short-lived line in a row, as much of it as fits."""
        width = width_of(self.terminal)
        # A part of a secret would not be known for one.
        masked = self.secrets.mask(text)
        self.send(urn, INFO, fitted(masked, self.columns.left(width)) if width else masked, ephemeral=True)

    def send(
        self, urn: str, severity: "engine_pb2.LogSeverity.ValueType", text: str, *, ephemeral: bool = False
    ) -> None:
        """Send one line; an engine that is gone is not worth an error."""
        if self.engine is None:
            return
        request = engine_pb2.LogRequest(
            severity=severity, message=self.secrets.mask(text), urn=urn, ephemeral=ephemeral
        )
        if severity == DEBUG:
            # Nobody waits for what hardly anybody reads.
            self.engine.Log.future(request, timeout=5)
            return
        try:
            self.engine.Log(request, timeout=5)
        except grpc.RpcError:
            return


def component_of(urn: str) -> str:
    """Return the URN of the component whose child of the same name this is (Pulumi: `PARENT_TYPE$TYPE::NAME`)."""
    parts = urn.split("::", 3)
    parts[2] = parts[2].rpartition("$")[0]
    return "::".join(parts)
