"""What an asset costs in a preview that changes nothing, beside the same program without it.

python -m tests.bench.preview [--files 10000] [--assets 50] [--runs 5]

Everything is real: the engine, the builder (for the `up` before), the registry.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.contexts import make_bulk
from tests.support.project import Project, Run
from tests.support.timing import table, take_turns
from tools.kit import docker_engine
from tools.kit import registry as local_registry

_FILES_OF_MANY = 200
_EMPTY = "resources: {}\n"


def asset(name: str, directory: Path, repository: str) -> str:
    """Return one asset of a YAML program."""
    properties = f"{{directory: {directory}, repository: {repository}}}"
    return f"  {name}: {{type: 'image-assets:DockerImageAsset', properties: {properties}}}\n"


def deployed(folder: Path, name: str, program: str) -> Project:
    """Return a project whose program is up to date."""
    project = Project(folder / name, folder / f".{name}", name=name)
    project.write(program)
    project.up()
    return project


def programs(folder: Path, address: str, files: int, assets: int) -> dict[str, str]:
    """Return the programs to compare, the empty one first."""
    one = asset("big", make_bulk(folder / "big", files), f"{address}/big")
    many = [asset(f"a{n}", make_bulk(folder / f"a{n}", _FILES_OF_MANY), f"{address}/many") for n in range(assets)]
    return {
        "empty program": _EMPTY,
        f"1 asset of {files} files": "resources:\n" + one,
        f"{assets} assets of {_FILES_OF_MANY} files": "resources:\n" + "".join(many),
    }


def main() -> None:
    """Deploy each program, then time previews that must find no change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, docker_engine.running():
        folder = Path(name)
        (folder / "registry").mkdir()
        with local_registry.running(folder / "registry") as registry:
            texts = programs(folder, registry.address, chosen.files, chosen.assets)
            projects = {title: deployed(folder, f"p{n}", text) for n, (title, text) in enumerate(texts.items())}
            actions = {title: _unchanged(project) for title, project in projects.items()}
            print(table("pulumi preview, nothing changed", take_turns(actions, chosen.runs)))


def _unchanged(project: Project) -> Callable[[], Run]:
    return lambda: project.preview(diff=False, expect_no_changes=True)


if __name__ == "__main__":
    main()
