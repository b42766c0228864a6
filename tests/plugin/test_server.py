"""The plugin process: every failure is a proper status or Check failure, and the answers come in time."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto.plugin_pb2 import PluginAttach

from image_assets import __version__
from image_assets.protocol import wire
from image_assets.values import UNKNOWN, Secret
from tests.support import plugin as plugins
from tests.support.contexts import write_files
from tests.support.plugin import URN, Plugin, RefusedError
from tests.support.registry import Registry


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program's folder with a context."""
    write_files(tmp_path, {"app/Dockerfile": "FROM scratch\nCOPY . /\n", "app/a.txt": "one", "file": ""})
    return tmp_path


@pytest.fixture
def plugin(program: Path) -> Iterator[Plugin]:
    """A plugin in that folder, with no docker to find."""
    with plugins.running(program, {"PATH": "/nonexistent", "DOCKER_CONFIG": str(program / "docker")}) as running:
        running.configure()
        yield running


RESOURCES = (
    "DockerImageAsset",
    "TarballImageAsset",
    "CopiedImage",
    "ImageReplica",
    "ImageRepository",
    "PublishedImage",
    "RepositoryPolicyStatement",
)
GOOD = {"directory": "app", "repository": "127.0.0.1:1/x"}


def test_bad_inputs_are_check_failures_all_at_once(plugin: Plugin, program: Path) -> None:
    _, failures = plugin.check({"directory": "nope", "repository": "Up", "platform": "x", "colour": "red"})
    assert failures["directory"] == f"there is no directory at {program}/nope; paths are relative to {program}"
    assert set(failures) == {"directory", "repository", "platform", "colour"}


@pytest.mark.parametrize(
    ("more", "path", "part"),
    [
        ({"directory": "file"}, "directory", "is not a directory"),
        ({"file": "nope"}, "file", "there is no Dockerfile at"),
        ({"file": "."}, "file", "is not a Dockerfile"),
        ({"exclude": ["[a"]}, "exclude[0]", "[a"),
        ({"buildContexts": {"lib": "nope"}}, "buildContexts.lib", "nope"),
    ],
)
def test_what_is_on_the_disk_is_checked_too(plugin: Plugin, more: dict[str, Any], path: str, part: str) -> None:
    _, failures = plugin.check({**GOOD, **more})
    assert list(failures) == [path]
    assert part in failures[path]


def test_check_stores_no_secret_and_keeps_the_rest(plugin: Plugin) -> None:
    """R14."""
    news = {
        **GOOD,
        "registryAuth": Secret({"username": "u", "password": "pa55"}),
        "buildSecrets": {"t": {"value": Secret("s3cret")}, "e": {"env": "E"}},
        "buildArgs": {"A": Secret("masked")},
    }
    inputs, _ = plugin.check(news)
    assert inputs["buildArgs"] == {"A": Secret("masked")}
    assert inputs["buildSecrets"]["e"] == {"env": "E"}
    assert "pa55" not in repr(wire_text(inputs))
    assert "s3cret" not in repr(wire_text(inputs))


def wire_text(value: Any) -> Any:
    """Return a value with its secrets readable."""
    if isinstance(value, Secret):
        return wire_text(value.value)
    if isinstance(value, dict):
        return {key: wire_text(item) for key, item in value.items()}
    return value


def test_an_unknown_input_that_counts_makes_the_fingerprint_unknown(plugin: Plugin) -> None:
    inputs, failures = plugin.check({**GOOD, "buildArgs": {"A": UNKNOWN}})
    assert (failures, inputs["fingerprint"]) == ({}, UNKNOWN)


def test_a_preview_knows_all_but_the_digests(plugin: Plugin) -> None:
    outputs = plugin.create(GOOD, preview=True)
    unknown = {name for name, value in outputs.items() if value is UNKNOWN}
    assert unknown == {"imageDigest", "imageDigestUri"}
    assert outputs["imageUri"] == f"127.0.0.1:1/x:{outputs['assetHash'][:32]}"


def test_a_registry_that_cannot_be_reached_is_one_error_in_time(plugin: Plugin) -> None:
    began = time.monotonic()
    with pytest.raises(RefusedError, match=r"127\.0\.0\.1:1") as caught:
        plugin.create(GOOD)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "Traceback" not in str(caught.value)
    assert time.monotonic() - began < 20


def test_without_docker_the_error_says_what_to_install(
    plugin: Plugin, registry: Registry, repository_name: str
) -> None:
    with pytest.raises(RefusedError, match="docker") as caught:
        plugin.create({**GOOD, "repository": f"{registry.address}/{repository_name}"})
    assert "install" in str(caught.value).lower()


