"""What components register with the engine and what they answer, with a monitor that records it."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi_aws import ecr, iam

from image_assets.components.repository import AUTHORIZATION_TOKEN, LIFECYCLE_POLICY, REPOSITORY
from image_assets.protocol import wire
from image_assets.values import SIGNATURE, UNKNOWN, Secret
from tests.fakes import monitor as monitors
from tests.fakes.monitor import HOST, Monitor, urn
from tests.support import plugin as plugins
from tests.support.contexts import write_files
from tests.support.plugin import Plugin, RefusedError

ASSET = "image-assets:index:DockerImageAsset"
IMAGES = "image-assets:index:ImageRepository"
IMAGE = "image-assets:index:PublishedImage"
STATEMENT = "image-assets:index:RepositoryPolicyStatement"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
GOOD = {"directory": "app", "repository": f"{HOST}/x"}
MADE = {IMAGE: {"repositoryUrl": f"{HOST}/x", "imageUri": f"{HOST}/x:1", "repositoryArn": "arn:1"}}
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    """One plugin for all: components share nothing but the repositories they own."""
    program = tmp_path_factory.mktemp("program")
    write_files(program, {"app/Dockerfile": "FROM scratch\nCOPY . /\n"})
    with plugins.running(program) as running:
        running.call("Configure", pb.ConfigureRequest(urn="urn:provider", id="7", args=wire.encode({})))
        yield running


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with monitors.running(Monitor(made=dict(MADE))) as serving:
        yield serving


def construct(
    plugin: Plugin, monitor: Monitor, token: str, inputs: dict[str, Any], name: str = "api", **more: Any
) -> pb.ConstructResponse:
    request = pb.ConstructRequest(
        project="proj",
        stack="dev",
        monitorEndpoint=monitor.address,
        dryRun=monitor.preview,
        type=token,
        name=name,
        inputs=wire.encode(inputs),
        **more,
    )
    answer: pb.ConstructResponse = plugin.call("Construct", request)
    return answer


def call(plugin: Plugin, monitor: Monitor, method: str, args: dict[str, Any], self_urn: str) -> pb.CallResponse:
    reference = {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": self_urn}
    request = pb.CallRequest(
        project="proj",
        stack="dev",
        monitorEndpoint=monitor.address,
        dryRun=monitor.preview,
        tok=f"{ASSET}/{method}",
        args=wire.encode({"__self__": reference, **args}),
    )
    answer: pb.CallResponse = plugin.call("Call", request)
    return answer


def returned(answer: pb.CallResponse) -> dict[str, Any]:
    return wire.decode(getattr(answer, "return"))


def property_names(arguments: type) -> set[str]:
    """Return the wire names of a resource's inputs, as the typed SDK knows them."""
    found = {}
    for _, member in inspect.getmembers(arguments, lambda member: isinstance(member, property)):
        found[getattr(member.fget, "_pulumi_name", member.fget.__name__)] = member
    return set(found)


@pytest.mark.parametrize(
    ("token", "resource", "arguments"),
    [
        (REPOSITORY, ecr.Repository, ecr.RepositoryArgs),
        (LIFECYCLE_POLICY, ecr.LifecyclePolicy, ecr.LifecyclePolicyArgs),
        (ROLE_POLICY, iam.RolePolicy, iam.RolePolicyArgs),
    ],
)
def test_what_is_registered_of_pulumi_aws_is_what_its_classes_have(
    plugin: Plugin, monitor: Monitor, token: str, resource: Any, arguments: type
) -> None:
    everything = {
        "repositoryName": "team/api",
        "retention": {"keepLast": 3},
        "encryption": {"type": "KMS", "kmsKey": "arn:aws:kms:::key/1"},
        "scanOnPush": False,
        "forceDelete": True,
        "tags": {"a": "b"},
        "pullPrincipals": [{"name": "r", "role": "builder"}],
    }
    construct(plugin, monitor, IMAGES, everything)
    assert resource.pulumi_type == token
    inputs = monitor.inputs(token)
    assert set(inputs) <= property_names(arguments)
    nested = {
        "encryptionConfigurations": ecr.RepositoryEncryptionConfigurationArgs,
        "imageScanningConfiguration": ecr.RepositoryImageScanningConfigurationArgs,
    }
    for name in nested.keys() & inputs.keys():
        value = inputs[name][0] if isinstance(inputs[name], list) else inputs[name]
        assert set(value) <= property_names(nested[name])


