"""Images of the real docker engine, published by our client and by the engine itself."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_assets.archive import open_archive
from image_assets.docker.dialect import EMBEDDED
from image_assets.docker.log import BuildReport
from image_assets.docker.probe import Engine
from image_assets.docker.program import Program
from image_assets.docker.store import Store
from image_assets.errors import ArchiveError
from image_assets.publishing.build import StoredImage
from image_assets.transfer import BlobMemory, send, write_tag
from tests.fakes.cli_image import CliImage, docker
from tests.support.registry import Registry
from tests.transfer.support import Publisher, digest, plain_layers

DOCKERFILE = "FROM scratch\nCOPY big /big\nCOPY small /small\nENV A=1\n"


@pytest.fixture
def image(docker_engine: None, tmp_path: Path, repository_name: str) -> Iterator[CliImage]:
    context = tmp_path / "context"
    context.mkdir()
    # Layers of its own: the engine's builder fails if another test deletes an image with the same ones meanwhile.
    (context / "big").write_bytes(random.Random(repository_name).randbytes(10_000_000))
    (context / "small").write_text("small")
    (context / "Dockerfile").write_text(DOCKERFILE)
    name = f"{repository_name}:built"
    docker("build", "-q", "-t", name, str(context))
    yield CliImage.of(name)
    docker("image", "rm", "-f", name)


def test_the_engine_gets_back_what_it_saved(
    publisher: Publisher, registry: Registry, repository_name: str, image: CliImage
) -> None:
    sent = publisher.send_local(image, repository_name)
    assert sent.manifest
    write_tag(publisher.client(), repository_name, "t", sent, publisher.task)
    reference = f"{registry.address}/{repository_name}:t"
    docker("pull", "-q", reference)
    assert CliImage.of(reference).image_id == image.image_id
    docker("image", "rm", reference)


def test_an_image_without_layers_is_refused_in_the_engines_words(
    publisher: Publisher, repository_name: str, docker_engine: None, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nLABEL name={repository_name}\n")
    name = f"{repository_name}:empty"
    docker("build", "-q", "-t", name, str(tmp_path))
    engine = Engine(Program("docker", EMBEDDED), None, dict(os.environ))
    store = Store(engine, {}, publisher.task)
    facts = store.inspect(name)
    assert facts is not None
    image = StoredImage(facts.image_id, facts.diff_ids, facts.size, False, BuildReport("", ""), name, store)
    try:
        with pytest.raises(ArchiveError, match=r"which has no layers .*empty export"):
            publisher.send_local(image, repository_name)
    finally:
        image.discard()


def test_both_ways_publish_the_same_layers(
    publisher: Publisher, registry: Registry, repository_name: str, image: CliImage
) -> None:
    ours = publisher.send_local(image, repository_name)
    engine_has = {image.diff_ids[0]: image.size}
    other = f"{repository_name}-engine"
    large = CliImage(image.image_id, image.diff_ids, 1_000_000_000)
    theirs = publisher.send_local(large, other, dict.fromkeys(engine_has, 999_000_000))
    # Our memory knows the layers, so the registry mounts them, and nothing is left for the engine to do better.
    assert theirs.manifest == ours.manifest
    publisher.memory.unlink()
    third = f"{repository_name}-third"
    theirs = publisher.send_local(large, third, dict.fromkeys(engine_has, 999_000_000))
    assert (theirs.manifest, registry.tags(third)) == (None, [])
    written = write_tag(publisher.client(), third, "t", theirs, publisher.task)
    assert written.digest == registry.digest(third, "t")
    assert plain_layers(registry, third, "t") == plain_layers(registry, repository_name, digest(ours))


@pytest.mark.parametrize("written_by", ["docker", "skopeo docker-archive", "skopeo oci-archive"])
def test_archives_of_the_real_tools_are_published(
    publisher: Publisher, registry: Registry, repository_name: str, image: CliImage, written_by: str
) -> None:
    """R10: what docker, skopeo (and with it podman and buildah) write; the image stays the same for the engine."""
    path = publisher.directory / "saved.tar"
    docker("save", "-o", str(path), f"{repository_name}:built")
    if written_by != "docker":
        other = publisher.directory / "copied.tar"
        target = f"{written_by.split()[1]}:{other}:{repository_name}:built"
        subprocess.run(["skopeo", "copy", "-q", f"docker-archive:{path}", target], check=True)
        path = other
    with open_archive(path) as archive:
        sent = send(archive, publisher.client(), repository_name, publisher.task, BlobMemory(publisher.memory))
        if "oci" not in written_by:
            assert archive.identity == image.image_id
    write_tag(publisher.client(), repository_name, "t", sent, publisher.task)
    reference = f"{registry.address}/{repository_name}:t"
    docker("pull", "-q", reference)
    assert CliImage.of(reference).diff_ids == image.diff_ids
    docker("image", "rm", reference)
