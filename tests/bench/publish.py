"""How long publishing an archive takes, beside `skopeo copy` and `docker load` with `docker push`, in the same run.

python -m tests.bench.publish [--megabytes 900] [--docker] [--only-docker] [--images 20] [--base 100] [--huge 5000]

The archive is made of real files of this machine. The registry is a real one, on this machine. Prints a table of
seconds, megabytes of memory and ratios.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from image_assets.archive import open_archive
from image_assets.oci import NoKeychain, RegistryClient, Uploaded
from image_assets.task import Task
from image_assets.transfer import BlobMemory, send, send_local, write_tag
from tests.fakes.cli_image import CliImage, docker
from tools.kit import docker_engine
from tools.kit import registry as local_registry

SHARES = (0.6, 0.25, 0.1, 0.05)
ROOT = Path("/usr")
LARGEST_ON_BASE = 100_000
#: Where skopeo run by root remembers which plain layer became which blob.
SKOPEO_MEMORY = Path("/var/lib/containers/cache/blob-info-cache-v1.boltdb")


def real_files(root: Path) -> Iterator[Path]:
    """Yield regular files in a fixed order."""
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


def write_layer(path: Path, files: Iterator[Path], size: int) -> str:
    """Write one layer of about that size, and return its digest."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for file in files:
            if tar.offset >= size:
                break
            if len(str(file)) < 100 and tar.offset + file.stat().st_size < size * 1.02:
                tar.add(file, recursive=False)
    with path.open("rb") as layer:
        return hashlib.file_digest(layer, "sha256").hexdigest()


def make_archive(
    folder: Path,
    megabytes: int,
    seed: str = "",
    shares: tuple[float, ...] = SHARES,
    files: Iterator[Path] | None = None,
) -> Path:
    """Write a docker-save archive of real files, or of the next ones."""
    files = files or real_files(ROOT)
    layers = [folder / f"layer-{at}.tar" for at in range(len(shares))]
    digests = [
        write_layer(path, files, int(megabytes * 1e6 * share)) for path, share in zip(layers, shares, strict=True)
    ]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": [seed]}, "rootfs": rootfs}).encode()
    (folder / "config.json").write_bytes(config)
    item = {"Config": "config.json", "RepoTags": ["bench:1"], "Layers": [path.name for path in layers]}
    (folder / "manifest.json").write_text(json.dumps([item]))
    archive = folder / f"image-{megabytes}.tar"
    with tarfile.open(archive, "w") as tar:
        for path in (*layers, folder / "config.json", folder / "manifest.json"):
            tar.add(path, path.name)
            path.unlink()
    return archive


def publish(archive: Path, registry: str, repository: str, memory: Path) -> float:
    """Publish with the provider's code, and return the seconds of it."""
    task = Task()
    client = RegistryClient(registry, NoKeychain(), task)
    started = time.monotonic()
    with open_archive(archive) as opened:
        sent = send(opened, client, repository, task, BlobMemory(memory))
        write_tag(client, repository, "1", sent, task)
    return time.monotonic() - started


def publish_many(archives: list[Path], registry: str, memory: Path) -> float:
    """Publish several images at once."""
    started = time.monotonic()
    with ThreadPoolExecutor(len(archives)) as pool:
        for future in [pool.submit(publish, one, registry, f"many/{at}", memory) for at, one in enumerate(archives)]:
            future.result()
    return time.monotonic() - started


class CountingClient(RegistryClient):
    """A client that adds up what it sends."""

    sent = 0
    lock = threading.Lock()

    def upload_blob(self, *args: Any, **options: Any) -> Uploaded:
        uploaded = super().upload_blob(*args, **options)
        with self.lock:
            CountingClient.sent += uploaded.sent
        return uploaded


def publish_on_base(archives: list[Path], registry: str, memory: Path) -> float:
    """Publish several images at once as one program does: with one memory."""
    known, task = BlobMemory(memory), Task()

    def run(number: int, archive: Path) -> None:
        client = CountingClient(registry, NoKeychain(), task)
        with open_archive(archive) as opened:
            sent = send(opened, client, f"{memory.name}/{number}", task, known)
            write_tag(client, f"{memory.name}/{number}", "1", sent, task)

    started = time.monotonic()
    with ThreadPoolExecutor(len(archives)) as pool:
        list(pool.map(run, range(len(archives)), archives))
    return time.monotonic() - started


