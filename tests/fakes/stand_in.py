"""A stand-in for Pulumi's engine: it plans and makes deployments as the engine's step generator does.

The plugins are real processes.

What it follows (pulumi/pulumi, `pkg/resource/deploy`): a resource is known by its URN or an alias, of its own or its
parent's; Check, then Diff, then the step; a replacement is created before the old one goes; what the program does not
name any more goes last, in reverse order; after a failure nothing is begun any more, and what was done stays in the
state. It is checked against the real engine by `tests/engine/test_model.py`, which plays the same programs on both.
"""

# ruff: noqa: N802 - the methods' names are gRPC's

import hashlib
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2, resource_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from image_assets.protocol import wire
from image_assets.values import UNKNOWN, Secret, has_unknown, reveal
from tests.fakes.aws_plugin import Plugin as AwsPlugin
from tests.fakes.nursery import Nursery

PACKAGE = "image-assets"
_REFERENCE = re.compile(r"\$\{([\w-]+)\.(\w+)\}")
_OVER = "resource monitor shut down"

Values = dict[str, Any]
Program = Mapping[str, Mapping[str, Any]]
"""The `resources` of a YAML program: `{name: {type, properties, options: {aliases: [{name}]}}}`."""


@dataclass(frozen=True)
class Resource:
    """One resource in the state."""

    urn: str
    type: str
    parent: str = ""
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, order=True)
class Step:
    """What was done, or would be."""

    op: str
    type: str
    name: str


@dataclass
class Outcome:
    """How one command ended.

    Attributes:
        errors: Why it failed; none if it succeeded.
        steps: What was done or would be, in order, without what stays the same.
        outputs: The outputs of the program's resources as far as they are known, by name.
        log: All that was said.
    """

    errors: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Values] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


class _FailedError(Exception):
    """A step failed."""


class _OverError(Exception):
    """A child of a component failed, and all is over."""


