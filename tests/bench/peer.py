"""This provider beside pulumi-docker-build 0.0.22, written in Go, in the same run.

python -m tests.bench.peer [--files 10000] [--assets 50] [--many 500] [--large 10] [--runs 3]

Programs in Python with each side's own SDK, one remote BuildKit and one registry for both, and trees of its own for
each side. The sides take turns, the order swapped each time. The ratio of a preview is that of what it takes over an
empty program. The same builds by docker-buildx alone, without Pulumi and plugin, are what no `up` of ours can go below.
Beside the seconds stands the processor time of the plugin and of what it started, which tells more on a
machine that is busy with something else, and the plugin's peak of memory.
"""

import argparse
import os
import resource
import stat
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from image_assets.inputs.settings import Settings
from tests.support.builders import buildkitd
from tests.support.contexts import make_bulk
from tests.support.paths import TOOLS_BIN, VENV_BIN
from tests.support.project import Project
from tools.kit import golang, virtualenv
from tools.kit import registry as local_registry

_BUILDER = "far"
_LONGEST = 1800
"""Seconds that one command may take."""
_MEASURED = """\
#!{python}
import os, resource, signal, subprocess, sys, threading
child = subprocess.Popen([{plugin!r}, *sys.argv[1:]])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _frame: child.send_signal(number))
child.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open({notes!r}, "a") as notes:
    notes.write(f"{{used.ru_utime + used.ru_stime}} {{used.ru_maxrss / 1024}}\\n")
"""
"""Stands before a plugin, and writes down what it used."""


@dataclass(frozen=True)
class Side:
    """One of the two providers.

    Attributes:
        name: How it is called in the table.
        plugin: The plugin's executable.
        start: What a program begins with.
        asset: One asset, of name, directory and repository.
    """

    name: str
    plugin: Path
    start: str
    asset: str


OURS = Side(
    "image-assets",
    VENV_BIN / "pulumi-resource-image-assets",
    "import pulumi_image_assets as assets\n",
    "assets.DockerImageAsset({name!r}, directory={path!r}, repository={repository!r}, "
    f"builder={{{{'name': {_BUILDER!r}}}}})\n",
)
PEER = Side(
    "docker-build",
    golang.PEER.executable,
    "import pulumi_docker_build as build\n",
    "build.Image({name!r}, context=build.BuildContextArgs(location={path!r}), push=True, build_on_preview=False, "
    "tags=[{repository!r} + ':latest'], platforms=[build.Platform.LINUX_AMD64], "
    f"builder=build.BuilderConfigArgs(name={_BUILDER!r}))\n",
)
SIDES = (OURS, PEER)


@dataclass(frozen=True)
class Used:
    """What one command took: seconds, the plugins' processor time in seconds, and the largest one's megabytes."""

    seconds: float
    processor: float
    megabytes: float


@dataclass
class Row:
    """One line of the table.

    Attributes:
        title: What was done.
        base: The same with an empty program, whose seconds do not count for the ratio.
        used: What each side took, run by run.
    """

    title: str
    base: "Row | None" = None
    used: dict[str, list[Used]] = field(default_factory=lambda: {side.name: [] for side in SIDES})

    def __str__(self) -> str:
        """Write medians, and what ours are of the peer's."""
        ours, theirs = (self.medians(side) for side in SIDES)
        ratio = f"{self._counting(OURS) / self._counting(PEER):5.2f}x"
        processor = f"{ours.processor:6.2f}s {theirs.processor:6.2f}s"
        memory = f"{ours.megabytes:5.0f} MB {theirs.megabytes:5.0f} MB"
        return f"{self.title:44} {ours.seconds:6.2f}s {theirs.seconds:6.2f}s {ratio}   {processor}   {memory}"

    def _counting(self, side: Side) -> float:
        return self.medians(side).seconds - (self.base.medians(side).seconds if self.base else 0.0)

    def medians(self, side: Side) -> Used:
        """Return a side's usual run."""
        found = self.used[side.name]
        columns = zip(*((one.seconds, one.processor, one.megabytes) for one in found), strict=True)
        return Used(*map(statistics.median, columns))


class Bench:
    """Projects of both sides, on one builder and one registry."""

    def __init__(self, folder: Path, builder: str, registry: str) -> None:
        self.folder = folder
        self.builder = builder
        self.registry = registry
        self.numbers = count()

    def project(self, side: Side, trees: Sequence[Path]) -> Project:
        """Make a project with an asset for each tree."""
        folder = self.folder / f"p{next(self.numbers)}"
        project = Project(folder / "program", folder / "private", "python", name=folder.name)
        assets = (
            side.asset.format(name=path.name, path=str(path), repository=f"{self.registry}/{folder.name}/{path.name}")
            for path in trees
        )
        project.write(side.start + "".join(assets))
        self._measure(side, folder)
        project.environ["PATH"] = os.pathsep.join((str(folder / "bin"), project.isolated_environ["PATH"]))
        docker = project.private / "docker"
        (docker / "cli-plugins").mkdir(parents=True)
        (docker / "cli-plugins" / "docker-buildx").symlink_to(TOOLS_BIN / "docker-buildx")
        subprocess.run(
            (TOOLS_BIN / "docker-buildx", "create", "--name", _BUILDER, "--driver", "remote", self.builder),
            env=project.isolated_environ,
            check=True,
            capture_output=True,
        )
        # The first command makes the stack.
        project.pulumi("stack", "--show-name")
        return project

    def _measure(self, side: Side, folder: Path) -> None:
        (folder / "bin").mkdir(parents=True)
        wrapper = folder / "bin" / side.plugin.name
        notes = str(folder / "notes")
        wrapper.write_text(_MEASURED.format(python=sys.executable, plugin=str(side.plugin), notes=notes))
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)

    def used(self, project: Project, command: Callable[[], object]) -> Used:
        """Run a command on a project, and return what it took."""
        notes = project.folder.parent / "notes"
        notes.unlink(missing_ok=True)
        began = time.perf_counter()
        command()
        seconds = time.perf_counter() - began
        lines = [tuple(map(float, line.split())) for line in notes.read_text().splitlines()] if notes.exists() else []
        return Used(seconds, sum(line[0] for line in lines), max((line[1] for line in lines), default=0))

    def trees(self, name: str, assets: int, files: int) -> list[Path]:
        """Make the contexts of one project."""
        return [make_bulk(self.folder / "trees" / name / f"a{number}", files) for number in range(assets)]