def test_the_question_for_the_registrys_host_is_the_one_of_pulumi_aws(plugin: Plugin, monitor: Monitor) -> None:
    construct(plugin, monitor, IMAGES, {}, providers={"aws": "urn:elsewhere::1"})
    (asked,) = monitor.invoked
    assert f"'{asked.tok}'" in inspect.getsource(ecr.get_authorization_token)
    assert asked.tok == AUTHORIZATION_TOKEN
    assert "proxyEndpoint" in inspect.getsource(ecr.GetAuthorizationTokenResult) or hasattr(
        ecr.GetAuthorizationTokenResult, "proxy_endpoint"
    )
    assert asked.provider == "urn:elsewhere::1"
    assert asked.version == ""


def test_no_version_of_pulumi_aws_is_asked_for(plugin: Plugin, monitor: Monitor) -> None:
    construct(plugin, monitor, ASSET, {"directory": "app", "pullPrincipals": [{"name": "r", "role": "b"}]})
    of_aws = [request for request in monitor.registered if request.type.startswith("aws:")]
    assert {request.version + request.pluginDownloadURL + request.provider for request in of_aws} == {""}
    assert len(of_aws) == 3


def test_children_have_the_components_providers_and_are_this_packages_own_by_this_instance(
    plugin: Plugin, monitor: Monitor
) -> None:
    construct(plugin, monitor, ASSET, {"directory": "app"}, providers={"aws": "urn:elsewhere::1"})
    assert monitor.one(REPOSITORY).provider == monitor.one(LIFECYCLE_POLICY).provider == "urn:elsewhere::1"
    assert dict(monitor.one(IMAGES).providers) == {"aws": "urn:elsewhere::1"}
    assert monitor.one(IMAGE).provider == "urn:provider::7"
    assert set(monitor.one(IMAGE).dependencies) >= {
        urn(REPOSITORY, "api", urn(IMAGES, "api", urn(ASSET, "api"))),
        urn(LIFECYCLE_POLICY, "api", urn(IMAGES, "api", urn(ASSET, "api"))),
    }


def test_marks_and_dependencies_of_inputs_go_on_to_the_image(plugin: Plugin, monitor: Monitor) -> None:
    monitor.preview = True
    inputs = {**GOOD, "buildArgs": {"A": Secret("s"), "B": UNKNOWN}, "labels": Secret({"a": "b"})}
    dependencies = {"buildArgs": pb.ConstructRequest.PropertyDependencies(urns=["urn:a", "urn:b"])}
    answer = construct(plugin, monitor, ASSET, inputs, inputDependencies=dependencies)
    sent = monitor.one(IMAGE)
    assert monitor.inputs(IMAGE) == inputs
    assert list(sent.propertyDependencies["buildArgs"].urns) == ["urn:a", "urn:b"]
    assert list(sent.dependencies) == ["urn:a", "urn:b"]
    outputs = wire.decode(answer.state)
    assert outputs["imageUri"] is UNKNOWN
    assert list(answer.stateDependencies["imageUri"].urns) == [urn(IMAGE, "api", urn(ASSET, "api"))]
    assert monitor.outputs[answer.urn] == outputs


def test_an_output_value_is_taken_apart(plugin: Plugin, monitor: Monitor) -> None:
    """The engine sends unknown and secret values with their dependencies, nested ones too."""
    request = pb.ConstructRequest(monitorEndpoint=monitor.address, project="proj", stack="dev", type=ASSET, name="api")
    request.inputs.CopyFrom(wire.encode(GOOD))
    nested = {SIGNATURE: OUTPUT, "value": "v", "secret": True, "dependencies": ["urn:a"]}
    request.inputs.fields["buildArgs"].struct_value.CopyFrom(wire.encode({"A": nested}))
    plugin.call("Construct", request)
    assert monitor.inputs(IMAGE)["buildArgs"] == {"A": Secret("v")}


