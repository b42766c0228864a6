"""What an asset costs in a preview that changes nothing, beside the same program without it.

python -m tests.bench.preview [--files 10000] [--assets 50] [--bases 20] [--runs 5] [--runtime python]

Images on bases whose digests count (`pinBaseImages`) stand beside the same images without that.

Everything is real: the engine, the builder (for the `up` before), the registry.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from types import MappingProxyType

from tests.bench.publish import make_archive, publish
from tests.support.builders import buildkitd
from tests.support.contexts import make_bulk, make_context
from tests.support.paths import TOOLS_BIN
from tests.support.project import Project, Run, Runtime
from tests.support.timing import table, take_turns
from tools.kit import docker_engine
from tools.kit import registry as local_registry

_FILES_OF_MANY = 200
_NOTHING: Mapping[Runtime, str] = {"yaml": "resources: {}\n", "python": "import pulumi_image_assets\n"}
_START: Mapping[Runtime, str] = {"yaml": "resources:\n", "python": "import pulumi_image_assets as assets\n"}
_ASSET: Mapping[Runtime, str] = {
    "yaml": "  {}: {{type: 'image-assets:DockerImageAsset', properties: {{directory: {}, repository: {}}}}}\n",
    "python": "assets.DockerImageAsset('{}', directory='{}', repository='{}')\n",
}


def add_builder(project: Project, address: str) -> None:
    """Let the project build with this BuildKit: those in old engines know no bases that are named by their digests."""
    # The first command makes the stack, and docker's configuration.
    project.set_config("image-assets:builder.name", "far")
    words = (TOOLS_BIN / "docker-buildx", "create", "--name", "far", "--driver", "remote", address)
    subprocess.run(words, env=project.isolated_environ, check=True, capture_output=True)


def deployed(  # noqa: PLR0917 - a project, and how it is built
    folder: Path,
    name: str,
    program: str,
    runtime: Runtime,
    settings: Mapping[str, str] = MappingProxyType({}),
    builder: str = "",
) -> Project:
    """Return a project whose program is up to date."""
    project = Project(folder / name, folder / f".{name}", runtime, name=name)
    project.write(program)
    if builder:
        add_builder(project, builder)
    for key, value in settings.items():
        project.set_config(f"image-assets:{key}", value)
    project.up()
    return project


def contexts(folder: Path, files: int, assets: int) -> dict[str, list[Path]]:
    """Return the contexts of each program to compare, those of the empty one first."""
    big = make_bulk(folder / "big", files)
    many = [make_bulk(folder / f"a{number}", _FILES_OF_MANY) for number in range(assets)]
    return {
        "no asset": [],
        f"1 asset of {files} files": [big],
        f"{assets} assets of {_FILES_OF_MANY} files": many,
    }


def on_bases(folder: Path, registry: str, assets: int) -> list[Path]:
    """Return contexts that are each built on a base image of its own, which the registry has."""
    folder.mkdir()
    archive = make_archive(folder, 1)
    made = []
    for number in range(assets):
        name = f"{folder.name.replace(' ', '-')}-base-{number}"
        publish(archive, registry, name, folder / "memory")
        made.append(make_context(folder / f"b{number}", dockerfile=f"FROM {registry}/{name}:1\nCOPY busybox /\n"))
    return made


def program(runtime: Runtime, directories: list[Path], address: str) -> str:
    """Return a program with one asset a directory."""
    if not directories:
        return _NOTHING[runtime]
    assets = (_ASSET[runtime].format(path.name, path, f"{address}/{path.name}") for path in directories)
    return _START[runtime] + "".join(assets)


def compare(folder: Path, chosen: argparse.Namespace) -> str:
    """Deploy each program, time previews that must find no change, and return the table."""
    (folder / "registry").mkdir()
    (folder / "buildkit").mkdir()
    with local_registry.running(folder / "registry") as registry, buildkitd(folder / "buildkit") as builder:
        actions = {}
        for number, (title, directories) in enumerate(contexts(folder, chosen.files, chosen.assets).items()):
            text = program(chosen.runtime, directories, registry.address)
            actions[title] = _unchanged(deployed(folder, f"p{number}", text, chosen.runtime))
        for title, is_pinned in (("not pinned", False), ("pinned", True)):
            directories = on_bases(folder / title, registry.address, chosen.bases)
            text = program(chosen.runtime, directories, registry.address)
            settings = {"pinBaseImages": "true"} if is_pinned else {}
            project = deployed(folder, title.replace(" ", "-"), text, chosen.runtime, settings, builder)
            actions[f"{chosen.bases} assets on bases, {title}"] = _unchanged(project)
        return table(f"pulumi preview, {chosen.runtime}, nothing changed", take_turns(actions, chosen.runs))


def main() -> None:
    """Compare in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--bases", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--runtime", choices=sorted(_START), default="python")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, docker_engine.running(), redirect_stdout(sys.stderr):
        result = compare(Path(name), chosen)
    print(result)


def _unchanged(project: Project) -> Callable[[], Run]:
    return lambda: project.preview(diff=False, expect_no_changes=True)


if __name__ == "__main__":
    main()