def test_a_refused_login_names_the_registry(plugin: Plugin, registry_with_auth: Registry) -> None:
    news = {**GOOD, "repository": f"{registry_with_auth.address}/x"}
    for auth in ({}, {"registryAuth": {"username": "robot", "password": "wrong"}}):
        with pytest.raises(RefusedError, match=registry_with_auth.address) as caught:
            plugin.create({**news, **auth})
        assert "UNAUTHORIZED" in str(caught.value)
        assert "wrong" not in str(caught.value)


def test_trouble_with_the_registry_leaves_the_state_alone(plugin: Plugin) -> None:
    """R12."""
    inputs, _ = plugin.check(GOOD)
    outputs = {**plugin.create(GOOD, preview=True), "imageDigest": "sha256:1", "imageDigestUri": "x@sha256:1"}
    assert plugin.read(inputs, outputs) == outputs


def test_bad_configuration_is_refused_all_at_once(plugin: Plugin) -> None:
    news = pb.CheckRequest(news=wire.encode({"buildOutput": "loud", "maxConcurrentBuilds": "0", "x": "1"}))
    failures = {failure.property for failure in plugin.call("CheckConfig", news).failures}
    assert failures == {"buildOutput", "maxConcurrentBuilds", "x"}


def test_lists_in_the_configuration_come_as_json(plugin: Plugin, registry_with_auth: Registry) -> None:
    """R12: what the provider's configuration holds serves refresh, too."""
    login = f'[{{"address":"{registry_with_auth.address}","username":"robot","password":"plain-text-1"}}]'
    plugin.configure(registries=login)
    inputs, _ = plugin.check({**GOOD, "repository": f"{registry_with_auth.address}/none"})
    outputs = {**plugin.create({**GOOD, "repository": f"{registry_with_auth.address}/none"}, preview=True)}
    assert plugin.read(inputs, {**outputs, "imageDigest": "sha256:1"}) is None


def test_a_locale_that_is_not_utf8_changes_nothing(program: Path) -> None:
    write_files(program, {"app/.dockerignore": "é\n", "app/é": "left out", "app/ü": "counts"})
    found = []
    for locale in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        with plugins.running(program, locale) as running:
            running.configure()
            found.append(running.check(GOOD)[0])
    assert found[0] == found[1]
    assert "ü" in found[0]["files"]
    assert "é" not in found[0]["files"]


