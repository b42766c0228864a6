"""One suite over every way to build; what some cannot do is a clear error."""

import gzip
import io
import os
import signal
import socket
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from image_assets.docker import CacheOption, SecretSource
from image_assets.errors import BuildError, CancelledByUserError
from image_assets.oci import RegistryClient
from image_assets.oci.keychain import Credential, NoKeychain
from image_assets.publishing.build import Built, PushedByDigest, PushedParts, StoredImage
from image_assets.reference import Repository
from image_assets.task import Task
from image_assets.transfer import Sent, index_of, stored_manifest, write_tag
from tests.publishing.abilities import ABILITIES, BUILDERS, DOCUMENT, EXCEPTIONS, No, is_meant_for, rendered, written
from tests.publishing.conftest import BASE, NewFlavour, built, spec_for
from tests.support.builders import FLEET, Flavour, add_fleet, add_kubernetes_builder, node, wait_until
from tests.support.registry import Registry

_ALWAYS = {
    "embedded": {"contexts", "caches", "platforms"},
    "buildx": {"build", "ssh", "contexts", "caches", "platforms", "two"},
    "store": {"build", "contexts", "caches", "platforms", "private"},
    "remote": {"build", "ssh", "two", "private"},
    "container": {"build", "secrets", "platforms", "cancel"},
    "fleet": {*ABILITIES},
    "kubernetes": set(),
    "podman": {"ssh", "two"},
    "nerdctl": {"build", "failure", "cancel"},
}
"""What runs in `make test`; of the rest, other tests of this folder say much for four of the builders."""


@dataclass(frozen=True)
class Scene:
    """What one check works with."""

    flavour: Flavour
    context: Path
    folder: Path
    destination: Repository
    registry: Registry
    private: Registry

    def write(self, *lines: str) -> None:
        """Write the Dockerfile; its steps are those of no other check."""
        unique = f"ENV SCENE={uuid.uuid4()}\n"
        (self.context / "Dockerfile").write_text(BASE + unique + "".join(f"{line}\n" for line in lines))

    def build(self, task: Task | None = None, **more: object) -> Built:
        """Build the context."""
        return built(self.flavour, spec_for(self.flavour, self.context, **more), self.destination, task or Task())

    def publish(self, image: Built) -> str:
        """Bring the image to the registry under a tag of its own, and return the tag."""
        tag = uuid.uuid4().hex
        client = RegistryClient(self.destination.registry, NoKeychain(), Task())
        path = self.destination.path
        if isinstance(image, PushedByDigest):
            write_tag(client, path, tag, Sent(stored_manifest(client, path, image.digest), ()), Task())
        elif isinstance(image, PushedParts):
            stored = {platform: stored_manifest(client, path, one.digest) for platform, one in image.parts.items()}
            write_tag(client, path, tag, Sent(index_of(stored), ()), Task())
        else:
            image.push(f"{self.destination}:{tag}")
            image.discard()
        return tag

    def published_by(self, task: Task) -> str:
        """Build, publish, and return the tag; the task hears how it goes."""
        return self.publish(self.build(task))

    def published(self, **more: object) -> str:
        """Build, publish, and return the tag."""
        return self.publish(self.build(None, **more))


def check_build(scene: Scene) -> None:
    scene.write("RUN busybox echo hello > /hello")
    tag = scene.published(labels={"a": "b"})
    config = scene.registry.config(scene.destination.path, tag)
    assert config["config"]["Labels"]["a"] == "b"
    assert scene.registry.tags(scene.destination.path) == [tag]


def check_secrets(scene: Scene) -> None:
    scene.write("RUN --mount=type=secret,id=token busybox grep -q '^of-the-test$' /run/secrets/token")
    scene.published(secrets=(SecretSource("token", value="of-the-test"),))


def check_ssh(scene: Scene) -> None:
    key = scene.folder / "key"
    form = serialization.PrivateFormat.OpenSSH
    content = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    )
    key.write_bytes(content)
    key.chmod(0o600)
    scene.write("RUN --mount=type=ssh busybox test -S $SSH_AUTH_SOCK")
    scene.published(build_ssh=(f"default={key}",))


def check_contexts(scene: Scene) -> None:
    other = scene.folder / "other"
    other.mkdir()
    (other / "hello.txt").write_text("hello")
    scene.write("COPY --from=more hello.txt /", "RUN busybox grep hello /hello.txt")
    scene.published(build_contexts={"more": str(other)})


