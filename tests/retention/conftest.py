"""Running `image-assets gc`, and repositories for it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import make_certificates
from tests.fakes.registry import FakeRegistry, Rules
from tests.retention.seeding import Seeds
from tests.support.paths import VENV_BIN
from tests.support.registry import Registry
from tools.kit import registry as local_registry
from tools.kit.registry import LocalRegistry


@dataclass(frozen=True)
class Ran:
    """How a run of `image-assets gc --json` ended."""

    code: int
    report: dict[str, Any]
    errors: str

    def all_that(self, action: str) -> set[str]:
        """Return the first tag, or the digest, of everything with that action."""
        return {(row["tags"] or [row["digest"]])[0] for row in self.report["images"] if row["action"] == action}

    def why(self, tag: str) -> str:
        return next(str(row["why"]) for row in self.report["images"] if tag in row["tags"])


Gc = Callable[..., Ran]


@pytest.fixture
def gc() -> Gc:
    """A runner of the command in a process of its own."""

    def run(
        name: str,
        *arguments: str | Path,
        text: str | None = None,
        code: int = 0,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Ran:
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        done = subprocess.run(
            [str(VENV_BIN / "image-assets"), "gc", name, "--json", *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=200, cwd=folder,
            env={**os.environ, **(environ or {})}, **given,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, json.loads(done.stdout or "{}"), done.stderr)

    return run


@pytest.fixture(scope="session", params=["http", "tls"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A real registry, over plain HTTP and over TLS."""
    folder = tmp_path_factory.mktemp("gc")
    tls = make_certificates(folder, "localhost").server if request.param == "tls" else None
    with local_registry.running(folder, tls=tls) as local:
        yield Registry(local)


@pytest.fixture
def seeds(real: Registry, repository_name: str) -> Seeds:
    """A new repository of a real registry."""
    return Seeds(real, repository_name)


@dataclass(frozen=True)
class Strict:
    """A strict registry, and a repository in it."""

    registry: FakeRegistry
    seeds: Seeds

    @property
    def tags(self) -> dict[str, str]:
        return self.registry.store.tags[self.seeds.path]

    @property
    def manifests(self) -> dict[str, Any]:
        return self.registry.store.manifests[self.seeds.path]


@pytest.fixture
def strict() -> Iterator[Callable[..., Strict]]:
    """A starter of strict registries."""
    running: list[FakeRegistry] = []

    def make(**rules: Any) -> Strict:
        registry = FakeRegistry(Rules(**rules)).__enter__()
        running.append(registry)
        return Strict(registry, Seeds(Registry(LocalRegistry(registry.host, Path(os.devnull))), "team/app"))

    yield make
    for registry in running:
        registry.__exit__()