def test_an_unknown_method_or_resource_is_no_traceback(plugin: Plugin) -> None:
    with pytest.raises(RefusedError) as caught:
        plugin.check(GOOD, URN.replace("PublishedImage", "Nothing"))
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_process_at_once(plugin: Plugin, number: signal.Signals) -> None:
    """R48: even while a registry does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        inputs, _ = plugin.check({**GOOD, "repository": f"127.0.0.1:{deaf.getsockname()[1]}/x"})
        pending = plugin.stub.Create.future(pb.CreateRequest(urn=URN, properties=wire.encode(inputs)))
        time.sleep(0.5)
        assert not pending.done()
        began = time.monotonic()
        plugin.process.send_signal(number)
        plugin.process.wait(10)
    assert time.monotonic() - began < 10


def test_building_on_preview_builds_and_pushes_nothing(
    program: Path, docker_engine: None, registry: Registry, repository_name: str
) -> None:
    """R23."""
    news = {
        "directory": "app",
        "repository": f"{registry.address}/{repository_name}",
        "buildOnPreview": True,
        "cacheTo": [{"type": "registry", "params": {"ref": f"{registry.address}/{repository_name}:cache"}}],
    }
    with plugins.running(program) as plugin:
        plugin.configure()
        assert plugin.create(news, preview=True)["imageDigest"] is UNKNOWN
        (program / "app" / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
        with pytest.raises(RefusedError, match="nothing"):
            plugin.create(news, preview=True)
    assert registry.requests(repository_name) == []


def test_an_image_that_vanished_has_no_known_digest_in_a_preview(
    program: Path, registry: Registry, repository_name: str
) -> None:
    """R42: what is built again may have another digest."""
    news = {"directory": "app", "repository": f"{registry.address}/{repository_name}"}
    with plugins.running(program) as plugin:
        plugin.configure(checkPublished="always")
        inputs, _ = plugin.check(news)
        known = {"imageDigest": "sha256:1", "imageDigestUri": "x@sha256:1"}
        outputs = {**plugin.create(news, preview=True), **known}
        assert plugin.diff(inputs, inputs, outputs) == ["fingerprint"]
        request = pb.UpdateRequest(
            urn=URN, news=wire.encode(inputs), old_inputs=wire.encode(inputs), olds=wire.encode(outputs), preview=True
        )
        foretold = wire.decode(plugin.call("Update", request).properties)
    assert foretold["imageDigest"] is UNKNOWN
    assert foretold["imageUri"] == outputs["imageUri"]


def test_a_plugin_started_by_hand_can_be_attached(plugin: Plugin) -> None:
    """PULUMI_DEBUG_PROVIDERS: the engine says where it is, and asks who this is and what it can make."""
    plugin.call("Attach", PluginAttach(address="127.0.0.1:1"))
    shaken = plugin.call("Handshake", pb.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert (shaken.accept_secrets, shaken.accept_resources, shaken.accept_outputs) == (True, True, True)
    assert plugin.call("GetPluginInfo", empty_pb2.Empty()).version == __version__
    schema = json.loads(plugin.call("GetSchema", pb.GetSchemaRequest()).schema)
    assert set(schema["resources"]) == {f"image-assets:index:{name}" for name in RESOURCES}
    # An engine that is not there takes no log lines, and that is no failure.
    assert plugin.check(GOOD)[1] == {}


def test_cancelling_ends_what_runs_and_the_next_deployment_is_served(plugin: Plugin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        inputs, _ = plugin.check({**GOOD, "repository": f"127.0.0.1:{deaf.getsockname()[1]}/x"})
        pending = plugin.stub.Create.future(pb.CreateRequest(urn=URN, properties=wire.encode(inputs)))
        time.sleep(0.5)
        plugin.call("Cancel", empty_pb2.Empty())
        with pytest.raises(grpc.RpcError) as caught:
            pending.result(timeout=10)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    plugin.configure()
    assert plugin.check(GOOD)[1] == {}


def test_windows_is_told_where_it_runs() -> None:
    code = "import sys; sys.platform = 'win32'; import image_assets.plugin.server"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Windows Subsystem for Linux" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(("argument", "part"), [("--help", "usage:"), ("--version", __version__)])
def test_a_person_who_starts_it_is_answered(argument: str, part: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "from image_assets.plugin.server import main; main()", argument],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert part in answer.stdout


def loaded(module: str) -> set[str]:
    """Return what a new interpreter has loaded after a module."""
    program = f"import sys, {module}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return set(answer.stdout.split())


def test_the_plugin_starts_without_what_only_some_programs_need() -> None:
    """The SDKs would cost more time than all the rest."""
    everything = loaded("image_assets.plugin.servicer")
    assert not {"pulumi", "pulumi_aws", "botocore", "urllib3", "image_assets.oci.client"} & everything


def test_the_port_stands_before_what_answers_is_loaded() -> None:
    before = loaded("image_assets.plugin.serving")
    assert {name for name in before if name.startswith("image_assets.")} <= {
        "image_assets.custom_resource",
        "image_assets.errors",
        "image_assets.frozen",
        "image_assets.plugin",
        "image_assets.plugin.jobs",
        "image_assets.plugin.later",
        "image_assets.plugin.lifeline",
        "image_assets.plugin.serving",
        "image_assets.protocol",
        "image_assets.protocol.messages",
        "image_assets.secrets",
        "image_assets.task",
        "image_assets.values",
    }


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc")
def test_a_preview_in_which_nothing_changed_loads_no_tls(plugin: Plugin) -> None:
    """It takes longer than the event loop that would load it."""
    inputs, _ = plugin.check(GOOD)
    assert plugin.diff(inputs, inputs, {}) == []
    assert "/_ssl." not in Path(f"/proc/{plugin.process.pid}/maps").read_text()


def test_every_failure_has_its_text(plugin: Plugin, program: Path) -> None:
    """The engine prints nothing else of it."""
    inputs, _ = plugin.check(GOOD)
    (program / "app" / "Dockerfile").unlink()
    with pytest.raises(RefusedError, match="repository:tag"):
        plugin.call("Read", pb.ReadRequest(id="Bad Id", urn=URN))
    with pytest.raises(RefusedError, match="REPOSITORY_URL#SID"):
        plugin.call("Read", pb.ReadRequest(id="x", urn=URN.replace("PublishedImage", "RepositoryPolicyStatement")))
    with pytest.raises(RefusedError, match=r"\w+ .*\w+"):
        plugin.call("Create", pb.CreateRequest(urn=URN, properties=wire.encode(inputs)))
    with pytest.raises(RefusedError, match="maxConcurrentBuilds"):
        plugin.configure(maxConcurrentBuilds="0")
    with pytest.raises(RefusedError, match="there is no resource type"):
        plugin.call("Create", pb.CreateRequest(urn=URN.replace("PublishedImage", "Other")))


def test_a_job_must_end_in_its_time(program: Path) -> None:
    """`customTimeouts`."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, plugins.running(program) as plugin:
        plugin.configure()
        inputs, _ = plugin.check({**GOOD, "repository": f"127.0.0.1:{deaf.getsockname()[1]}/x"})
        began = time.monotonic()
        with pytest.raises(RefusedError, match="within 1 s, the time that `customTimeouts`") as caught:
            plugin.call("Create", pb.CreateRequest(urn=URN, properties=wire.encode(inputs), timeout=1))
        assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
        assert time.monotonic() - began < 8
        # What several share goes on: only the deployment's own end stops it.
        with pytest.raises(RefusedError, match="within 2 s"):
            plugin.call("Create", pb.CreateRequest(urn=URN, properties=wire.encode(inputs), timeout=2))


