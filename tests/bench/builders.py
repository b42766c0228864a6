"""Builds: many small images on one node and on two, and a small change on a large base beside `docker buildx build`.

`python -m tests.bench.builders [--images 40] [--megabytes 900] [--runs 7]`
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from image_assets.docker import BuildSpec
from image_assets.docker.nodes import Slots
from image_assets.inputs.settings import Settings
from image_assets.oci import RegistryClient
from image_assets.oci.keychain import NoKeychain
from image_assets.publishing.build import PushedByDigest, StoredImage, build
from image_assets.reference import Reference, Repository
from image_assets.task import Task
from image_assets.transfer import BlobMemory, Sent, base_layers, send_local, stored_manifest, write_tag
from tests.fakes.certificates import make_certificates
from tests.support.builders import (
    add_buildx,
    add_container_builder,
    add_tls_builder,
    clean_environ,
    node,
)
from tests.support.contexts import make_context
from tests.support.engines import docker_with_nodes
from tools.kit import docker_engine
from tools.kit import registry as local_registry

_PER_NODE = Settings().max_concurrent_builds
_AT_ONCE = 16
"""Images that the engine publishes side by side (`pulumi up --parallel`)."""


def row(what: str, seconds: float, other: float | None = None) -> None:
    """Print one row."""
    ratio = f"{other / seconds:8.2f} x" if other else ""
    print(f"{what:64} {seconds:8.2f} s {ratio}", flush=True)


def publish(  # noqa: PLR0917 - what, where, and how
    spec: BuildSpec, target: Repository, tag: str, environ: Mapping[str, str], slots: Slots, base: str
) -> None:
    """Build with the provider's code, and write the tag."""
    task, path = Task(), target.path
    client = RegistryClient(target.registry, NoKeychain(), task)
    built = build(spec, target, task, environ, slots)
    if isinstance(built, PushedByDigest):
        write_tag(client, path, tag, Sent(stored_manifest(client, path, built.digest), ()), task)
    elif isinstance(built, StoredImage):
        with tempfile.TemporaryDirectory() as folder:
            memory, reference = BlobMemory(Path(folder) / "memory"), Reference.parse(base)
            pulled = built.pulled(reference)
            shared = base_layers(
                client, reference.repository.full_path, reference.identifier, built.diff_ids, memory, pulled
            )
            write_tag(client, path, tag, send_local(built, client, path, task, memory, shared), task)
            built.discard()


def many(folder: Path, registry: str, images: int) -> None:
    """Print what many small images cost on a builder of one node and on one of two."""
    seconds: dict[int, float] = {}
    contexts = []
    for number in range(images):
        dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n"
        dockerfile += f"RUN busybox seq {number}000 {number}999 > /made\nRUN busybox sleep 1\n"
        contexts.append(make_context(folder / "contexts" / str(number), dockerfile=dockerfile))
    for count in (1, 2):
        environ = clean_environ(folder / f"home-{count}")
        add_buildx(Path(environ["DOCKER_CONFIG"]))
        slots = Slots(_PER_NODE)
        with ExitStack() as exits, ThreadPoolExecutor(_AT_ONCE) as pool:
            nodes = [exits.enter_context(node(folder / f"node-{count}-{at}")) for at in range(count)]
            for at, running in enumerate(nodes):
                words = ("docker", "buildx", "create", "--name", "many", "--driver", "remote", running.address)
                subprocess.run((*words, *(("--append",) if at else ())), env=environ, check=True, capture_output=True)
            target = Repository.parse(f"{registry}/many/{count}")
            started = time.monotonic()
            specs = [BuildSpec(context=one, dockerfile=one / "Dockerfile", builder="many") for one in contexts]
            jobs = [pool.submit(publish, one, target, str(at), environ, slots, "") for at, one in enumerate(specs)]
            for job in jobs:
                job.result()
            seconds[count] = time.monotonic() - started
    row(f"{images} small images, one node", seconds[1])
    row(f"{images} small images, a fleet of two nodes on the same machine", seconds[2], seconds[1])


@contextmanager
def drivers(folder: Path) -> Iterator[tuple[dict[str, str], list[tuple[str, str | None]]]]:
    """Give an environment with a builder of each driver, and their names."""
    environ = clean_environ(folder / "home")
    add_buildx(Path(environ["DOCKER_CONFIG"]))
    certificates = make_certificates(folder, "127.0.0.1")
    (folder / "docker").mkdir()
    with ExitStack() as exits:
        exits.enter_context(docker_engine.running())
        add_tls_builder(environ, "far", exits.enter_context(node(folder / "far", certificates=certificates)))
        add_container_builder(environ, "box", exits.enter_context(docker_with_nodes(folder / "docker")))
        yield environ, [("docker", None), ("remote, TLS", "far"), ("docker-container", "box")]


def make_base(folder: Path, registry: str, megabytes: int, environ: Mapping[str, str]) -> str:
    """Publish a base image of bytes that do not compress, and return its reference."""
    context = make_context(folder / "base", dockerfile="FROM scratch\nCOPY data-* /data/\n")
    for part in range(3):
        with (context / f"data-{part}").open("wb") as file:
            for _ in range(megabytes // 3):
                file.write(os.urandom(10**6))
    name = f"{registry}/base:1"
    words = (
        "docker",
        "buildx",
        "build",
        "--builder",
        "far",
        "--provenance=false",
        "--push",
        "--tag",
        name,
        str(context),
    )
    subprocess.run(words, env=environ, check=True, capture_output=True)
    shutil.rmtree(context)
    return name


def on_base(folder: Path, registry: str, megabytes: int, runs: int) -> None:
    """Print what a small change on a large base costs with each driver, ours beside buildx's own push."""
    with drivers(folder) as (environ, named):
        base = make_base(folder, registry, megabytes, environ)
        context = make_context(folder / "small", dockerfile=f"FROM {base}\nCOPY last /last\n")
        for title, builder in named:
            theirs, ours = [], []
            for turn in range(runs + 1):
                tag = f"{builder or 'docker'}-{turn}"
                (context / "last").write_text(f"theirs {tag}")
                theirs.append(timed(partial(by_buildx, context, builder, f"{registry}/small:{tag}-t", environ)))
                (context / "last").write_text(f"ours   {tag}")
                spec = BuildSpec(context=context, dockerfile=context / "Dockerfile", builder=builder)
                target = Repository.parse(f"{registry}/small")
                ours.append(timed(partial(publish, spec, target, f"{tag}-o", environ, Slots(_PER_NODE), base)))
            # The first turn brings the base to the builder.
            row(f"small change on {megabytes} MB, {title}: docker buildx build --push", min(theirs[1:]))
            row(f"small change on {megabytes} MB, {title}: provider", min(ours[1:]), min(theirs[1:]))


def by_buildx(context: Path, builder: str | None, name: str, environ: Mapping[str, str]) -> None:
    """Build and push as a user would by hand."""
    chosen = ("--builder", builder) if builder else ()
    words = ("docker", "buildx", "build", *chosen, "--provenance=false", "--push", "--tag", name, str(context))
    subprocess.run(words, env=environ, check=True, capture_output=True)


def timed(do: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.monotonic()
    do()
    return time.monotonic() - started


def main() -> None:
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--megabytes", type=int, default=900)
    parser.add_argument("--runs", type=int, default=7, help="how often a small change is built; the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with local_registry.running(folder / "registry") as running:
            if options.images:
                many(folder, running.address, options.images)
            if options.megabytes:
                on_base(folder, running.address, options.megabytes, options.runs)


if __name__ == "__main__":
    main()
