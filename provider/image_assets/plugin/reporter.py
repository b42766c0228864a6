"""The engine's log: status lines in a resource's row, and permanent lines."""

import threading
import time
from collections.abc import Callable

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from image_assets.task import Task

#: In a log that is not a terminal each status is a line of its own, so that they come at most once a second.
STATUS_INTERVAL = 1.0

INFO, WARNING, DEBUG = engine_pb2.INFO, engine_pb2.WARNING, engine_pb2.DEBUG


class Reporter:
    """Sends log lines to the engine (engine.proto, `Log`), and knows whether the deployment was cancelled."""

    def __init__(self, engine_address: str) -> None:
        self.cancelled = threading.Event()
        self.connect(engine_address)

    def connect(self, engine_address: str) -> None:
        """Send to this engine from now on; an empty address sends nowhere."""
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine_address)) if engine_address else None

    def task(self, urn: str) -> Task:
        """Return the task through which a job on one resource reports."""
        return Task(
            status=Throttled(lambda text: self.send(urn, INFO, text, ephemeral=True)),
            info=lambda text: self.send(urn, INFO, text),
            warn=lambda text: self.send(urn, WARNING, text),
            debug=lambda text: self.send(urn, DEBUG, text),
            cancelled=self.cancelled,
        )

    def send(
        self, urn: str, severity: "engine_pb2.LogSeverity.ValueType", text: str, *, ephemeral: bool = False
    ) -> None:
        """Send one line; an engine that is gone is not worth an error."""
        if self.engine is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral)
        try:
            self.engine.Log(request, timeout=5)
        except grpc.RpcError:
            return


class Throttled:
    """Passes on the first text at once and later ones no more often than the interval allows."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self.send = send
        self.next = 0.0
        self.last = ""

    def __call__(self, text: str) -> None:
        """Pass the text on, or drop it: a later one says more."""
        now = time.monotonic()
        if now >= self.next and text != self.last:
            self.next, self.last = now + STATUS_INTERVAL, text
            self.send(text)