def check_caches(scene: Scene) -> None:
    scene.write("RUN busybox true")
    # Podman names a repository, BuildKit an image.
    name = f"{scene.destination}-cache"
    to = CacheOption("registry", {"ref": name} if scene.flavour.name == "podman" else {"ref": name, "mode": "max"})
    flags = ("--tls-verify=false",) if scene.flavour.name == "podman" else ()
    scene.published(cache_to=(to,), build_flags=flags)
    assert scene.registry.tags(f"{scene.destination.path}-cache")
    image = scene.build(cache_from=(CacheOption("registry", {"ref": name}),), build_flags=flags)
    image.discard()
    steps, cached = (int(word) for word in image.report.summary.replace(",", "").split() if word.isdigit())
    assert cached == steps - (scene.flavour.name == "podman")


def check_platforms(scene: Scene) -> None:
    fleet = scene.flavour.name == "fleet"
    scene.write("RUN busybox grep search /etc/resolv.conf > /where" if fleet else "COPY busybox /again")
    tag = scene.published(platforms=("linux/arm64", "linux/amd64"))
    index = scene.registry.manifest(scene.destination.path, tag)
    found = {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}
    assert list(found) == ["arm64", "amd64"]
    assert scene.registry.tags(scene.destination.path) == [tag]
    for architecture, digest in found.items() if fleet else ():
        assert file_of(scene, digest, "where") == f"search {FLEET[f'linux/{architecture}']}\n"


def file_of(scene: Scene, digest: str, name: str) -> str:
    """Return a file of the image's last layer."""
    layer = scene.registry.manifest(scene.destination.path, digest)["layers"][-1]
    content = gzip.decompress(scene.registry.blob(scene.destination.path, layer["digest"]))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        file = archive.extractfile(name)
        assert file
        return file.read().decode()


def check_cancel(scene: Scene) -> None:
    mark = f"busybox sleep 4{uuid.uuid4().int % 10**6:06}"
    scene.write(f"RUN {mark}")
    cancelled = threading.Event()
    threading.Thread(target=set_in_step, args=(cancelled, mark)).start()
    started = time.monotonic()
    with pytest.raises(CancelledByUserError):
        scene.build(Task(cancelled=cancelled))
    assert time.monotonic() - started < 30
    wait_until(lambda: not runs(mark), "the step still runs", 10)


def set_in_step(event: threading.Event, mark: str) -> None:
    wait_until(lambda: runs(mark), "no step")
    event.set()


def runs(words: str) -> bool:
    """Say whether a process of exactly these words runs anywhere: a builder's steps are this machine's processes."""
    listed = subprocess.run(("ps", "-eo", "args"), capture_output=True, text=True, check=True).stdout
    return any(line.strip() == words for line in listed.splitlines())


def check_failure(scene: Scene) -> None:
    scene.write("RUN sh -c 'echo BOOM; exit 3'")
    with pytest.raises(BuildError) as caught:
        scene.build()
    assert "exit code 3" in str(caught.value)
    assert "  | BOOM" in str(caught.value)
    assert f"{scene.context}/Dockerfile:5" in str(caught.value)


def check_two(scene: Scene) -> None:
    scenes = []
    for own in "ab":
        folder = scene.context.with_name(own)
        folder.mkdir()
        (folder / "busybox").write_bytes((scene.context / "busybox").read_bytes())
        (folder / "busybox").chmod(0o755)
        scenes.append(replace(scene, context=folder))
        scenes[-1].write(f"RUN busybox echo {own} > /own", f"LABEL own={own}")
    with ThreadPoolExecutor(2) as pool:
        tags = list(pool.map(lambda each: each.published(), scenes))
    configs = [scene.registry.config(scene.destination.path, tag) for tag in tags]
    assert [config["config"]["Labels"]["own"] for config in configs] == ["a", "b"]


def check_private(scene: Scene) -> None:
    base = Repository.parse(f"{scene.private.address}/{scene.destination.path}")
    login = {base.registry: Credential(scene.private.username, scene.private.password)}
    image = built(scene.flavour, spec_for(scene.flavour, scene.context, credentials=login), base, Task())
    if isinstance(image, StoredImage):
        image.push(f"{base}:base")
        image.discard()
    name = f"{base}@{image.digest}" if isinstance(image, PushedByDigest) else f"{base}:base"
    (scene.context / "Dockerfile").write_text(f"FROM {name}\nCOPY busybox /again\n")
    flags = ("--tls-verify=false",) if scene.flavour.name == "podman" else ()
    tag = scene.published(base_credentials=login, credentials=login, build_flags=flags)
    assert len(scene.registry.manifest(scene.destination.path, tag)["layers"]) == 3


