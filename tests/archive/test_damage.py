"""Archives damaged at random: whatever comes of it, it is one of our errors, and soon."""

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.archive import open_archive
from image_assets.archive.image import SavedImage
from image_assets.archive.opened import Archive
from image_assets.errors import ArchiveError, InputError
from tests.fakes.images import (
    OCI_INDEX,
    OCI_MANIFEST,
    an_image,
    described,
    docker_save,
    docker_save_blobs,
    docker_save_files,
    encoded,
    oci_files,
    oci_image,
    oci_index,
    oci_index_files,
    oci_layout,
    packed,
    tar_of,
)

IMAGE = an_image("damage")
PLATFORMS = {"linux/amd64": an_image("x"), "linux/arm64": an_image("y", architecture="arm64")}
WHOLE = {
    "old": docker_save(IMAGE),
    "blobs": docker_save_blobs(IMAGE),
    "layout": oci_layout(IMAGE),
    "index": oci_index(PLATFORMS),
}
JUNK: list[object] = [
    None,
    0,
    -1,
    2**70,
    1.5,
    True,
    "",
    "x",
    "../x",
    "/x",
    [],
    {},
    [[]],
    [{}],
    {"a": 1},
    "sha256:0",
    ["\0"],
]


def opened(path: Path) -> None:
    """Open an archive and read all of it; only our errors may come out."""
    with contextlib.suppress(ArchiveError, InputError), open_archive(path) as archive:
        assert archive.identity
        assert archive.outline is not None
        assert archive.platforms is not None
        read_all(archive)


def read_all(archive: Archive) -> None:
    image = archive.image
    parts = [part.member for part in (image.layers if isinstance(image, SavedImage) else image.blobs)]
    for _, chunks in archive.stream(parts):
        for _ in chunks:
            pass


def flip(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] = chance.randrange(256)


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def move(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content) // 512) * 512
    block = content[start : start + 512]
    del content[start : start + 512]
    at = chance.randrange(len(content) // 512) * 512
    content[at:at] = block


def digits(content: bytearray, chance: random.Random) -> None:
    """Change a header's size or checksum field, where most of the harm is."""
    at = chance.randrange(len(content) // 512) * 512 + chance.choice([124, 130, 135, 148, 156, 157])
    if at < len(content):
        content[at] = chance.choice(b"01234567\x80\xff SLKxg")


DAMAGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flip": flip,
    "cut": cut,
    "move": move,
    "digits": digits,
}


@pytest.mark.parametrize("shape", WHOLE)
@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd", "xz", "bzip2"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_bytes_give_our_errors_only(tmp_path: Path, shape: str, pack: str, damage: str) -> None:
    whole = packed(WHOLE[shape], pack)
    for seed in range(25):
        chance = random.Random(seed)
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            if len(content) > 1024:
                DAMAGES[damage](content, chance)
        path = tmp_path / f"{seed}.tar"
        path.write_bytes(content)
        opened(path)


def spoilt(document: object, chance: random.Random) -> object:
    """Replace one value somewhere in a JSON document."""
    if isinstance(document, dict) and document and chance.random() < 0.9:
        key = chance.choice(sorted(document))
        return {**document, key: spoilt(document[key], chance)}
    if isinstance(document, list) and document and chance.random() < 0.9:
        at = chance.randrange(len(document))
        return [*document[:at], spoilt(document[at], chance), *document[at + 1 :]]
    return chance.choice(JUNK)


@pytest.mark.parametrize("name", ["manifest.json", "index.json"])
def test_documents_of_any_shape_give_our_errors_only(tmp_path: Path, name: str) -> None:
    files = {**oci_index_files(PLATFORMS), **docker_save_files({"app:1": IMAGE})}
    if name == "index.json":
        del files["manifest.json"]
    for seed in range(200):
        chance = random.Random(seed)
        content = encoded(spoilt(json.loads(files[name]), chance))
        path = tmp_path / f"{seed}.tar"
        path.write_bytes(tar_of({**files, name: content}))
        opened(path)


def test_configs_of_any_shape_give_our_errors_only(tmp_path: Path) -> None:
    files = docker_save_files({"app:1": IMAGE})
    layers = json.loads(files["manifest.json"])[0]["Layers"]
    manifest = encoded([{"Config": "config", "RepoTags": ["a:1"], "Layers": layers}])
    for seed in range(200):
        content = encoded(spoilt(json.loads(IMAGE.config), random.Random(seed)))
        path = tmp_path / f"{seed}.tar"
        path.write_bytes(tar_of({**files, "config": content, "manifest.json": manifest}))
        opened(path)


@pytest.mark.parametrize("kind", ["manifest", "index"])
def test_manifests_of_any_shape_give_our_errors_only(tmp_path: Path, kind: str) -> None:
    """With the right digest, as an attacker would write it."""
    manifest, blobs = oci_image(IMAGE)
    index = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [described(manifest, OCI_MANIFEST)]})
    whole, media_type = (manifest, OCI_MANIFEST) if kind == "manifest" else (index, OCI_INDEX)
    for seed in range(300):
        content = encoded(spoilt(json.loads(whole), random.Random(seed)))
        path = tmp_path / f"{seed}.tar"
        path.write_bytes(tar_of(oci_files([described(content, media_type)], [content, manifest, *blobs])))
        opened(path)