@dataclass
class StandIn:
    """One stack.

    Attributes:
        nursery: Where plugins come from.
        folder: The program's folder.
        config: The provider's configuration.
        state: The resources, in the order in which they were made.
        condemned: Replaced resources that could not be deleted yet.
        project: The project's name.
        stack: The stack's name.
        aws: The stand-in for pulumi-aws, which lives in this process.
    """

    nursery: Nursery
    folder: Path
    config: Values
    state: dict[str, Resource] = field(default_factory=dict)
    condemned: list[Resource] = field(default_factory=list)
    project: str = "proj"
    stack: str = "dev"
    aws: AwsPlugin = field(default_factory=AwsPlugin)

    def preview(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """Say what `up` would do."""
        return self._run(program, replace, target, preview=True)

    def up(
        self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = (), goes_on: bool = False
    ) -> Outcome:
        """Bring the stack into the program's form; `replace` and `target` are URNs."""
        return self._run(program, replace, target, preview=False, goes_on=goes_on)

    def interrupted_up(self, program: Program, moment: Path) -> Outcome:
        """Update as `up`, and cancel when a file appears, if it does."""
        with self._deployment() as run, run.cancelled_at(moment):
            run.play(program)
            return run.outcome

    def refresh(self) -> Outcome:
        """Ask how every resource is now."""
        with self._deployment() as run:
            run.refresh()
            return run.outcome

    def destroy(self) -> Outcome:
        """Delete everything."""
        with self._deployment() as run:
            run.delete_rest()
            return run.outcome

    def _run(self, program: Program, replaced: Collection[str], target: Collection[str], **how: bool) -> Outcome:
        with self._deployment(replaced=replaced, targets=target, **how) as run:
            run.play(program)
            return run.outcome

    @contextmanager
    def _deployment(self, **how: Any) -> Iterator["_Deployment"]:
        with ExitStack() as stack:
            run = _Deployment(self, **how)
            server = grpc.server(ThreadPoolExecutor(32))
            resource_pb2_grpc.add_ResourceMonitorServicer_to_server(run, server)
            engine_pb2_grpc.add_EngineServicer_to_server(_Log(run.outcome.log), server)
            run.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            server.start()
            stack.callback(server.stop, None)
            run.plugin = stack.enter_context(self.nursery.plugin(self.folder, run.address))
            run.plugin.Handshake(pb.ProviderHandshakeRequest(engine_address=run.address))
            run.plugin.Configure(pb.ConfigureRequest(urn=run.provider_urn, id="7", args=wire.encode(self.config)))
            yield run
            # As the engine's snapshots are: what was looked at in this order, then the rest.
            seen = {urn: self.state[urn] for urn in run.made if urn in self.state}
            self.state = {**seen, **{urn: one for urn, one in self.state.items() if urn not in seen}}


@dataclass
class _Log(engine_pb2_grpc.EngineServicer):
    lines: list[str]

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:
        self.lines.append(request.message)
        return empty_pb2.Empty()


@dataclass
class _Aborting:
    """The context of an RPC that is a plain call."""

    def abort(self, code: grpc.StatusCode, text: str) -> None:
        raise _FailedError(text)


@dataclass
class _Deployment(resource_pb2_grpc.ResourceMonitorServicer):
    """One command on a stack."""

    stack: StandIn
    preview: bool = False
    replaced: Collection[str] = ()
    targets: Collection[str] = ()
    goes_on: bool = False
    address: str = ""
    plugin: Any = None
    outcome: Outcome = field(default_factory=Outcome)
    #: What the program has registered; in a preview, as far as it is known.
    made: dict[str, Resource] = field(default_factory=dict)
    answers: dict[str, Values] = field(default_factory=dict)
    #: The resource that each URN was, under whatever URN.
    former: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def provider_urn(self) -> str:
        return self.urn("", f"pulumi:providers:{PACKAGE}", "default")

    def urn(self, parent: str, token: str, name: str) -> str:
        kinds = parent.split("::")[2] + "$" if parent and "pulumi:pulumi:Stack" not in parent else ""
        return f"urn:pulumi:{self.stack.stack}::{self.stack.project}::{kinds}{token}::{name}"

    # --- the program

    def play(self, program: Program) -> None:
        """Register what the program declares, in its order, then delete what it does not."""
        for name, declared in program.items():
            try:
                self.outcome.outputs[name] = self.declare(name, declared)
            except _OverError:
                return
            except (_FailedError, grpc.RpcError) as error:
                self.fail(error)
                if not self.goes_on:
                    return
                self.outcome.outputs[name] = {}
        if not self.outcome.errors:
            self.delete_rest()

    @contextmanager
    def cancelled_at(self, moment: Path) -> Iterator[None]:
        """Cancel when a file appears, as the engine does when its user interrupts it."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                if moment.exists():
                    self.plugin.Cancel(empty_pb2.Empty(), timeout=20)
                    self.outcome.errors.append("cancelled")
                    self.over.set()
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def declare(self, name: str, declared: Mapping[str, Any]) -> Values:
        """Register one resource, and return its outputs."""
        inputs: Values = {}
        dependencies: dict[str, set[str]] = {}
        for key, value in declared.get("properties", {}).items():
            inputs[key] = self.evaluated(value, dependencies.setdefault(key, set()))
        aliases = [one["name"] for one in declared.get("options", {}).get("aliases", [])]
        token = _full_token(declared["type"])
        if not token.startswith(PACKAGE):
            own = resource_pb2.RegisterResourceRequest(type=token, name=name, custom=True)
            own.object.CopyFrom(wire.encode(inputs))
            return wire.decode(self.register(own).object)
        request = pb.ConstructRequest(
            project=self.stack.project,
            stack=self.stack.stack,
            monitorEndpoint=self.address,
            dryRun=self.preview,
            type=token,
            name=name,
            parent=self.urn("", "pulumi:pulumi:Stack", f"{self.stack.project}-{self.stack.stack}"),
            inputs=wire.encode(inputs),
            accepts_output_values=True,
        )
        for key, urns in dependencies.items():
            request.inputDependencies[key].urns.extend(sorted(urns))
        for alias in aliases:
            request.aliases.add().spec.name = alias
        if self.goes_on and not self.preview and has_unknown(inputs):
            # What it needs has failed: the engine leaves it out.
            return {}
        answer = self.plugin.Construct.future(request, timeout=120)
        answer.add_done_callback(lambda _: self.over.set())
        self.over.wait()
        if self.outcome.errors and not self.goes_on:
            # The engine ends its plugins, and the component that waits for a child that failed.
            self.plugin.Cancel(empty_pb2.Empty(), timeout=20)
            raise _OverError
        self.over.clear()
        return wire.decode(answer.result().state)

    def evaluated(self, value: Any, dependencies: set[str]) -> Any:
        """Return a value of the program: `fn::secret` and `${name.output}` are understood."""
        if isinstance(value, Mapping):
            if "fn::secret" in value:
                return Secret(self.evaluated(value["fn::secret"], dependencies))
            return {key: self.evaluated(item, dependencies) for key, item in value.items()}
        if isinstance(value, list):
            return [self.evaluated(item, dependencies) for item in value]
        if isinstance(value, str) and (found := _REFERENCE.search(value)):
            missing = UNKNOWN if self.preview or self.outcome.errors else None
            told = self.outcome.outputs[found[1]].get(found[2], missing)
            dependencies.update(urn for urn in self.made if urn.endswith(f"::{found[1]}"))
            return told if found[0] == value or has_unknown(told) else value.replace(found[0], str(reveal(told)))
        return value

    # --- the monitor

    def SupportsFeature(self, request: Any, context: Any) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=True)

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest, context: Any) -> Any:
        if self.outcome.errors and not self.goes_on:
            context.abort(grpc.StatusCode.UNAVAILABLE, _OVER)
        if self.goes_on and not self.preview and has_unknown(wire.decode(request.object)):
            return self.failed(request)
        try:
            return self.register(request)
        except (_FailedError, grpc.RpcError) as error:
            self.fail(error)
        if self.goes_on and request.supportsResultReporting:
            return self.failed(request)
        return context.abort(grpc.StatusCode.UNAVAILABLE, _OVER)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> empty_pb2.Empty:
        if self.outcome.errors and not self.goes_on:
            context.abort(grpc.StatusCode.UNAVAILABLE, _OVER)
        made = replace(self.made[request.urn], outputs=wire.decode(request.outputs))
        self.keep(made)
        return empty_pb2.Empty()

    def failed(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        """Answer that a step failed, or was left out, where the rest goes on; what there was stays."""
        urn = self.urn(request.parent, request.type, request.name)
        if old := self.find(urn, request):
            self.former[urn] = old.urn
            self.keep(replace(old, urn=urn, parent=request.parent))
        return resource_pb2.RegisterResourceResponse(urn=urn, result=resource_pb2.FAIL)

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest, context: Any) -> Any:
        response = resource_pb2.ResourceInvokeResponse()
        try:
            answer = self.stack.aws.Invoke(pb.InvokeRequest(tok=request.tok, args=request.args), _Aborting())
        except _FailedError as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"invocation of {request.tok} returned an error: {error}")
        getattr(response, "return").CopyFrom(getattr(answer, "return"))
        return response

    def register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        """Take a registration, do its step, and answer."""
        urn = self.urn(request.parent, request.type, request.name)
        assert urn not in self.made, f"{urn} is registered twice"
        old = self.find(urn, request)
        if old:
            self.former[urn] = old.urn
        if self.targets and urn not in self.targets:
            made = replace(old, urn=urn, parent=request.parent) if old else None
            assert made, "no new resource is left out by targets in these programs"
        elif not request.custom:
            made = Resource(
                urn, request.type, request.parent, "", wire.decode(request.object), old.outputs if old else {}
            )
            if not old:
                self.note("create", made)
        else:
            made = self.step(urn, request, old)
        self.keep(made)
        shown = {k: v for k, v in made.outputs.items() if request.custom}
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made.id, object=wire.encode(shown))

    def find(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> Resource | None:
        """Return what the resource was, by its URN, its aliases, or those of its parent."""
        names = [(request.parent, request.name), *((request.parent, one.spec.name) for one in request.aliases)]
        parent = self.former.get(request.parent)
        if parent and parent != request.parent:
            new, old = request.parent.rpartition("::")[2], parent.rpartition("::")[2]
            name = request.name
            names.append((parent, old + name.removeprefix(new) if name.startswith(new) else name))
        taken = set(self.former.values())
        for above, name in names:
            found = self.stack.state.get(self.urn(above, request.type, name))
            if found and found.urn not in taken:
                return found
        return None

    def step(self, urn: str, request: resource_pb2.RegisterResourceRequest, old: Resource | None) -> Resource:
        """Do what a custom resource needs."""
        about: Any = {"urn": urn, "name": request.name, "type": request.type}
        olds = wire.encode(old.inputs) if old else None
        seed = hashlib.sha256(urn.encode()).digest()
        news = _without_ignored(request, old)
        checked = self.call(request.type, "Check", pb.CheckRequest(olds=olds, news=news, randomSeed=seed, **about))
        if checked.failures:
            raise _FailedError("\n".join(f"{one.property}: {one.reason}" for one in checked.failures))
        wanted = Resource(urn, request.type, request.parent, old.id if old else "", wire.decode(checked.inputs))
        if old is None:
            return self.create("create", wanted, checked.inputs, about)
        diff = self.call(
            request.type,
            "Diff",
            pb.DiffRequest(
                id=old.id,
                olds=wire.encode(old.outputs),
                old_inputs=wire.encode(old.inputs),
                news=checked.inputs,
                ignoreChanges=request.ignoreChanges,
                **about,
            ),
        )
        self.outcome.log.extend(f"{path} differs" for path in diff.detailedDiff)
        if diff.replaces or urn in self.replaced:
            if request.deleteBeforeReplace:
                self.delete("delete-replaced", old)
                return self.create("replace", wanted, checked.inputs, about)
            made = self.create("replace", wanted, checked.inputs, about)
            if not self.preview:
                self.stack.state.pop(old.urn, None)
                self.stack.condemned.append(old)
            else:
                self.note("delete-replaced", old)
            return made
        if diff.changes != pb.DiffResponse.DIFF_SOME:
            return replace(wanted, outputs=old.outputs)
        return self.update(wanted, old, checked.inputs, about)

    def create(self, op: str, wanted: Resource, inputs: Any, about: Any) -> Resource:
        if self.preview and not wanted.type.startswith(PACKAGE):
            made = pb.CreateResponse(properties=inputs)
        else:
            request = pb.CreateRequest(properties=inputs, preview=self.preview, **about)
            made = self.call(wanted.type, "Create", request)
        self.note(op, wanted)
        return replace(wanted, id=made.id, outputs=wire.decode(made.properties))

    def update(self, wanted: Resource, old: Resource, inputs: Any, about: Any) -> Resource:
        self.note("update", wanted)
        if self.preview and not wanted.type.startswith(PACKAGE):
            return replace(wanted, outputs=wire.decode(inputs))
        request = pb.UpdateRequest(
            id=old.id,
            olds=wire.encode(old.outputs),
            old_inputs=wire.encode(old.inputs),
            news=inputs,
            preview=self.preview,
            **about,
        )
        return replace(wanted, outputs=wire.decode(self.call(wanted.type, "Update", request).properties))

    # --- what is not declared

    def delete_rest(self) -> None:
        """Delete what was replaced, and what the program does not name, in reverse order."""
        kept = set(self.former.values()) | set(self.made)
        rest = [one for one in self.stack.state.values() if one.urn not in kept]
        chosen = [one for one in rest if not self.targets or one.urn in self.targets]
        try:
            for old in reversed(tuple(self.stack.condemned)):
                self.delete("delete-replaced", old)
            for old in reversed(chosen):
                self.delete("delete", old)
        except (_FailedError, grpc.RpcError) as error:
            self.fail(error)

    def delete(self, op: str, old: Resource) -> None:
        self.note(op, old)
        if self.preview:
            return
        if old.id:
            request = pb.DeleteRequest(
                id=old.id,
                urn=old.urn,
                name=old.name,
                type=old.type,
                properties=wire.encode(old.outputs),
                old_inputs=wire.encode(old.inputs),
            )
            self.call(old.type, "Delete", request)
        # One that was replaced by its like is equal to that one.
        condemned = [one for one in self.stack.condemned if one is not old]
        if len(condemned) == len(self.stack.condemned):
            self.stack.state.pop(old.urn, None)
        self.stack.condemned = condemned

    def refresh(self) -> None:
        """Ask each custom resource's provider how it is."""
        for old in [one for one in self.stack.state.values() if one.id]:
            about: Any = {"urn": old.urn, "name": old.name, "type": old.type, "id": old.id}
            inputs, outputs = wire.encode(old.inputs), wire.encode(old.outputs)
            try:
                found = self.call(old.type, "Read", pb.ReadRequest(inputs=inputs, properties=outputs, **about))
                if not found.id:
                    del self.stack.state[old.urn]
                    continue
                # The engine shows what a refresh found as the difference from what it finds to what it had.
                request = pb.DiffRequest(olds=found.properties, old_inputs=found.inputs, news=inputs, **about)
                self.call(old.type, "Diff", request)
            except (_FailedError, grpc.RpcError) as error:
                self.fail(error)
                return
            now = replace(old, id=found.id, inputs=wire.decode(found.inputs), outputs=wire.decode(found.properties))
            self.stack.state[old.urn] = now

    # --- book-keeping

    def keep(self, made: Resource) -> None:
        """Put a resource where the next command finds it."""
        self.made[made.urn] = made
        if not self.preview:
            former = self.former.get(made.urn)
            if former:
                self.stack.state.pop(former, None)
            self.stack.state[made.urn] = made

    def note(self, op: str, resource: Resource) -> None:
        self.outcome.steps.append(Step(op, resource.type.rpartition(":")[2], resource.name))

    def fail(self, error: Exception) -> None:
        self.outcome.errors.append((error.details() or "") if isinstance(error, grpc.RpcError) else str(error))
        if not self.goes_on:
            self.over.set()

    def call(self, token: str, method: str, request: Any) -> Any:
        """Call a plugin: this package's, or the stand-in for pulumi-aws, which lives here."""
        if token.startswith(PACKAGE):
            return getattr(self.plugin, method)(request, timeout=120)
        return getattr(self.stack.aws, method)(request, _Aborting())


def _full_token(token: str) -> str:
    package, _, rest = token.partition(":")
    return token if ":" in rest else f"{package}:index:{rest}"


def _without_ignored(request: resource_pb2.RegisterResourceRequest, old: Resource | None) -> Any:
    """Return the new inputs, those that are ignored as they were (top-level names only)."""
    news = wire.decode(request.object)
    if old:
        for name in request.ignoreChanges:
            news[name] = old.inputs.get(name)
    return wire.encode({key: value for key, value in news.items() if value is not None})
