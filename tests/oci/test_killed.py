"""A push that is killed at any moment: no tag without its whole image, and the next push finishes (R39)."""

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from image_assets.oci import RegistryClient, digest_of
from image_assets.oci.keychain import Credential
from image_assets.task import Task
from tests.oci.conftest import Place
from tests.oci.pusher import IMAGE, LAYERS

ROOT = Path(__file__).parents[2]


def pusher(place: Place, path: str) -> "subprocess.Popen[str]":
    credential = place.keychain.resolve(place.host, path) or Credential("", "")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/provider{os.pathsep}{ROOT}"}
    argv = [sys.executable, "-m", "tests.oci.pusher", place.host, path, "v1", credential.username, credential.password]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def killed_after(process: "subprocess.Popen[str]", seconds: float) -> None:
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()


def missing(client: RegistryClient, path: str) -> list[str]:
    """Return what a tag names and the registry does not have."""
    return [digest for digest in map(digest_of, LAYERS) if client.head_blob(path, digest) is None]


@pytest.mark.parametrize("place", ["strict", "strict, bearer", "distribution, password"], indirect=True)
def test_a_killed_push_leaves_no_tag_and_the_next_one_finishes(place: Place, repository_name: str) -> None:
    dice = random.Random(place.host)
    client = RegistryClient(place.host, place.keychain, Task())
    for _ in range(8):
        killed_after(pusher(place, repository_name), dice.uniform(0, 0.4))
        if client.head_manifest(repository_name, "v1"):
            assert missing(client, repository_name) == []
    with pusher(place, repository_name) as last:
        assert last.communicate()[0] == "started\ndone\n"
    assert client.get_manifest(repository_name, "v1").content == IMAGE
    assert [b"".join(client.get_blob(repository_name, digest_of(layer))) == layer for layer in LAYERS] == [True] * 4