def in_child(*arguments: str) -> tuple[float, int]:
    """Run this file in a process of its own; return its seconds and its peak of memory in megabytes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.publish", "--child", *arguments], check=True, capture_output=True, text=True
    )
    sys.stderr.write(f"{int(done.stderr) / 1e6:58.0f} MB sent\n" if done.stderr.strip().isdecimal() else "")
    seconds, memory = done.stdout.split()
    return float(seconds), int(memory)


def child(arguments: list[str]) -> None:
    """Publish one archive to some repositories, or several at once; print the last time and the peak of memory."""
    first, registry, memory, *others = arguments
    if first == "base":
        seconds = publish_on_base(list(map(Path, others)), registry, Path(memory))
        print(CountingClient.sent, file=sys.stderr)
    elif first == "many":
        seconds = publish_many(list(map(Path, others)), registry, Path(memory))
    else:
        seconds = [publish(Path(first), registry, repository, Path(memory)) for repository in others][-1]
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def timed(*command: str) -> float:
    """Run a command, and return its seconds."""
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def skopeo(archive: Path, registry: str, repository: str, *, forget: bool = False) -> float:
    """Copy with skopeo, which may have to forget what it remembers of blobs."""
    if forget:
        SKOPEO_MEMORY.unlink(missing_ok=True)
    source, destination = f"docker-archive:{archive}", f"docker://{registry}/{repository}:1"
    return timed("skopeo", "copy", "-q", "--dest-tls-verify=false", source, destination)


def load_and_push(archive: Path, registry: str) -> float:
    """Load and push with docker."""
    name = f"{registry}/docker:1"
    seconds = timed("docker", "load", "-q", "-i", str(archive))
    seconds += timed("docker", "tag", "bench:1", name) + timed("docker", "push", "-q", name)
    timed("docker", "image", "rm", "-f", name, "bench:1")
    return seconds


def local(
    image: CliImage, registry: str, repository: str, memory: Path, engine_has: dict[str, int] | None = None
) -> float:
    """Publish an image of the docker engine with the provider's code."""
    task = Task()
    client = RegistryClient(registry, NoKeychain(), task)
    started = time.monotonic()
    sent = send_local(image, client, repository, task, BlobMemory(memory), engine_has or {})
    write_tag(client, repository, str(started), sent, task)
    return time.monotonic() - started


def engine(folder: Path, registry: str, megabytes: int) -> None:
    """Print how images of the docker engine get to the registry, through our client and by the engine's own push."""
    archive = make_archive(folder, megabytes, "engine", (1.0,))
    docker("load", "-q", "-i", str(archive))
    archive.unlink()
    pushed, ours = f"{registry}/pushed:1", folder / "memory-engine"
    docker("tag", "bench:1", pushed)
    base = CliImage.of("bench:1")
    through_us = local(base, registry, "local", ours)
    by_engine = timed("docker", "push", "-q", pushed)
    row(f"docker push, one new layer of {megabytes} MB", by_engine)
    row("provider, the same (saved through our client)", through_us, by_engine)
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text(f"FROM {pushed}\nCOPY Dockerfile /added\n")
    docker("build", "-q", "-t", f"{registry}/pushed:2", str(folder / "context"))
    small = CliImage.of(f"{registry}/pushed:2")
    row("provider, small layer, base sent by our client", local(small, registry, "local", ours))
    known = {base.diff_ids[0]: base.size}
    row("provider, small layer, base known to the engine", local(small, registry, "pushed", folder / "none", known))
    (folder / "context" / "Dockerfile").write_text(f"FROM {pushed}\nCOPY Dockerfile /again\n")
    docker("build", "-q", "-t", f"{registry}/pushed:3", str(folder / "context"))
    row("docker push, small layer, base known to it", timed("docker", "push", "-q", f"{registry}/pushed:3"))
    docker("image", "rm", "-f", "bench:1", pushed, f"{registry}/pushed:2", f"{registry}/pushed:3")


def row(what: str, seconds: float, other: float | None = None, memory: int | None = None) -> None:
    """Print one row."""
    ratio = f"{other / seconds:8.1f} x" if other else " " * 10
    print(f"{what:58} {seconds:8.2f} s {ratio} {f'{memory} MB' if memory else '':>8}", flush=True)


def best(runs: int, measure: Callable[[int], float]) -> float:
    """Return the shortest of several runs."""
    return min(measure(run) for run in range(runs))


def alternated(archive: Path, registry: str, folder: Path, runs: int) -> tuple[float, float, int]:
    """Publish what is new with skopeo and with the provider in turns; return the best seconds, and the peak memory."""
    theirs, ours = [], []
    for at in range(runs):
        # The registry forgets nothing, so its disk work is spared to both from the second turn on; packing is not.
        theirs.append(skopeo(archive, registry, "skopeo" if at == 0 else f"skopeo-{at}", forget=True))
        ours.append(in_child(str(archive), registry, str(folder / f"memory-{at}"), "ours" if at == 0 else f"ours-{at}"))
    return min(theirs), min(ours)[0], max(peak for _, peak in ours)


