"""Where the values of build secrets do not turn up (R14, R18)."""

import gzip
import hashlib
import json
import os
import subprocess
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from image_assets.docker import CacheOption, SecretSource
from image_assets.errors import BuildError
from image_assets.publishing.build import StoredImage
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import BASE, Heard, NewFlavour, built, spec_for
from tests.publishing.test_failures import log_of
from tests.publishing.test_images import publish
from tests.support.builders import Flavour
from tests.support.registry import Registry

BY_VALUE = "value-7f3a91c0d2"
BY_VARIABLE = "variable-51be77a09c"
BY_FILE = "file-first-line-e0c4\nfile-second-line-b8d1"
BIG = "big-" + "0123456789abcdef" * 8192
HIDDEN_ARGUMENT = "argument-c0ffee99"
NEEDLES = (BY_VALUE, BY_VARIABLE, *BY_FILE.splitlines(), BIG[:40])


def sources(folder: Path) -> tuple[SecretSource, ...]:
    (folder / "token, with comma").write_text(BY_FILE)
    return (
        SecretSource("a", value=BY_VALUE),
        SecretSource("b", env="SECRET_OF_TEST"),
        SecretSource("c", file=folder / "token, with comma"),
        SecretSource("d", value=BIG),
    )


def run_with(*checks: str) -> str:
    mounts = " ".join(f"--mount=type=secret,id={name}" for name in "abcd")
    # Side by side with an equal step of another test it would run only once.
    return f"{BASE}RUN {mounts} : {uuid.uuid4()} && {' && '.join(checks)}\n"


PRINTED = run_with(*(f"busybox cat /run/secrets/{name} && echo" for name in "abcd"), "busybox wc -c /run/secrets/d")


def with_variable(flavour: Flavour) -> Flavour:
    return replace(flavour, environ={**flavour.environ, "SECRET_OF_TEST": BY_VARIABLE})


def test_secrets_of_every_source_reach_the_step_and_nothing_else(
    flavour: Flavour, context: Path, tmp_path: Path, destination: Repository, registry: Registry
) -> None:
    heard = Heard()
    flavour = with_variable(flavour)
    compared = [
        f"busybox test $(busybox sha256sum < /run/secrets/{name} | busybox cut -c1-64) = {digest}"
        for name, digest in zip("abcd", map(sha256, (BY_VALUE, BY_VARIABLE, BY_FILE, BIG)), strict=True)
    ]
    (context / "Dockerfile").write_text(PRINTED + run_with(*compared).removeprefix(BASE) + "RUN busybox touch /end\n")
    spec = spec_for(flavour, context, secrets=sources(tmp_path), cache_disabled=True)
    image = built(flavour, spec, destination, heard.task)
    name = publish(image, destination)
    stored = everything_stored(registry, destination.path, name)
    for needle in NEEDLES:
        assert needle.encode() not in stored
        assert needle not in heard.everything
        assert needle not in image.report.output
        assert needle not in repr(image)
        assert needle not in repr(spec)
    assert f"{len(BIG)} /run/secrets/d" in image.report.output


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def everything_stored(registry: Registry, repository: str, name: str) -> bytes:
    manifest = registry.manifest(repository, name)
    layers = [gzip.decompress(registry.blob(repository, layer["digest"])) for layer in manifest["layers"]]
    return b"".join([json.dumps(manifest).encode(), registry.blob(repository, manifest["config"]["digest"]), *layers])


def test_a_failure_shows_no_secret_in_message_or_log(
    either: Flavour, context: Path, tmp_path: Path, destination: Repository, heard: Heard
) -> None:
    flavour = with_variable(either)
    (context / "Dockerfile").write_text(f"{PRINTED}ARG T\nRUN echo $T; busybox false\n")
    spec = spec_for(
        flavour, context, secrets=sources(tmp_path), build_args={"T": HIDDEN_ARGUMENT}, hidden=(HIDDEN_ARGUMENT,),
        cache_disabled=True,
    )  # fmt: skip
    with pytest.raises(BuildError) as caught:
        built(flavour, spec, destination, heard.task)
    log = log_of(str(caught.value))
    assert f"--secret 'id=c,\"src={tmp_path}/token, with comma\"'" in str(caught.value)
    assert "src=[secret]" in str(caught.value)
    told = f"{caught.value}\n{log.read_text()}\n{heard.everything}"
    assert [needle for needle in (*NEEDLES, HIDDEN_ARGUMENT) if needle in told] == []
    assert "  | [secret]" in told


def test_no_process_has_a_secret_in_its_arguments(
    either: Flavour, context: Path, tmp_path: Path, destination: Repository
) -> None:
    flavour = with_variable(either)
    (context / "Dockerfile").write_text(
        run_with("busybox sleep 0.7") + "ARG HIDDEN\nRUN busybox test $HIDDEN = " + HIDDEN_ARGUMENT + "\n"
    )
    seen: list[str] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch_arguments, args=(seen, stop))
    watcher.start()
    spec = spec_for(
        flavour, context, secrets=sources(tmp_path), build_args={"HIDDEN": HIDDEN_ARGUMENT}, hidden=(HIDDEN_ARGUMENT,),
        cache_disabled=True,
    )  # fmt: skip
    try:
        built(flavour, spec, destination, Task()).discard()
    finally:
        stop.set()
        watcher.join()
    ours = [line for line in seen if str(context.parent) in line]
    assert ours, "the watcher saw no build"
    assert [needle for needle in (*NEEDLES, HIDDEN_ARGUMENT) if any(needle in line for line in ours)] == []


