"""What `image-assets gc` costs in a large repository: seconds, requests and memory.

python -m tests.bench.gc [--tags 20000] [--delete 100]

The registry is a real one, on this machine, with its storage written directly: an image of its own for each tag. Its
own share of a deletion is most of the seconds: it reads every tag for each.
"""

import argparse
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.paths import VENV_BIN
from tests.support.registry import Registry
from tools.kit import registry as local_registry

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Storage:
    """The files of docker-registry (distribution, "storage driver": `paths.go`).

    Args:
        root: Its root directory.
        repository: The one repository that is written to.
    """

    def __init__(self, root: Path, repository: str) -> None:
        self._root = root / "docker" / "registry" / "v2"
        self._repository = self._root / "repositories" / repository

    def blob(self, content: bytes, *places: str) -> str:
        """Store content, with links to it in the repository; return its digest."""
        name = hashlib.sha256(content).hexdigest()
        _write(self._root / "blobs" / "sha256" / name[:2] / name / "data", content)
        for place in ("_layers", *places):
            _write(self._repository / place / "sha256" / name / "link", f"sha256:{name}".encode())
        return f"sha256:{name}"

    def image(self, tag: str, created: datetime, layer: str) -> None:
        """Store an image of one layer."""
        config = json.dumps(
            {"os": "linux", "architecture": "amd64", "created": created.isoformat(), "tag": tag}
        ).encode()
        document = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": self.blob(config), "size": len(config)},
            "layers": [{"mediaType": _LAYER, "digest": layer, "size": 1}],
        }
        digest = self.blob(json.dumps(document).encode(), "_manifests/revisions")
        _write(self._repository / "_manifests" / "tags" / tag / "current" / "link", digest.encode())
        link = self._repository / "_manifests" / "tags" / tag / "index" / digest.replace(":", "/") / "link"
        _write(link, digest.encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(name: str, *arguments: str) -> tuple[float, int, dict[str, int]]:
    """Run the command; return seconds, kilobytes of memory at most, and the report's counts."""
    began = time.monotonic()
    command = [str(VENV_BIN / "image-assets"), "gc", name, "--json", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    report = json.load(process.stdout)
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    assert process.returncode == 0, report
    return time.monotonic() - began, usage.ru_maxrss, {key: report.get(key) for key in ("deletable", "deleted", "kept")}


def measure(folder: Path, tags: int, delete: int) -> str:
    """Fill a registry, look, delete; return the table."""
    storage = Storage(folder / "data", "bench/gc")
    layer, now = storage.blob(b"x"), datetime.now(UTC)
    for number in range(tags):
        storage.image(f"t{number:06}", now - timedelta(minutes=number), layer)
    lines = [f"{tags} tags, an image each: image-assets gc", "                 seconds   MB  requests"]
    with local_registry.running(folder) as local:
        registry = Registry(local)
        asked = 0
        for title, options in (("look", ()), (f"delete {delete}", ("--yes",))):
            seconds, memory, counts = run(f"{local.address}/bench/gc", "--keep-last", str(tags - delete), *options)
            assert delete in counts.values(), counts
            methods = Counter(request.method for request in registry.requests()[asked:])
            asked += sum(methods.values())
            shown = ", ".join(f"{method} {count}" for method, count in sorted(methods.items()))
            lines.append(f"{title:16} {seconds:7.1f} {memory / 1000:4.0f}  {sum(methods.values())} ({shown})")
    return "\n".join(lines)


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=20_000)
    parser.add_argument("--delete", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(measure(Path(name), chosen.tags, chosen.delete))


if __name__ == "__main__":
    main()