OPTIONS: dict[str, Any] = {
    "protect": True,
    "retainOnDelete": True,
    "deletedWith": "urn:cluster",
    "customTimeouts": pb.ConstructRequest.CustomTimeouts(create="2s", delete="3m"),
    "ignoreChanges": ["buildArgs.V", "*"],
    "replaceOnChanges": ["platform"],
    "additionalSecretOutputs": ["imageUri"],
    "replace_with": ["urn:other"],
    "replacement_trigger": struct_pb2.Value(string_value="1"),
    "deleteBeforeReplace": False,
    "aliases": [{"spec": {"name": "old", "noParent": True}}, {"urn": "urn:older"}],
    "dependencies": ["urn:dep"],
    "resource_hooks": pb.ConstructRequest.ResourceHooksBinding(after_create=["told"]),
    "parent": urn("my:index:App", "app"),
}


def test_options_of_an_asset_are_on_the_component_and_those_without_effect_there_on_the_image(
    plugin: Plugin, monitor: Monitor
) -> None:
    answer = construct(plugin, monitor, ASSET, GOOD, **OPTIONS)
    component, image = monitor.one(ASSET), monitor.one(IMAGE)
    assert component.parent == OPTIONS["parent"]
    assert component.aliases[0].spec.noParent
    assert component.aliases[1].urn == "urn:older"
    assert list(component.dependencies) == ["urn:dep"]
    assert list(component.hooks.after_create) == ["told"]
    assert not image.HasField("hooks")
    for request in (component, image):
        assert (request.protect, request.retainOnDelete, request.deletedWith) == (True, True, "urn:cluster")
        assert (request.customTimeouts.create, request.customTimeouts.delete) == ("2s", "3m")
        assert list(request.ignoreChanges) == ["buildArgs.V", "*"]
        assert list(request.replaceOnChanges) == ["platform"]
        assert list(request.replace_with) == ["urn:other"]
        assert request.replacement_trigger.string_value == "1"
    assert list(image.additionalSecretOutputs) == ["imageUri"]
    assert (image.deleteBeforeReplace, image.deleteBeforeReplaceDefined) == (False, True)
    assert wire.decode(answer.state)["imageUri"] == Secret(f"{HOST}/x:1")
    assert monitor.outputs[answer.urn]["imageUri"] == Secret(f"{HOST}/x:1")


def test_without_options_nothing_is_set(plugin: Plugin, monitor: Monitor) -> None:
    construct(plugin, monitor, ASSET, GOOD)
    for request in monitor.registered:
        assert not request.HasField("protect")
        assert not request.HasField("retainOnDelete")
        assert not request.HasField("customTimeouts")
        assert not request.deleteBeforeReplaceDefined


def test_options_that_name_inputs_of_a_repository_reach_the_properties_that_these_become(
    plugin: Plugin, monitor: Monitor
) -> None:
    construct(plugin, monitor, IMAGES, {}, ignoreChanges=["tags.a", "retention.keepLast", "encryption"], protect=True)
    assert list(monitor.one(REPOSITORY).ignoreChanges) == ["tags.a", "encryptionConfigurations", "name"]
    assert list(monitor.one(LIFECYCLE_POLICY).ignoreChanges) == ["policy"]
    assert monitor.one(REPOSITORY).protect


def test_a_method_is_answered_by_what_its_component_registered(plugin: Plugin, monitor: Monitor) -> None:
    component = construct(plugin, monitor, ASSET, GOOD).urn
    answer = call(plugin, monitor, "grantPull", {"name": "lambda", "service": "lambda.amazonaws.com"}, component)
    sent = monitor.one(STATEMENT)
    assert sent.parent == component
    assert monitor.inputs(STATEMENT)["repositoryUrl"] == f"{HOST}/x"
    chained = {"imageUri": f"{HOST}/x:1", "repositoryUrl": f"{HOST}/x"}
    assert returned(answer) == {"grantId": "id-of-api-lambda", **chained}
    assert urn(STATEMENT, "api-lambda", component) in answer.returnDependencies["imageUri"].urns
    assert list(answer.returnDependencies["grantId"].urns) == [urn(STATEMENT, "api-lambda", component)]


def test_a_secret_or_unknown_grantee_stays_so(plugin: Plugin, monitor: Monitor) -> None:
    component = construct(plugin, monitor, ASSET, GOOD).urn
    call(plugin, monitor, "grantPull", {"name": "a", "role": Secret("builder")}, component)
    assert monitor.inputs(ROLE_POLICY)["role"] == Secret("builder")
    monitor.preview = True
    answer = call(plugin, monitor, "grantPull", {"name": "b", "arn": UNKNOWN}, component)
    assert monitor.inputs(STATEMENT)["statement"] is UNKNOWN
    assert returned(answer)["grantId"] is UNKNOWN
    assert returned(answer)["imageUri"] == f"{HOST}/x:1"


