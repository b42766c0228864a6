"""Whatever happens on the way, a tag is either not there or right, and the next run finishes."""

import random
import time
from pathlib import Path

import pytest

from image_assets.errors import RegistryError
from tests.fakes.images import MadeImage, docker_save, tar_of
from tests.fakes.registry import FakeRegistry, Fault, answer, reset, reset_after, truncate
from tests.support.registry import Registry
from tests.transfer.killed import publishers
from tests.transfer.support import Publisher, plain_layers

MOMENTS = 50
NOISE = random.Random(7)
IMAGE = MadeImage(tuple(tar_of({f"noise-{at}": NOISE.randbytes(300_000)}) for at in range(3)))


def test_killed_at_any_moment_the_next_run_finishes_and_no_tag_lies(
    registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_save(IMAGE))
    killed = 0
    with publishers() as processes:

        def run(moment: int, seconds: float | None = None) -> float:
            repository, memory = f"{repository_name}/{moment}", str(tmp_path / f"{moment}.json")
            return processes.run(("publish", str(archive), registry.address, repository, memory), seconds)

        run(MOMENTS)
        whole = min(run(MOMENTS + at) for at in (1, 2))
        for moment in range(MOMENTS):
            repository = f"{repository_name}/{moment}"
            run(moment, NOISE.uniform(0, whole * 1.05))
            if not registry.tags(repository):
                killed += 1
                run(moment)
            assert registry.tags(repository) == ["t"]
            assert plain_layers(registry, repository, "t") == list(IMAGE.layers)
    assert killed > MOMENTS // 3


STAGES = [
    ("HEAD", "/blobs/"),
    ("POST", "/blobs/uploads/"),
    ("PATCH", "/blobs/uploads/"),
    ("PUT", "/blobs/uploads/"),
    ("PUT", "/manifests/sha256"),
    ("HEAD", "/manifests/t"),
    ("PUT", "/manifests/t"),
]
FAULTS = {
    "reset": reset(),
    "reset in the body": reset_after(70_000),
    "502": answer(502),
    "truncated answer": truncate(20),
}


@pytest.mark.parametrize(("method", "path"), STAGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_any_stage_is_overcome(tmp_path: Path, method: str, path: str, fault: str) -> None:
    with FakeRegistry() as registry:
        registry.fail(method, path, FAULTS[fault])
        publisher = Publisher(registry.host, tmp_path)
        publisher.tag(docker_save(IMAGE), "a/b", "t")
        assert publisher.client().list_tags("a/b") == ["t"]


@pytest.mark.parametrize(("method", "path"), STAGES)
def test_a_registry_that_never_recovers_is_one_error_and_no_tag(tmp_path: Path, method: str, path: str) -> None:
    """R39: bounded in time, and what depends on it does not start."""
    with FakeRegistry() as registry:
        fault: Fault = answer(503)
        registry.fail(method, path, fault, times=10_000)
        publisher = Publisher(registry.host, tmp_path)
        started = time.monotonic()
        with pytest.raises(RegistryError):
            publisher.tag(docker_save(IMAGE), "a/b", "t")
        assert time.monotonic() - started < 40
        registry.heal()
        assert publisher.client().list_tags("a/b") == []


def test_what_was_sent_before_a_failure_is_not_sent_again(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        registry.fail("PUT", "/manifests/", answer(403, "DENIED"))
        publisher = Publisher(registry.host, tmp_path)
        with pytest.raises(RegistryError):
            publisher.send(docker_save(IMAGE), "a/b")
        before = len(registry.calls("PATCH", "/uploads/"))
        publisher.send(docker_save(IMAGE), "a/b")
        assert len(registry.calls("PATCH", "/uploads/")) == before
