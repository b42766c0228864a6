"""Language hosts for machines that have none: they run a program in a process of its own, as the real ones do.

They speak LanguageRuntime (pulumi/proto/language.proto). Dependencies are installed by the tests.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

#: Returns the command that runs the program in a folder, for a request (RunRequest) and the engine's address.
CommandOf = Callable[[Path, Any, str], Sequence[str | Path]]


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """One language's host.

    Args:
        command_of: How its programs are run.
        engine: The engine's address.
    """

    def __init__(self, command_of: CommandOf, engine: str) -> None:
        self._command_of = command_of
        self._engine = engine

    def Handshake(self, request: Any, context: Any) -> Any:
        """Agree to everything."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Be a version."""
        return plugin_pb2.PluginInfo(version="1.0.0")

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        """Ask nothing."""
        return language_pb2.RuntimeOptionsResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Ask for none: plugins are on PATH."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        """Ask for none."""
        return language_pb2.GetRequiredPluginsResponse()

    def InstallDependencies(self, request: Any, context: Any) -> Any:
        """Install nothing: the tests have."""
        return iter(())

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """Name none."""
        return language_pb2.GetProgramDependenciesResponse()

    def Run(self, request: Any, context: Any) -> Any:
        """Run the program; what it prints is shown if it fails."""
        folder = Path(request.info.program_directory or request.pwd)
        command = [str(part) for part in self._command_of(folder, request, self._engine)]
        environ = {**os.environ, **variables(request, self._engine)}
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        said = done.stderr + done.stdout
        return language_pb2.RunResponse(
            error=f"{command[0]} ended with {done.returncode}: {said}" if done.returncode else ""
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        """Stop: the engine is going away."""
        threading.Timer(0.05, os._exit, [0]).start()
        return empty_pb2.Empty()


def variables(request: Any, engine: str) -> Mapping[str, str]:
    """Return the variables by which a program finds its deployment (Pulumi's sdk/go/pulumi, `EnvMonitor`)."""
    return {
        "PULUMI_PROJECT": request.project,
        "PULUMI_STACK": request.stack,
        "PULUMI_ORGANIZATION": request.organization,
        "PULUMI_ROOT_DIRECTORY": request.info.root_directory,
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        "PULUMI_DRY_RUN": "true" if request.dryRun else "false",
        "PULUMI_PARALLEL": str(request.parallel),
        "PULUMI_MONITOR": request.monitor_address,
        "PULUMI_ENGINE": engine,
    }


def serve(command_of: CommandOf) -> None:
    """Serve until the engine ends this process; the first line on stdout is the port."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    engine = next(argument for argument in reversed(sys.argv) if not argument.startswith("-"))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(command_of, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
