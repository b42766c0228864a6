"""The RPCs of Pulumi's provider protocol (provider.proto).

Components run on the event loop, since all they do is wait for the engine. The resource RPCs read files, build and talk
to registries, each on a thread of its own.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2, struct_pb2

from image_assets import __version__
from image_assets.components import dispatch
from image_assets.components.deployment import Deployment, Instance
from image_assets.components.refusals import Refusals, tell_of_fault
from image_assets.custom_resource import Change, CustomResource, Job, State, Values
from image_assets.errors import InputError
from image_assets.image.copied import CopiedImage
from image_assets.image.program import Program
from image_assets.image.resource import PublishedImage
from image_assets.inputs.image import PUBLISHED_IMAGE, secret_inputs
from image_assets.inputs.property_path import is_covered
from image_assets.inputs.settings import Settings, parse_settings, secret_settings
from image_assets.plugin.composing import Composing
from image_assets.plugin.diffs import diff_response
from image_assets.plugin.jobs import Jobs
from image_assets.plugin.later import WELCOME
from image_assets.plugin.reporter import WARNING, Reporter
from image_assets.plugin.rpc_errors import property_details, status_of, told, with_value
from image_assets.protocol import wire
from image_assets.protocol.messages import plugin_pb2, provider_pb2_grpc
from image_assets.protocol.messages import provider_pb2 as pb
from image_assets.protocol.monitor import Monitor, MonitorGoneError, connect
from image_assets.protocol.outputs import Output
from image_assets.secrets import Secrets
from image_assets.task import Task
from image_assets.values import Secret, has_secret, reveal

T = TypeVar("T")


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: components through Construct and Call, custom resources through Check to Delete."""

    def __init__(self, engine_address: str) -> None:
        self.engine_address = engine_address
        self.secrets = Secrets()
        self.reporter = Reporter(engine_address, self.secrets)
        self.jobs = Jobs()
        self.monitors: dict[str, Any] = {}
        self.composing = Composing()
        self.instance = Instance()
        self.configure(Settings())

    def configure(self, settings: Settings) -> None:
        """Serve resources with these settings from now on."""
        self.program = Program(settings, Path.cwd())
        self.images = PublishedImage(self.program)
        self.copied = CopiedImage(self.program)
        self.resources: dict[str, Callable[[], CustomResource]] = {
            PUBLISHED_IMAGE: lambda: self.images,
            "image-assets:index:CopiedImage": lambda: self.copied,
            "image-assets:index:RepositoryPolicyStatement": cache(partial(policy_statements, settings)),
            **dict.fromkeys(dispatch.REFUSABLE, lambda: Refusals(self.instance.refused)),
        }

    # --- the plugin itself ---

    async def Handshake(self, request: pb.ProviderHandshakeRequest, context: Any) -> pb.ProviderHandshakeResponse:
        """Learn the engine's address and say what values are understood."""
        self.connect(request.engine_address)
        return WELCOME

    async def Attach(self, request: plugin_pb2.PluginAttach, context: Any) -> empty_pb2.Empty:
        """Serve another engine: the plugin was started by hand (PULUMI_DEBUG_PROVIDERS)."""
        self.connect(request.address)
        return empty_pb2.Empty()

    def connect(self, engine_address: str) -> None:
        """Talk to this engine from now on."""
        if engine_address and engine_address != self.engine_address:
            self.engine_address = engine_address
            self.reporter.connect(engine_address)
        self.begin()

    def begin(self) -> None:
        """Serve a new deployment: nothing of it is cancelled."""
        self.reporter.cancellation.begin()
        self.composing.begin()

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        """Say which version this is."""
        return plugin_pb2.PluginInfo(version=__version__)

    async def GetSchema(self, request: pb.GetSchemaRequest, context: Any) -> pb.GetSchemaResponse:
        """Return the package schema."""
        import json  # noqa: PLC0415 - the schema is asked for when SDKs are made, not in deployments

        from image_assets.inputs.schema import package_schema  # noqa: PLC0415 - same

        return pb.GetSchemaResponse(schema=json.dumps(package_schema()))

    async def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Stop what is running; the engine sends this on Ctrl-C and at every end, and disconnects after the answer."""
        self.reporter.cancellation.cancel()
        await self.composing.end()
        return empty_pb2.Empty()

    # --- configuration ---

    async def CheckConfig(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        """Check the provider's configuration; all problems at once."""
        news = wire.decode(request.news)
        self.secrets.add(secret_settings(news))
        try:
            parse_settings(news)
        except InputError as error:
            return pb.CheckResponse(inputs=request.news, failures=self.failures_of(error, news))
        return pb.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: pb.DiffRequest, context: Any) -> pb.DiffResponse:
        """Say which settings differ: without a difference the engine would go on with the old ones.

        Never replace a provider: that would replace every image.
        """
        old, new = reveal(wire.decode(request.old_inputs)), reveal(wire.decode(request.news))
        differing = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        return diff_response(tuple(Change(name) for name in differing))

    async def Configure(self, request: pb.ConfigureRequest, context: Any) -> pb.ConfigureResponse:
        """Take the configuration over."""
        args = wire.decode(request.args)
        self.secrets.add(secret_settings(args))
        settings = await self.run(context, parse_settings, args)
        self.begin()
        self.configure(settings)
        self.instance = Instance(f"{request.urn}::{request.id}" if request.urn else "", settings.aws)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True)

    # --- components ---

    async def Construct(self, request: pb.ConstructRequest, context: Any) -> pb.ConstructResponse:
        """Make a component; its content is read meanwhile, so that many assets are read side by side."""
        self.secrets.add(secret_config(request))
        inputs, nothing = self.received(request.inputs), pb.ConstructResponse(urn=dispatch.component_urn(request))
        return await self.composed(context, self._construct(request, inputs), inputs, nothing)

    async def Call(self, request: pb.CallRequest, context: Any) -> pb.CallResponse:
        """Call a method of a component."""
        self.secrets.add(secret_config(request))
        args = self.received(request.args)
        return await self.composed(context, self._call(request), args, pb.CallResponse())

    async def _construct(self, request: pb.ConstructRequest, inputs: Mapping[str, Any]) -> pb.ConstructResponse:
        self.program.in_preview = request.dryRun
        deployment = self.deployment(request)
        failed = dispatch.failed_sources(request, self.instance)
        is_sound = bool(failed) or await self._begin(request, inputs, deployment)
        try:
            made = await dispatch.construct(request, deployment, failed, is_sound=is_sound)
        except (InputError, MonitorGoneError):
            raise
        except Exception as error:
            await tell_of_fault(request, deployment, status_of(error, self.secrets)[1])
            raise
        dependencies = {
            name: pb.ConstructResponse.PropertyDependencies(urns=sorted(output.dependencies))
            for name, output in made.outputs.items()
        }
        told = {name: output.value for name, output in made.outputs.items()}
        self.program.note_registered(made.urn, dispatch.image_type(request.type), inputs, told)
        return pb.ConstructResponse(urn=made.urn, state=encoded(made.outputs), stateDependencies=dependencies)

    async def _begin(self, request: pb.ConstructRequest, inputs: Mapping[str, Any], deployment: Deployment) -> bool:
        """Begin to read an asset's content, and say whether its inputs are sound."""
        more, urn = dispatch.asset_problems(request, inputs), dispatch.image_urn(request)
        if request.type == dispatch.REPLICA:
            return await self.jobs.offload(self.copied.begin, urn, inputs, more)
        task = Task(cancelled=self.reporter.cancellation.deployment, secrets=self.secrets)
        handed_on = {"aws": dict(deployment.stack_aws)}
        return await self.jobs.offload(self.images.begin, urn, request.type, inputs, task, more, handed_on)

    async def _call(self, request: pb.CallRequest) -> pb.CallResponse:
        outputs = await dispatch.call(request, self.deployment(request))
        dependencies = {
            name: pb.CallResponse.ReturnDependencies(urns=sorted(output.dependencies))
            for name, output in outputs.items()
        }
        response = pb.CallResponse(returnDependencies=dependencies)
        getattr(response, "return").CopyFrom(encoded(outputs))
        return response

    def deployment(self, request: pb.ConstructRequest | pb.CallRequest) -> Deployment:
        """Return the deployment that asks; it is connected to once."""
        address = request.monitorEndpoint
        if address not in self.monitors:
            self.monitors[address] = connect(address)
        return Deployment.of(
            request, Monitor(self.monitors[address], request.dryRun, self.instance.failed), self.instance, self.warn
        )

    async def warn(self, urn: str, text: str) -> None:
        """Show a warning in a resource's row."""
        await self.jobs.offload(self.reporter.send, urn, WARNING, text)

    async def composed(
        self, context: Any, composing: Coroutine[Any, Any, T], inputs: Mapping[str, Any], nothing: T
    ) -> T:
        """Await what a component answers; wrong inputs are told by property, as the engine shows them there."""
        try:
            return await self.composing.answer(composing, nothing)
        except InputError as error:
            problems = list(told(error, inputs, self.secrets))
            text = "\n".join(problem.reason for problem in problems if not problem.path)
            details = property_details([problem for problem in problems if problem.path], text)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text, details)
            raise
        except Exception as error:
            await context.abort(*status_of(error, self.secrets))
            raise

    # --- custom resources ---

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        """Check inputs and add the computed ones."""
        resource, job = await self.target(context, request)
        olds, news = self.received(request.olds), self.received(request.news)
        if request.urn in self.instance.passed_over:
            return pb.CheckResponse(inputs=request.news)
        try:
            checked = self.images.check_at_once(job, olds, news) if resource is self.images else None
            if checked is None:
                checked = await self.jobs.offload(resource.check, job, olds, news)
        except InputError as error:
            return pb.CheckResponse(failures=self.failures_of(error, news))
        except Exception as error:
            await context.abort(*status_of(error, self.secrets))
            raise
        return pb.CheckResponse(inputs=wire.encode(checked))

    async def Diff(self, request: pb.DiffRequest, context: Any) -> pb.DiffResponse:
        """Say what an update would change."""
        resource, job = await self.target(context, request)
        if request.urn in self.instance.passed_over:
            return diff_response(())
        old = State(request.id, self.received(request.old_inputs), reveal(self.received(request.olds)))
        changes = await self.answered(context, self._diff(resource, job, old, self.received(request.news)))
        return diff_response(tuple(one for one in changes if not is_covered(one.path, request.ignoreChanges)))

    async def _diff(self, resource: CustomResource, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        if resource is self.images and self.images.is_same_at_once(job, old, news):
            return ()
        return await self.jobs.offload(resource.diff, job, old, news)

    async def Create(self, request: pb.CreateRequest, context: Any) -> pb.CreateResponse:
        """Make a resource, or foretell it."""
        resource, job = await self.target(context, request, preview=request.preview)
        made = await self.timed(context, request.timeout, resource.create, job, self.received(request.properties))
        return pb.CreateResponse(id=made.id, properties=wire.encode(made.outputs))

    async def Read(self, request: pb.ReadRequest, context: Any) -> pb.ReadResponse:
        """Say how a resource is now; an empty id says that it is gone."""
        resource, job = await self.target(context, request)
        outputs = self.received(request.properties)
        old = State(request.id, self.received(request.inputs), reveal(outputs))
        found = await self.run(context, resource.read, job, old)
        if found is None:
            return pb.ReadResponse()
        told = still_secret(found.outputs, outputs)
        return pb.ReadResponse(id=found.id, inputs=wire.encode(found.inputs), properties=wire.encode(told))

    async def Update(self, request: pb.UpdateRequest, context: Any) -> pb.UpdateResponse:
        """Change a resource in place, or foretell it."""
        resource, job = await self.target(context, request, preview=request.preview, is_update=True)
        before = self.received(request.olds)
        old = State(request.id, self.received(request.old_inputs), reveal(before))
        outputs = await self.timed(context, request.timeout, resource.update, job, old, self.received(request.news))
        return pb.UpdateResponse(properties=wire.encode(still_secret(outputs, before)))

    async def Delete(self, request: pb.DeleteRequest, context: Any) -> empty_pb2.Empty:
        """Remove a resource."""
        resource, job = await self.target(context, request)
        old = State(request.id, self.received(request.old_inputs), reveal(self.received(request.properties)))
        await self.timed(context, request.timeout, resource.delete, job, old)
        return empty_pb2.Empty()

    # --- functions ---

    async def Invoke(self, request: pb.InvokeRequest, context: Any) -> pb.InvokeResponse:
        """Answer a function's question."""
        from image_assets.image.functions import FUNCTIONS  # noqa: PLC0415 - few programs ask

        if request.tok not in FUNCTIONS:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"there is no function {request.tok} in this package")
        arguments, response = self.received(request.args), pb.InvokeResponse()
        task = self.reporter.of_function()
        try:
            answer = await self.jobs.offload(FUNCTIONS[request.tok], self.program, arguments, task)
        except InputError as error:
            return pb.InvokeResponse(failures=self.failures_of(error, arguments))
        except Exception as error:
            await context.abort(*status_of(error, self.secrets))
            raise
        getattr(response, "return").CopyFrom(wire.encode(answer))
        return response

    # --- secrets ---

    def received(self, struct: struct_pb2.Struct) -> dict[str, Any]:
        """Decode values that came, and hide their secrets from now on."""
        values = wire.decode(struct)
        self.secrets.add(secret_inputs(values))
        return values

    def failures_of(self, error: InputError, values: Mapping[str, Any]) -> list[pb.CheckFailure]:
        """Turn input problems into Check's own form."""
        problems = (with_value(problem, values) for problem in told(error, values, self.secrets))
        return [pb.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]

    # --- running ---

    async def target(
        self, context: Any, request: Any, *, preview: bool = False, is_update: bool = False
    ) -> tuple[CustomResource, Job]:
        """Return the resource type that a request is for, and the job it makes."""
        kind = request.urn.split("::")[2].split("$")[-1]
        if kind not in self.resources:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"there is no resource type {kind} in this package")
        task = self.reporter.task(request.urn, is_update=is_update)
        return self.resources[kind](), Job(request.urn, task, preview=preview)

    async def wind_down(self, seconds: float) -> None:
        """Stop what is running, and wait a little for it to clean up."""
        self.reporter.cancellation.cancel()
        await self.jobs.ended(seconds)

    async def run(self, context: Any, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function; a failure becomes a status."""
        return await self.answered(context, self.jobs.offload(function, *args))

    async def timed(self, context: Any, seconds: float, function: Callable[..., T], job: Job, *args: Any) -> T:
        """Run a blocking function on a resource; it must end in the time that the program gave it, if it gave any."""
        return await self.answered(context, self.jobs.in_time(seconds, job, self.jobs.offload(function, job, *args)))

    async def answered(self, context: Any, answer: Awaitable[T]) -> T:
        """Await an answer; a failure becomes a status."""
        try:
            return await answer
        except Exception as error:
            await context.abort(*status_of(error, self.secrets))
            raise


def policy_statements(settings: Settings) -> CustomResource:
    """Return the resource type of policy statements; most programs have none, and its client of AWS takes a moment."""
    from image_assets.repository_policy.resource import RepositoryPolicyStatement  # noqa: PLC0415 - see above

    return RepositoryPolicyStatement(settings.aws)


def encoded(outputs: Mapping[str, Output]) -> struct_pb2.Struct:
    """Turn outputs into wire values; those without a value are left out."""
    return wire.encode({name: output.value for name, output in outputs.items() if output.value is not None})


def still_secret(outputs: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return outputs with the marks of those that were secret before (`additionalSecretOutputs`)."""
    return {
        name: Secret(value) if has_secret(before.get(name)) and not has_secret(value) else value
        for name, value in outputs.items()
    }


def secret_config(request: pb.ConstructRequest | pb.CallRequest) -> Iterator[str]:
    """Yield the secrets of the stack's configuration; objects come to whom they are for with marks of their own."""
    keys = getattr(request, "configSecretKeys", ())
    return (request.config[key] for key in keys if not request.config[key].startswith(("{", "[")))
