"""What an asset costs in a preview that changes nothing, beside the same program without it.

python -m tests.bench.preview [--files 10000] [--assets 50] [--runs 5] [--runtime python]

Everything is real: the engine, the builder (for the `up` before), the registry.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path

from tests.support.contexts import make_bulk
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


def deployed(folder: Path, name: str, program: str, runtime: Runtime) -> Project:
    """Return a project whose program is up to date."""
    project = Project(folder / name, folder / f".{name}", runtime, name=name)
    project.write(program)
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


def program(runtime: Runtime, directories: list[Path], address: str) -> str:
    """Return a program with one asset a directory."""
    if not directories:
        return _NOTHING[runtime]
    assets = (_ASSET[runtime].format(path.name, path, f"{address}/{path.name}") for path in directories)
    return _START[runtime] + "".join(assets)


def compare(folder: Path, chosen: argparse.Namespace) -> str:
    """Deploy each program, time previews that must find no change, and return the table."""
    (folder / "registry").mkdir()
    with local_registry.running(folder / "registry") as registry:
        actions = {}
        for number, (title, directories) in enumerate(contexts(folder, chosen.files, chosen.assets).items()):
            text = program(chosen.runtime, directories, registry.address)
            actions[title] = _unchanged(deployed(folder, f"p{number}", text, chosen.runtime))
        return table(f"pulumi preview, {chosen.runtime}, nothing changed", take_turns(actions, chosen.runs))


def main() -> None:
    """Compare in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--assets", type=int, default=50)
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
