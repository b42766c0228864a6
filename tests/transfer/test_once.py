"""What several images of a program lack is sent once, whichever way each of them comes (R17)."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from image_assets.archive import open_archive
from image_assets.oci import NoKeychain, RegistryClient
from image_assets.task import Task
from image_assets.transfer import BlobMemory, LocalImage, Source, copy, send, send_local
from tests.fakes.engine import FakeLocalImage
from tests.fakes.images import MadeImage, docker_save, oci_layout, tar_of
from tests.fakes.registry import FakeRegistry, wait
from tests.transfer.support import QUICK, Publisher

BASE = (tar_of({"base": bytes(range(256)) * 8000}), tar_of({"more": b"more" * 50_000}))
IMAGES = [MadeImage((*BASE, tar_of({f"own-{number}": b"x" * 5000}))) for number in range(4)]

Sending = Callable[[RegistryClient, MadeImage, str], object]


class Program:
    """Images that are published side by side, with one memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.memory = BlobMemory(folder / "blobs.json")
        self.task = Task()

    def archive(self, make: Callable[[MadeImage], bytes]) -> Sending:
        def run(client: RegistryClient, image: MadeImage, repository: str) -> object:
            path = self.folder / f"{threading.get_ident()}.tar"
            path.write_bytes(make(image))
            with open_archive(path, None) as archive:
                return send(archive, client, repository, self.task, self.memory)

        return run

    def local(self, client: RegistryClient, image: MadeImage, repository: str) -> object:
        found: LocalImage = FakeLocalImage(image)
        return send_local(found, client, repository, self.task, self.memory)


WAYS = {
    "docker save": ["save"] * 4,
    "layout": ["layout"] * 4,
    "engine": ["engine"] * 4,
    "mixed": ["save", "engine", "save", "engine"],
}


@pytest.mark.parametrize("same", [True, False], ids=["one repository", "a repository each"])
@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_a_layer_that_several_images_lack_is_sent_once(tmp_path: Path, ways: list[str], *, same: bool) -> None:
    program = Program(tmp_path)
    sendings = {"save": program.archive(docker_save), "layout": program.archive(oci_layout), "engine": program.local}
    with FakeRegistry() as registry:
        start = threading.Barrier(len(ways))

        def publish(number: int) -> object:
            client = RegistryClient(registry.host, NoKeychain(), Task(), limits=QUICK)
            start.wait()
            return sendings[ways[number]](client, IMAGES[number], "team/app" if same else f"team/app{number}")

        with ThreadPoolExecutor(len(ways)) as pool:
            list(pool.map(publish, range(len(ways))))
        sent = Counter(seen.query["digest"] for seen in registry.calls("PUT", "/uploads/"))
        assert set(sent.values()) == {1}
        # Two layers of the base, and of each image one layer and the config.
        assert len(sent) == 2 + 2 * len(ways)


def test_a_blob_that_two_copies_lack_is_fetched_and_sent_once(tmp_path: Path) -> None:
    with FakeRegistry() as there, FakeRegistry() as here:
        publisher = Publisher(there.host, tmp_path)
        digest = publisher.tag(docker_save(IMAGES[0]), "from", "1")
        here.fail("PUT", "/uploads/", wait(0.3), times=99)
        program, start = Program(tmp_path / "program"), threading.Barrier(3)

        def run(number: int) -> None:
            source = Source(publisher.client(), "from", digest)
            client = RegistryClient(here.host, NoKeychain(), Task(), limits=QUICK)
            start.wait()
            copy(source, client, f"to{number}", program.task, program.memory)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(run, range(3)))
        assert set(Counter(seen.query["digest"] for seen in here.calls("PUT", "/uploads/")).values()) == {1}


def test_a_failed_sender_lets_the_next_one_send(tmp_path: Path) -> None:
    program = Program(tmp_path)
    with FakeRegistry() as registry:
        client = RegistryClient(registry.host, NoKeychain(), Task(), limits=QUICK)
        broken = FakeLocalImage(IMAGES[0], docker_save(IMAGES[1]))
        with pytest.raises(Exception, match="docker save"):
            send_local(broken, client, "a", program.task, program.memory)
        assert send_local(FakeLocalImage(IMAGES[0]), client, "a", program.task, program.memory).manifest