def watch_arguments(seen: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        time.sleep(0.02)


NAMED_LIKE_WHAT_DOCKER_OBEYS = (
    "AWS_SECRET_ACCESS_KEY",
    "DOCKER_AUTH_CONFIG",
    "DOCKER_HOST",
    "HOME",
    "PATH",
    "CI_TOKEN",
)


@pytest.mark.parametrize("name", ["buildx", "remote"])
def test_secret_options_reach_the_build_and_neither_arguments_nor_helpers(
    name: str, new_flavour: NewFlavour, context: Path, tmp_path: Path, destination: Repository
) -> None:
    """Whatever the environment has: here all the arguments' names stand in it, as in CI."""
    flavour = new_flavour(name)
    secrets = {arg: f"argument-{index}-it's ${{x}} %{{y}}" for index, arg in enumerate(NAMED_LIKE_WHAT_DOCKER_OBEYS)}
    notes = tmp_path / "helper.notes"
    helper = tmp_path / "bin" / "docker-credential-noting"
    helper.parent.mkdir()
    helper.write_text(f"#!/bin/sh\nenv >> {notes}\necho 'credentials not found in native keychain'\nexit 1\n")
    helper.chmod(0o755)
    config = (
        json.loads((flavour.config / "config.json").read_text()) if (flavour.config / "config.json").exists() else {}
    )
    (flavour.config / "config.json").write_text(json.dumps({**config, "credsStore": "noting"}))
    path = f"{helper.parent}{os.pathsep}{flavour.environ['PATH']}"
    environ = {**flavour.environ, "AWS_SECRET_ACCESS_KEY": "of the machine", "CI_TOKEN": "of the CI", "PATH": path}
    flavour = replace(flavour, environ=environ)
    checks = [f'RUN busybox test "${arg}" = "{text.replace("$", chr(92) + "$")}"' for arg, text in secrets.items()]
    arguments = "".join(f"ARG {arg}\n" for arg in secrets if arg != "PATH")
    script = "\n".join(arguments.splitlines() + [line for line in checks if "$PATH" not in line])
    (context / "Dockerfile").write_text(f"{BASE}{script}\nRUN busybox sleep 0.7 && : {uuid.uuid4()}\n")
    label, parameter = "label-5e1f08a2", "parameter-90ab12cd"
    spec = spec_for(
        flavour,
        context,
        build_args=secrets,
        labels={"l": label},
        cache_from=(CacheOption("local", {"src": str(tmp_path / parameter)}),),
        hidden=(*secrets.values(), label, parameter),
    )
    seen: list[str] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch_arguments, args=(seen, stop))
    watcher.start()
    try:
        image = built(flavour, spec, destination, Task())
    finally:
        stop.set()
        watcher.join()
    image.discard()
    assert any("bake" in line for line in seen), "the watcher saw no build"
    # In the container a step's own command has the text that the step compares its argument with.
    ours = [line for line in seen if not line.startswith("busybox test ")]
    for text in (*secrets.values(), label, parameter):
        assert not [line for line in ours if text in line]
        assert text not in (notes.read_text() if notes.exists() else "")


@pytest.mark.parametrize("name", ["embedded", "podman"])
def test_a_program_without_another_way_is_refused_a_secret_argument_that_it_would_obey(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    spec = spec_for(flavour, context, build_args={"HOME": HIDDEN_ARGUMENT}, hidden=(HIDDEN_ARGUMENT,))
    with pytest.raises(BuildError) as caught:
        built(flavour, spec, destination, Task())
    assert "`HOME=[secret]`" in str(caught.value)
    assert "buildSecrets" in str(caught.value)
    assert HIDDEN_ARGUMENT not in str(caught.value)


def test_a_flag_that_cannot_be_hidden_beside_a_secret_is_named(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("buildx")
    flags = ("--isolation", "default")
    spec = spec_for(flavour, context, labels={"l": HIDDEN_ARGUMENT}, build_flags=flags, hidden=(HIDDEN_ARGUMENT,))
    with pytest.raises(BuildError, match="`--isolation` in `buildFlags`"):
        built(flavour, spec, destination, Task())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (SecretSource("x", env="NOT_SET_ANYWHERE"), "`x`: the environment variable `NOT_SET_ANYWHERE` is not set"),
        (SecretSource("x", file=Path("/no/such/file")), "`x`: `/no/such/file` is not a file"),
    ],
)
def test_a_secret_that_is_not_there_fails_the_build(
    source: SecretSource, said: str, either: Flavour, context: Path, destination: Repository
) -> None:
    with pytest.raises(BuildError) as caught:
        built(either, spec_for(either, context, secrets=(source,)), destination, Task())
    assert said in str(caught.value)


def test_an_ssh_agent_is_forwarded(either: Flavour, context: Path, tmp_path: Path, destination: Repository) -> None:
    """R18."""
    socket = Path(f"/tmp/agent-{os.getpid()}")
    agent = subprocess.Popen(("ssh-agent", "-D", "-a", str(socket)), stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.02)
        flavour = replace(either, environ={**either.environ, "SSH_AUTH_SOCK": str(socket)})
        (context / "Dockerfile").write_text(f"{BASE}RUN --mount=type=ssh busybox test -S $SSH_AUTH_SOCK\n")
        image = built(
            flavour, spec_for(flavour, context, build_ssh=("default",), cache_disabled=True), destination, Task()
        )
        image.discard()
        assert isinstance(image, StoredImage) or flavour.name == "remote"
    finally:
        agent.terminate()
        agent.wait()
        socket.unlink(missing_ok=True)