def compare(folder: Path, registry: str, options: argparse.Namespace) -> None:
    """Print the table."""
    archive = make_archive(folder, options.megabytes)
    size = archive.stat().st_size / 1e6
    print(
        f"archive of {size:.0f} MB in {len(SHARES)} layers; ratios: how often the provider's time fits into the other's"
    )
    memory = str(folder / "memory-0")
    theirs, ours, peak = alternated(archive, registry, folder, options.runs)
    again = best(3, lambda _: skopeo(archive, registry, "skopeo"))
    elsewhere = skopeo(archive, registry, "skopeo-elsewhere")
    row("skopeo, layers not in the registry", theirs)
    row("provider, layers not in the registry", ours, theirs, peak)
    runs = [in_child(str(archive), registry, memory, "ours", "ours") for _ in range(3)]
    row("skopeo, everything there", again)
    row("provider, everything there", min(runs)[0], again, runs[0][1])
    row("skopeo, into another repository", elsewhere)
    mounted, peak = in_child(str(archive), registry, memory, "ours", "ours2")
    row("provider, into another repository (mount)", mounted, elsewhere, peak)
    timed("sh", "-c", f"gzip -1 -c {archive} > {archive}.gz")
    packed, peak = in_child(f"{archive}.gz", registry, str(folder / "memory-gz"), "ours-gz")
    row("provider, gzip of the archive, layers not in the registry", packed, theirs, peak)
    Path(f"{archive}.gz").unlink()
    if options.docker:
        with docker_engine.running():
            pushed = load_and_push(archive, registry)
        row("docker load, docker push", pushed)
        row("provider, as above", ours, pushed)
    archive.unlink()


def many(folder: Path, registry: str, images: int) -> None:
    """Print how 20 images at once compare with the same bytes in one."""
    archives, files = [], real_files(ROOT)
    for at in range(images):
        (folder / str(at)).mkdir()
        archives.append(make_archive(folder / str(at), 30, str(at), (1.0,), files))
    whole = make_archive(folder, 30 * images, shares=tuple(1 / images for _ in range(images)))
    one = publish(whole, registry, "whole", folder / "m1")
    row(f"provider, {30 * images} MB as one image", one)
    at_once, peak = in_child("many", registry, str(folder / "m2"), *map(str, archives))
    row(f"provider, {images} images of 30 MB at once", at_once, one, peak)


def files_on_base(megabytes: int, number: int) -> Iterator[Path]:
    """Yield the same files for a base of that size, and then others for each number."""
    files, size = (file for file in real_files(ROOT) if file.stat().st_size < LARGEST_ON_BASE), 0
    for file in files:
        yield file
        # What has too long a name for the layer is not in it, and the layer must not need more.
        size += file.stat().st_size if len(str(file)) < 100 else 0
        if size > megabytes * 1e6:
            break
    yield from islice(files, number * 100, None)


def on_base(folder: Path, registry: str, megabytes: int) -> None:
    """Print what four images cost whose base the registry lacks; its bytes should be sent once."""
    archives = []
    for at in range(4):
        (folder / f"base-{at}").mkdir()
        shares = (1.0, 0.1)
        archives.append(
            make_archive(folder / f"base-{at}", megabytes, f"on base {at}", shares, files_on_base(megabytes, at))
        )
    one, _ = in_child("base", registry, str(folder / "memory-one"), str(archives[0]))
    four, peak = in_child("base", registry, str(folder / "memory-four"), *map(str, archives))
    row(f"provider, one image on a new base of {megabytes} MB", one)
    row("provider, four images on it", four, one, peak)


def huge(folder: Path, registry: str, megabytes: int) -> None:
    """Print the memory that a very large archive takes."""
    archive = make_archive(folder, megabytes)
    seconds, peak = in_child(str(archive), registry, str(folder / "memory-huge"), "huge")
    row(f"provider, {megabytes} MB", seconds, memory=peak)


def main() -> None:
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=900)
    parser.add_argument("--runs", type=int, default=3, help="how often what is new is published; the best counts")
    parser.add_argument("--docker", action="store_true", help="compare with docker load and push too (slow)")
    parser.add_argument("--images", type=int, default=0, help="publish so many images at once too")
    parser.add_argument("--base", type=int, default=100, help="publish four images on one base of so many megabytes")
    parser.add_argument("--huge", type=int, default=0, help="publish an archive of so many megabytes too")
    parser.add_argument("--only-docker", action="store_true", help="measure only images of the docker engine")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with local_registry.running(folder / "registry") as running:
            if not options.only_docker and options.megabytes:
                compare(folder, running.address, options)
            if options.docker or options.only_docker:
                with docker_engine.running():
                    engine(folder, running.address, options.megabytes)
            if options.base:
                on_base(folder, running.address, options.base)
            if options.images:
                many(folder, running.address, options.images)
            if options.huge:
                huge(folder, running.address, options.huge)


if __name__ == "__main__":
    main()