def turns(runs: int) -> Iterator[tuple[Side, ...]]:
    """Yield the sides, the order swapped each time."""
    for number in range(runs):
        yield SIDES if number % 2 == 0 else SIDES[::-1]


def first_ups(bench: Bench, assets: int, files: int, runs: int) -> tuple[Row, Mapping[str, Project]]:
    """Time the first `up`, each of trees and a project that were not there before; return the last projects too."""
    row = Row(f"first up, {assets} of {files:,} files")
    projects = {}
    for number, sides in enumerate(turns(runs)):
        fresh = {s.name: bench.project(s, bench.trees(f"{s.name}-{assets}-{number}", assets, files)) for s in sides}
        # What is as new as this could change without a new time stamp, so that it would be read more often.
        time.sleep(2.1)
        for side in sides:
            project = fresh[side.name]
            up = partial(project.pulumi, "up", "--yes", "--skip-preview", timeout=_LONGEST)
            row.used[side.name].append(bench.used(project, up))
        projects = fresh
    return row, projects


def builds_alone(bench: Bench, assets: int, files: int, row: Row) -> str:
    """Time the builds of a first `up` by docker-buildx alone, as many at once as we start, and write it as a line."""
    paths = bench.trees(f"alone-{assets}", assets, files)
    environ = bench.project(OURS, ()).isolated_environ
    start = (TOOLS_BIN / "docker-buildx", "build", "--builder", _BUILDER, "--provenance=false", "--progress", "plain")
    output = "type=image,push=true,push-by-digest=true,name-canonical=true,name="

    def build(path: Path) -> None:
        argv = (*start, "--output", f"{output}{bench.registry}/alone-{assets}/{path.name}", path)
        subprocess.run(argv, env=environ, check=True, capture_output=True)

    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with ThreadPoolExecutor(Settings().max_concurrent_builds) as pool:
        list(pool.map(build, paths))
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ratio = f"{seconds / row.medians(PEER).seconds:5.2f}x"
    return f"{'   its builds by docker-buildx alone':44} {seconds:6.2f}s {'':7} {ratio}   {used:6.2f}s"


def previews(title: str, bench: Bench, projects: Mapping[str, Project], runs: int, base: Row | None = None) -> Row:
    """Time previews that find no change."""
    row = Row(title, base)
    for number, sides in enumerate(turns(runs + 1)):
        for side in sides:
            project = projects[side.name]
            used = bench.used(project, lambda project=project: project.preview(diff=False, expect_no_changes=True))  # type: ignore[misc]
            if number:
                row.used[side.name].append(used)
    return row


def ports(runs: int) -> Row:
    """Time until a plugin has told its port."""
    row = Row("until the plugin's port stands")
    for sides in turns(runs):
        for side in sides:
            began = time.perf_counter()
            with subprocess.Popen([side.plugin], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as plugin:
                assert plugin.stdout is not None
                plugin.stdout.readline()
                seconds = time.perf_counter() - began
                plugin.kill()
                _, _, used = os.wait4(plugin.pid, 0)
                plugin.returncode = 0
            row.used[side.name].append(Used(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024))
    return row


def rows(bench: Bench, chosen: argparse.Namespace) -> Iterator[Row | str]:
    """Measure row by row."""
    yield ports(3 * chosen.runs)
    empty = {side.name: bench.project(side, ()) for side in SIDES}
    for project in empty.values():
        project.up()
    # It counts in every ratio of a preview.
    nothing = previews("no-change preview of an empty program", bench, empty, 3 * chosen.runs)
    yield nothing
    # A warm-up of builder and registry.
    first_ups(bench, 2, 20, 1)
    sizes = ((1, chosen.files, 2), (chosen.assets, 200, 2), (chosen.many, 20, 1), (chosen.large, chosen.files, 1))
    for assets, files, runs in sizes:
        if assets:
            row, projects = first_ups(bench, assets, files, runs)
            yield row
            yield builds_alone(bench, assets, files, row)
            yield previews(f"no-change preview, {assets} of {files:,} files", bench, projects, chosen.runs, nothing)


def main() -> None:
    """Compare in a temporary folder; each row is written as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--many", type=int, default=500)
    parser.add_argument("--large", type=int, default=10, help="so many assets of --files each")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    golang.build(golang.PEER)
    virtualenv.compile_editable()
    print(f"{'':44} {'ours':>7} {'peer':>7} {'ratio':>6}   {'processor time':>15}   {'memory':>17}")
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        (folder / "registry").mkdir()
        (folder / "buildkit").mkdir()
        builder = running.enter_context(buildkitd(folder / "buildkit"))
        registry = running.enter_context(local_registry.running(folder / "registry"))
        running.enter_context(redirect_stdout(sys.stderr))
        for row in rows(Bench(folder, builder, registry.address), chosen):
            print(row, file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