def test_ignored_content_is_kept_and_not_even_read(plugin: Plugin, program: Path) -> None:
    """`ignoreChanges: ["*"]`: the engine puts every old input into the new ones, the fingerprint among them."""
    inputs, _ = plugin.check(GOOD)
    shutil.rmtree(program / "app")
    again, failures = plugin.check(inputs)
    assert failures == {}
    assert again == inputs


@pytest.mark.parametrize(
    ("ignored", "changed"),
    [
        ([], ["buildArgs.A", "buildArgs.B", "fingerprint"]),
        (["*"], []),
        (["buildArgs"], ["fingerprint"]),
        (["buildArgs.A", "fingerprint"], ["buildArgs.B"]),
    ],
)
def test_a_diff_leaves_out_what_is_ignored(plugin: Plugin, ignored: list[str], changed: list[str]) -> None:
    olds, _ = plugin.check({**GOOD, "buildArgs": {"A": "1", "B": "1"}})
    outputs = plugin.create({**GOOD, "buildArgs": {"A": "1", "B": "1"}}, preview=True)
    news, _ = plugin.check({**GOOD, "buildArgs": {"A": "2", "B": "2"}})
    request = pb.DiffRequest(
        urn=URN, old_inputs=wire.encode(olds), news=wire.encode(news), olds=wire.encode(outputs), ignoreChanges=ignored
    )
    answer = plugin.call("Diff", request)
    assert sorted(answer.detailedDiff) == changed
    assert (answer.changes == pb.DiffResponse.DIFF_NONE) == (not changed)


def test_outputs_that_the_program_makes_secret_stay_so(plugin: Plugin) -> None:
    """`additionalSecretOutputs`: they come back secret, and a read must not show them."""
    inputs, _ = plugin.check(GOOD)
    plain = {**plugin.create(GOOD, preview=True), "imageDigest": "sha256:1", "imageDigestUri": "x@sha256:1"}
    outputs = {name: Secret(value) for name, value in plain.items()}
    request = pb.ReadRequest(id="x:y", urn=URN, inputs=wire.encode(inputs), properties=wire.encode(outputs))
    found = wire.decode(plugin.call("Read", request).properties)
    assert found == outputs
    assert plugin.diff(inputs, inputs, outputs) == []


@pytest.mark.parametrize(
    ("registries", "said"),
    [
        ('[{"address": "r.example", "password": "hunter2-text"}]', "registries[0].username: is missing"),
        (
            '[{"address": "r.example", "username": "u", "pasword": "hunter2-text"}]',
            "registries[0].password: is missing",
        ),
        (
            '[{"address": "r.example", "username": "u", "password": "hunter2-text"',
            "registries: is a list: set its items",
        ),
        ('{"password": "hunter2-text"}', "registries: must be a list"),
    ],
)
@pytest.mark.parametrize("mark", [str, Secret])
def test_a_wrong_setting_beside_a_secret_does_not_show_it(
    plugin: Plugin, registries: str, said: str, mark: Callable[[str], Any]
) -> None:
    """The engine prints the value of the property that a failure names."""
    news = pb.CheckRequest(news=wire.encode({"registries": mark(registries)}))
    failures = plugin.call("CheckConfig", news).failures
    told = [": ".join(filter(None, (failure.property, failure.reason))) for failure in failures]
    assert any(text.startswith(said) for text in told)
    assert "registries" not in {failure.property for failure in failures}
    assert "hunter2-text" not in "".join(told)
    with pytest.raises(RefusedError) as caught:
        plugin.configure(registries=mark(registries))
    assert "hunter2-text" not in str(caught.value)
