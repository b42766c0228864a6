"""What images that are all there already cost a registry: requests and seconds of a first `pulumi up`.

python -m tests.bench.requests [--images 40] [--runs 3]

Everything is real: the engine, the builder (for the `up` before), the registry, which wants a login.
"""

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

from tests.support.contexts import write_files
from tests.support.project import Project
from tests.support.registry import HTPASSWD, PASSWORD, USER, Registry
from tools.kit import docker_engine
from tools.kit import registry as local_registry

_ASSET = "  a{0}: {{type: 'image-assets:DockerImageAsset', properties: {{directory: a{0}, repository: {1}/{2}}}}}\n"
_REPOSITORIES = 4


def new_project(folder: Path, name: str, registry: Registry, images: int) -> Project:
    """Return a project of so many images in a few repositories of one registry."""
    project = Project(folder / name, folder / f".{name}", name=name)
    assets = (_ASSET.format(number, registry.address, number % _REPOSITORIES) for number in range(images))
    project.write("resources:\n" + "".join(assets))
    for number in range(images):
        write_files(project.folder / f"a{number}", {"Dockerfile": "FROM scratch\nCOPY . /\n", "n.txt": str(number)})
    for member, value in (("address", registry.address), ("username", USER), ("password", PASSWORD)):
        project.set_config(f"image-assets:registries[0].{member}", value)
    return project


def compare(folder: Path, images: int, runs: int) -> str:
    """Publish everything once, then deploy the same program anew and count; return the table."""
    (folder / "registry").mkdir()
    lines = [f"{images} images of one registry, all there: first `pulumi up`", "seconds  requests"]
    with local_registry.running(folder / "registry", HTPASSWD) as local:
        registry = Registry(local, USER, PASSWORD)
        new_project(folder, "before", registry, images).up()
        for number in range(runs):
            asked = len(registry.requests())
            run = new_project(folder, f"run{number}", registry, images).up()
            methods = Counter(request.method for request in registry.requests()[asked:])
            counts = ", ".join(f"{method} {count}" for method, count in sorted(methods.items()))
            lines.append(f"{run.seconds:7.1f}  {sum(methods.values())} ({counts})")
    return "\n".join(lines)


def main() -> None:
    """Count in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, docker_engine.running(), redirect_stdout(sys.stderr):
        result = compare(Path(name), chosen.images, chosen.runs)
    print(result)


if __name__ == "__main__":
    main()
