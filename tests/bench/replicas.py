"""How long an image takes from one registry to another, beside `skopeo copy`: new, again, and within one registry.

python -m tests.bench.replicas [--megabytes 900] [--runs 3]

The image is made of real files of this machine, and so are both registries. Prints seconds, ratios and peaks of memory.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from image_assets.oci import NoKeychain, RegistryClient
from image_assets.task import Task
from image_assets.transfer import BlobMemory, Source, copy, move_tag
from tests.bench.publish import make_archive, publish, row, timed
from tools.kit import registry as local_registry


def replicate(source: str, target: str, repository: str, memory: Path) -> float:
    """Copy `image:1` with the provider's code, and return the seconds of it."""
    task = Task()
    origin, client = (RegistryClient(host, NoKeychain(), task) for host in (source, target))
    started = time.monotonic()
    found = origin.head_manifest("image", "1")
    assert found
    sent = copy(Source(origin, "image", found.digest), client, repository, task, BlobMemory(memory))
    move_tag(client, repository, "1", sent, task, lambda there: there.digest == found.digest)
    return time.monotonic() - started


def in_child(*arguments: str) -> tuple[float, int]:
    """Copy in a process of its own; return its seconds and its peak of memory in megabytes."""
    command = [sys.executable, "-m", "tests.bench.replicas", "--child", *arguments]
    seconds, memory = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(seconds), int(memory)


def skopeo(source: str, target: str, repository: str) -> float:
    """Copy with skopeo."""
    flags = ("-q", "--src-tls-verify=false", "--dest-tls-verify=false")
    return timed("skopeo", "copy", *flags, f"docker://{source}/image:1", f"docker://{target}/{repository}:1")


@contextmanager
def emptied(folder: Path) -> Iterator[str]:
    """Run a registry that has nothing: what another repository of it has, a copy would only be mounted from."""
    folder.mkdir()
    with local_registry.running(folder) as registry:
        yield registry.address
    shutil.rmtree(folder)


def to_another(folder: Path, source: str, at: int) -> tuple[float, tuple[float, int]]:
    """Copy to registries that have nothing yet, the order swapped each time."""
    measured: dict[str, Any] = {}
    sides: list[tuple[str, Callable[[str], Any]]] = [
        ("theirs", lambda target: skopeo(source, target, "image")),
        ("ours", lambda target: in_child(source, target, "image", str(folder / f"memory-{at}"))),
    ]
    for name, measure in sides if at % 2 == 0 else sides[::-1]:
        with emptied(folder / name) as target:
            measured[name] = measure(target)
    return measured["theirs"], measured["ours"]


def compare(folder: Path, source: str, target: str, options: argparse.Namespace) -> None:
    """Print the table: of runs in turns, the best of each."""
    archive = make_archive(folder, options.megabytes)
    publish(archive, source, "image", folder / "published")
    archive.unlink()
    skopeo(source, target, "theirs")
    in_child(source, target, "ours", str(folder / "memory"))
    rows: tuple[tuple[str, Callable[[int], tuple[float, tuple[float, int]]]], ...] = (
        (f"{options.megabytes} MB of layers, to another registry", partial(to_another, folder, source)),
        ("again, everything there", lambda _: both(source, target, "theirs", "ours", folder / "memory")),
        ("within a registry", lambda at: both(source, source, f"theirs-{at}", f"ours-{at}", folder / f"within-{at}")),
    )
    for what, measure in rows:
        theirs, ours = zip(*(measure(at) for at in range(options.runs)), strict=True)
        row(f"skopeo, {what}", min(theirs))
        row(f"provider, {what}", min(ours)[0], min(theirs), max(peak for _, peak in ours))


def both(source: str, target: str, theirs: str, ours: str, memory: Path) -> tuple[float, tuple[float, int]]:
    """Copy with both."""
    return skopeo(source, target, theirs), in_child(source, target, ours, str(memory))


def main() -> None:
    """Measure what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=900)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured; the best counts")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        source, target, repository, memory = options.child
        seconds = replicate(source, target, repository, Path(memory))
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for one in ("from", "to"):
            (folder / one).mkdir()
        with (
            local_registry.running(folder / "from") as source,
            local_registry.running(folder / "to") as target,
        ):
            compare(folder, source.address, target.address, options)


if __name__ == "__main__":
    main()