def check_death(scene: Scene) -> None:
    if scene.flavour.name == "kubernetes":
        check_death_of_a_pod(scene)
        return
    with node(scene.folder / "first", name="first") as first, node(scene.folder / "second", name="second") as second:
        scene.flavour.docker("buildx", "rm", "fleet")
        add_fleet(scene.flavour.environ, "fleet", {"linux/amd64": first, "linux/amd64/v2": second})
        mark = f"busybox sleep 5{uuid.uuid4().int % 10**6:06}"
        scene.write(f"RUN busybox grep second /etc/resolv.conf || {mark}", "RUN busybox cp /etc/resolv.conf /where")
        killer = threading.Thread(target=kill_in_step, args=(first.process.pid, mark))
        killer.start()
        warned: list[str] = []
        tag = scene.publish(scene.build(Task(warn=warned.append)))
        killer.join()
        assert "second" in file_of(scene, tag, "where")
        assert scene.registry.tags(scene.destination.path) == [tag]
        assert [text.partition(";")[0] for text in warned] == [
            "node `fleet0` of builder `fleet` (driver `remote`) went away"
        ]


def kill_in_step(pid: int, mark: str) -> None:
    wait_until(lambda: runs(mark), "no step")
    os.kill(pid, signal.SIGKILL)
    subprocess.run(("pkill", "-KILL", "-x", "-f", mark), check=False)


def check_death_of_a_pod(scene: Scene) -> None:
    """The step calls a door, which kills the pod of the first that calls and lets the second go on."""
    add_kubernetes_builder(scene.flavour.environ, "twins", pods=2)
    warned: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(1) as pool:
        call = f"busybox nc 127.0.0.1 {door.getsockname()[1]}"
        scene.write(f"RUN {call}")
        pods = pool.submit(killed_when_it_calls, door, call)
        twins = replace(scene, flavour=replace(scene.flavour, builder="twins"))
        try:
            tag = twins.publish(twins.build(Task(warn=warned.append)))
        finally:
            door.shutdown(socket.SHUT_RDWR)
            scene.flavour.docker("buildx", "rm", "--force", "twins")
    assert len(set(pods.result())) == 2
    assert scene.registry.tags(scene.destination.path) == [tag]
    assert [text.partition(";")[0] for text in warned] == [
        "node `twins0` of builder `twins` (driver `kubernetes`) went away"
    ]


def killed_when_it_calls(door: socket.socket, call: str) -> list[int]:
    """Kill the BuildKit of the first step that calls; return those of both that call, the first first."""
    found = []
    for is_first in (True, False):
        connection, _ = door.accept()
        found.append(buildkit_of(call))
        if is_first:
            os.kill(found[0], signal.SIGKILL)
            connection.recv(1)
        connection.close()
    return found


def buildkit_of(words: str) -> int:
    """Return the process of the BuildKit that runs a step."""
    listed = subprocess.run(("ps", "-eo", "pid,ppid,args"), capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    parents = {pid: (parent, args) for pid, parent, args in rows}
    pid = next(pid for pid, (_, args) in parents.items() if args == words)
    while "buildkitd" not in parents[pid][1]:
        pid = parents[pid][0]
    return int(pid)


CHECKS: dict[str, Callable[[Scene], None]] = {
    "build": check_build,
    "secrets": check_secrets,
    "ssh": check_ssh,
    "contexts": check_contexts,
    "caches": check_caches,
    "platforms": check_platforms,
    "cancel": check_cancel,
    "failure": check_failure,
    "two": check_two,
    "private": check_private,
    "death": check_death,
}


def cases() -> list[Any]:
    """Return each builder with each ability."""
    found = []
    for builder in BUILDERS:
        for ability in (one for one in ABILITIES if is_meant_for(builder, one)):
            # One process for each builder: some start an engine of their own.
            marks = [pytest.mark.xdist_group(builder)]
            if builder == "kubernetes":
                marks.append(pytest.mark.kubernetes)
            if ability not in _ALWAYS[builder]:
                marks.append(pytest.mark.slow)
            found.append(pytest.param(builder, ability, marks=marks))
    return found


@pytest.mark.parametrize(("name", "ability"), cases())
def test_a_builder_does_what_the_table_says(  # noqa: PLR0917 - fixtures
    name: str,
    ability: str,
    new_flavour: NewFlavour,
    context: Path,
    tmp_path: Path,
    destination: Repository,
    registry: Registry,
    registry_with_auth: Registry,
) -> None:
    scene = Scene(new_flavour(name), context, tmp_path, destination, registry, registry_with_auth)
    cannot = EXCEPTIONS.get((name, ability))
    if cannot is None:
        CHECKS[ability](scene)
    else:
        refused(scene, ability, cannot)


def refused(scene: Scene, ability: str, cannot: No) -> None:
    """See that an error says what cannot be done, and that nothing was published."""
    with pytest.raises(BuildError, match=cannot.refusal):
        CHECKS[ability](scene)
    assert scene.registry.tags(scene.destination.path) == []


def test_the_table_in_the_docs_is_what_is_tested() -> None:
    assert written(DOCUMENT) == rendered(), "run `python -m tests.publishing.abilities`"