def test_grants_that_are_not_known_yet_are_made_later(plugin: Plugin, monitor: Monitor) -> None:
    monitor.preview = True
    construct(plugin, monitor, ASSET, {**GOOD, "pullPrincipals": UNKNOWN})
    assert [request.type for request in monitor.registered] == [ASSET, IMAGE]


def test_wrong_inputs_of_a_repository_are_told_by_a_check_of_its_own_urn_and_nothing_is_made(
    plugin: Plugin, monitor: Monitor
) -> None:
    """And where the engine asks for no check, as in a destroy, by the component itself."""
    with pytest.raises(RefusedError) as caught:
        construct(plugin, monitor, IMAGES, {"colour": "red", "pullPrincipals": [{}]})
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(caught.value.__cause__.trailing_metadata())["grpc-status-details-bin"]  # type: ignore[union-attr]
    assert b"colour" in details
    assert [(request.type, request.custom) for request in monitor.registered] == [(IMAGES, True)]
    checked, failures = plugin.check({"colour": "red"}, urn(IMAGES, "api"))
    assert checked == {}
    assert "colour" in failures


def test_wrong_inputs_of_an_asset_are_all_told_by_its_image_before_anything_else_is_made(
    plugin: Plugin, monitor: Monitor
) -> None:
    monitor.refused[IMAGE] = (grpc.StatusCode.UNKNOWN, "refused")
    with pytest.raises(RefusedError):
        construct(plugin, monitor, ASSET, {"directory": "gone", "colour": "red", "pullPrincipals": [{}]})
    # The last is where the engine is asked to tell why.
    assert [request.type for request in monitor.registered] == [ASSET, f"{ASSET}/failure"]
    checked, failures = plugin.check({"directory": "gone", "colour": "red"}, urn(IMAGE, "api", urn(ASSET, "api")))
    assert checked == {}
    told = " ".join((*failures, *failures.values()))
    assert all(part in told for part in ("directory", "colour", "pullPrincipals[0].name"))


def test_what_the_engine_refuses_is_told_with_its_text(plugin: Plugin, monitor: Monitor) -> None:
    monitor.refused[IMAGE] = (grpc.StatusCode.UNKNOWN, "duplicate resource URN")
    with pytest.raises(RefusedError, match="duplicate resource URN") as caught:
        construct(plugin, monitor, ASSET, GOOD)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION


def begin(plugin: Plugin, monitor: Monitor, name: str = "api") -> Any:
    """Start a Construct, and return the future of its answer."""
    request = pb.ConstructRequest(
        project="proj", stack="dev", monitorEndpoint=monitor.address, type=ASSET, name=name, inputs=wire.encode(GOOD)
    )
    return plugin.stub.Construct.future(request)


def test_many_components_wait_side_by_side(plugin: Plugin, monitor: Monitor) -> None:
    """Forty components and no thread for any of them."""
    pending = [begin(plugin, monitor, f"a{number}") for number in range(40)]
    assert len({answer.result(timeout=60).urn for answer in pending}) == 40


@pytest.mark.parametrize("monitor_ends_first", [True, False])
def test_a_component_is_silent_when_the_deployment_has_ended(tmp_path: Path, *, monitor_ends_first: bool) -> None:
    """Its error would accuse it, beside the resource that really failed."""
    write_files(tmp_path, {"app/Dockerfile": "FROM scratch\n"})
    with plugins.running(tmp_path) as plugin, monitors.running(Monitor()) as monitor:
        if monitor_ends_first:
            monitor.refused[IMAGE] = (grpc.StatusCode.UNAVAILABLE, "resource monitor shut down")
        else:
            monitor.held.add(IMAGE)
        pending = begin(plugin, monitor)
        assert monitor.asked_for(IMAGE).wait(30)
        plugin.call("Cancel", empty_pb2.Empty())
        answer = pending.result(timeout=10)
        monitor.release.set()
        assert answer.urn == urn(ASSET, "api")
        assert len(answer.state.fields) == 0
