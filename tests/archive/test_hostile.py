"""Hostile and damaged archives are refused with one error that names the archive and the member."""

import gzip
import json
import lzma
import random
import resource
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from image_assets.archive import Passing, SavedImage, open_archive
from image_assets.archive.packing import packing_of, unpacked
from image_assets.errors import ArchiveError
from tests.fakes.images import (
    MadeImage,
    an_image,
    blob_path,
    described,
    docker_save,
    docker_save_files,
    encoded,
    member_of,
    oci_files,
    oci_image,
    packed,
    sha256,
    tar_of,
    tar_of_members,
)

IMAGE = an_image()
SAVED = docker_save_files({"app:1": IMAGE})
MANIFEST, BLOBS = oci_image(IMAGE)
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = next(name for name in SAVED if name.endswith("layer.tar"))
OTHER = [name for name in SAVED if name.endswith("layer.tar")][1]
CONFIG = next(name for name in SAVED if name.endswith(".json") and name != "manifest.json")


def with_member(kind: bytes, name: str, target: str = "", **fields: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    for key, value in fields.items():
        setattr(info, key, value)
    return tar_of_members([*(member_of(*item) for item in SAVED.items()), (info, b"")])


def with_pax(name: str, headers: dict[str, str]) -> bytes:
    info = tarfile.TarInfo(name)
    info.pax_headers = headers
    return tar_of_members([*(member_of(*item) for item in SAVED.items()), (info, b"")])


def with_raw_pax(content: bytes) -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XGLTYPE, len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def saved_with(**files: bytes) -> bytes:
    return tar_of({**SAVED, **files})


def twice(name: str, content: bytes) -> bytes:
    return tar_of_members([*(member_of(*item) for item in SAVED.items()), member_of(name, content)])


def listing(items: object) -> bytes:
    return tar_of({**SAVED, "manifest.json": encoded(items)})


def layout_of(*listed: object, blobs: tuple[bytes, ...] = ()) -> bytes:
    return tar_of(oci_files(listed, [MANIFEST, *BLOBS, *blobs]))  # type: ignore[arg-type]  # hostile on purpose


def layout_with(manifest: bytes) -> bytes:
    assert manifest != MANIFEST
    return tar_of(oci_files([described(manifest, OCI_MANIFEST)], [manifest, *BLOBS]))


def without(name: str) -> bytes:
    return tar_of({key: value for key, value in SAVED.items() if key != name})


def many_images(images: int, config_bytes: int, layers: int) -> bytes:
    """Images whose parts are the same file each time."""
    layer = IMAGE.layers[0]
    config = encoded({"x": "x" * config_bytes, "rootfs": {"diff_ids": [sha256(layer)] * layers}})
    names = [f"c{at}" for at in range(images)] if config_bytes else ["c"] * images
    items = [{"Config": name, "Layers": ["l"] * layers} for name in names]
    return tar_of({"l": layer, **dict.fromkeys(names, config), "manifest.json": encoded(items)})


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def nested_index(levels: int) -> bytes:
    content, kind, blobs = MANIFEST, OCI_MANIFEST, []
    for _ in range(levels):
        content, kind = encoded({"schemaVersion": 2, "manifests": [described(content, kind)]}), OCI_INDEX
        blobs.append(content)
    return layout_of(described(content, kind), blobs=tuple(blobs))


def multiplied_index(times: int) -> bytes:
    """Each index lists the one below many times over: few bytes, and countless manifests."""
    listed, blobs = described(MANIFEST, OCI_MANIFEST), []
    for _ in range(4):
        content = encoded({"schemaVersion": 2, "manifests": [listed] * times})
        listed = described(content, OCI_INDEX)
        blobs.append(content)
    return layout_of(listed, blobs=tuple(blobs))


def large_manifests() -> bytes:
    """Manifests of 4 MB each."""
    made = [encoded({**json.loads(MANIFEST), "x": f"{at}" + "x" * 4_000_000}) for at in range(5)]
    return layout_of(*(described(one, OCI_MANIFEST, f"a:{at}") for at, one in enumerate(made)), blobs=tuple(made))


def index_and_image_at_once() -> bytes:
    both = encoded({**json.loads(MANIFEST), "manifests": []})
    return layout_of(described(both, OCI_MANIFEST), blobs=(both,))


def lying_media_type() -> bytes:
    return layout_of(described(MANIFEST, OCI_INDEX))


def other_config(document: object) -> bytes:
    content = encoded(document)
    item = {"Config": "c.json", "RepoTags": ["a:1"], "Layers": [LAYER]}
    return tar_of({**SAVED, "c.json": content, "manifest.json": encoded([item])})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "no tar": (lambda: b"hello" * 500, "is not a tar archive"),
    "gzip of no tar": (lambda: gzip.compress(b"hello" * 500), "is not a tar archive"),
    "tar of something else": (lambda: tar_of({"a.txt": b"x"}), "is no image archive"),
    "parent in a name": (lambda: saved_with(**{"../../etc/passwd": b"x"}), "leads out of the archive"),
    "parent inside a name": (lambda: saved_with(**{"a/../../b": b"x"}), "leads out of the archive"),
    "absolute name": (lambda: saved_with(**{"/etc/passwd": b"x"}), "leads out of the archive"),
    "symbolic link out": (lambda: saved_with(x=b"->../../etc/passwd"), "leads out of the archive, to"),
    "absolute symbolic link": (lambda: saved_with(x=b"->/etc/passwd"), "leads out of the archive, to"),
    "hard link out": (lambda: saved_with(x=b"=>../etc/passwd"), "leads out of the archive, to"),
    "layer is a link out": (lambda: saved_with(**{LAYER: b"->../../etc/shadow"}), "leads out of the archive, to"),
    "one file for two layers": (lambda: saved_with(**{LAYER: b"->../" + OTHER.encode()}), "two different parts"),
    "circle of links": (lambda: saved_with(x=b"->y", y=b"->x"), "leads in a circle"),
    "link to itself": (lambda: saved_with(**{LAYER: b"->layer.tar"}), "leads in a circle"),
    "dangling link": (lambda: saved_with(x=b"->y"), "which the archive does not hold"),
    "character device": (lambda: with_member(tarfile.CHRTYPE, "dev/null", devmajor=1, devminor=3), "character device"),
    "block device": (lambda: with_member(tarfile.BLKTYPE, "dev/sda"), "block device"),
    "FIFO": (lambda: with_member(tarfile.FIFOTYPE, "pipe"), "FIFO"),
    "GNU sparse": (lambda: with_member(tarfile.GNUTYPE_SPARSE, "s"), "sparse"),
    "pax sparse": (lambda: with_pax("s", {"GNU.sparse.major": "1"}), "sparse"),
    "forged size": (lambda: with_pax("s", {"size": "99999999999999"}), "truncated"),
    "impossible size": (lambda: with_pax("s", {"size": "-1"}), "impossible size"),
    "size with a million digits": (lambda: with_pax("s", {"size": "9" * 1_000_000}), "impossible size"),
    "huge name": (lambda: with_pax("s", {"path": "a" * 2_000_000}), "extended header"),
    "pax record of no length": (lambda: with_raw_pax(b"0 path=x\n") + tar_of(SAVED), "damaged pax header"),
    "pax record that is too long": (lambda: with_raw_pax(b"99 path=x\n") + tar_of(SAVED), "damaged pax header"),
    "pax record without its end": (lambda: with_raw_pax(b"9 path=xx") + tar_of(SAVED), "damaged pax header"),
    "pax record of a huge length": (lambda: with_raw_pax(b"9" * 30 + b" a=b\n") + tar_of(SAVED), "damaged pax header"),
    "headers that belong to nothing": (
        lambda: with_raw_pax(b"1000000 a=" + b"b" * 999_989 + b"\n") * 70,
        "of extended headers",
    ),
    "unknown type": (lambda: with_member(b"Z", "z"), "unknown type"),
    "other content under one name": (lambda: twice(LAYER, b"other"), "appears twice"),
    "other manifest.json": (lambda: twice("manifest.json", b"[]"), "appears twice"),
    "file and link of one name": (lambda: twice(LAYER, b"->../manifest.json"), "appears twice"),
    "10 MB of JSON": (lambda: saved_with(**{"manifest.json": b"[" + b" " * 10_000_000 + b"]"}), "JSON document of"),
    "deep JSON": (lambda: saved_with(**{"manifest.json": deep(200_000)}), "nested too deeply"),
    "broken JSON": (lambda: saved_with(**{"manifest.json": b'[{"Config":'}), "not valid JSON"),
    "JSON that is no text": (lambda: saved_with(**{"manifest.json": b"\xff\xfe["}), "not valid JSON"),
    "NUL in a name": (lambda: listing([{"Config": "a\0b", "Layers": []}]), "does not hold"),
    "a remedy in a name": (lambda: listing([{"Config": "a; write c", "Layers": []}]), "does not hold"),
    "empty list": (lambda: listing([]), "does not list"),
    "manifest of skopeo's dir:": (lambda: listing(json.loads(MANIFEST)), "as skopeo's `dir:` writes it"),
    "no list": (lambda: listing({"Config": CONFIG}), "does not list"),
    "item is no object": (lambda: listing(["x"]), "is not a JSON object"),
    "layers are no list": (lambda: listing([{"Config": CONFIG, "Layers": {"a": 1}}]), "Layers is not a list"),
    "too few layers": (lambda: listing([{"Config": CONFIG, "Layers": [LAYER]}]), "lists 1 layers"),
    "many images of large configs": (lambda: many_images(6, 3_000_000, 1), "more than 16 MiB of configs"),
    "many images of many layers": (lambda: many_images(150, 0, 1000), "more than 100,000 layers"),
    "config leads out": (lambda: listing([{"Config": "../c.json", "Layers": []}]), "leads out of the archive"),
    "layer leads out": (lambda: listing([{"Config": CONFIG, "Layers": ["/etc/passwd", LAYER]}]), "leads out"),
    "layer is missing": (lambda: without(LAYER), "does not hold"),
    "config is missing": (lambda: without(CONFIG), "does not hold"),
    "config is not what its name says": (lambda: saved_with(**{CONFIG: IMAGE.config + b" "}), "has the digest"),
    "config without layers": (lambda: other_config({"os": "linux"}), "lists 1 layers"),
    "config with a wrong digest": (lambda: other_config({"rootfs": {"diff_ids": ["md5:1"]}}), "is not a sha256"),
    "layout blob is missing": (
        lambda: tar_of(oci_files([described(MANIFEST, OCI_MANIFEST)], [MANIFEST, *BLOBS[:-1]])),
        "is missing",
    ),
    "layout blob is too short": (
        lambda: tar_of(
            oci_files([described(MANIFEST, OCI_MANIFEST)], [MANIFEST, *BLOBS]) | {blob_path(sha256(BLOBS[-1])): b"x"},
        ),
        "its descriptor says",
    ),
    "layout manifest has another digest": (
        lambda: tar_of(
            oci_files([described(MANIFEST, OCI_MANIFEST)], [MANIFEST, *BLOBS])
            | {blob_path(sha256(MANIFEST)): MANIFEST.replace(b"2", b"3", 1)},
        ),
        "has the digest",
    ),
    "index and image at once": (index_and_image_at_once, "but is something else"),
    "descriptor lies about the kind": (lying_media_type, "but is something else"),
    "another schema version": (
        lambda: layout_with(MANIFEST.replace(b'"schemaVersion":2', b'"schemaVersion":1')),
        "must have the schemaVersion 2",
    ),
    "no schema version": (
        lambda: layout_with(MANIFEST.replace(b'"schemaVersion":2,', b"")),
        "must have the schemaVersion 2",
    ),
    "unknown media type": (lambda: layout_of(described(MANIFEST, "text/html")), "no image manifest"),
    "indexes that multiply": (lambda: multiplied_index(4000), "more than 1,000 manifests"),
    "large manifests": (large_manifests, "more than 16 MiB of manifests"),
    "indexes in indexes": (lambda: nested_index(50), "nested in more than"),
    "descriptor without a digest": (lambda: layout_of({"mediaType": OCI_MANIFEST, "size": 1}), "digest"),
    "descriptor with a path": (
        lambda: layout_of({"mediaType": OCI_MANIFEST, "size": 1, "digest": "sha256:../../x"}),
        "digest",
    ),
    "negative size": (lambda: layout_of(described(MANIFEST, OCI_MANIFEST) | {"size": -1}), "has no size"),
    "truncated in a header": (lambda: docker_save(IMAGE)[: 512 * 3 + 100], "truncated"),
    "truncated in a layer": (lambda: docker_save(IMAGE)[: 512 * 6], "truncated"),
    "garbage between members": (lambda: tar_of({"a": b"x"})[:1024] + b"\xff" * 1024, "is damaged"),
    "truncated gzip": (lambda: gzip.compress(docker_save(IMAGE))[:-40], "damaged, truncated"),
    "gzip with a wrong checksum": (lambda: flipped(gzip.compress(docker_save(IMAGE)), -6), "damaged, truncated"),
    "truncated xz": (lambda: packed(docker_save(IMAGE), "xz")[:-40], "damaged, truncated"),
    "truncated bzip2": (lambda: packed(docker_save(IMAGE), "bzip2")[:-40], "damaged, truncated"),
    "garbage after xz": (lambda: packed(docker_save(IMAGE), "xz") + b"garbage", "damaged, truncated"),
    "truncated zstd": (lambda: packed(docker_save(IMAGE), "zstd")[:200], "truncated"),
    "garbage in zstd": (lambda: flipped(packed(docker_save(IMAGE), "zstd"), 40), ""),
}


def flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 0xFF
    return bytes(changed)


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveError) as caught, open_archive(path) as archive:
        read_all(archive)
    return str(caught.value)


def read_all(archive: object) -> None:
    image = archive.image  # type: ignore[attr-defined]  # any archive
    parts = [layer.member for layer in image.layers] if isinstance(image, SavedImage) else []
    for member in parts:
        for _ in archive.read(member):  # type: ignore[attr-defined]  # same
            pass


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_named(tmp_path: Path, case: str) -> None:
    make, reason = HOSTILE[case]
    path = tmp_path / "bad.tar"
    path.write_bytes(make())
    text = refusal(path)
    assert text.startswith(f"{path}: ")
    assert text.count(str(path)) == 1
    assert reason in text
    assert text.endswith(("oci-archive:FILE` do", "; write `oci:` or `docker-archive:`")), "it does not say what to do"
    assert text.count("; write `oci:") + text.count("; write it anew") == 1
    assert " b'" not in text
    assert len(text) < 1000


@pytest.mark.parametrize(
    "case", ["other content under one name", "link to itself", "character device", "10 MB of JSON"]
)
@pytest.mark.parametrize("pack", ["gzip", "zstd", "xz", "bzip2"])
def test_packing_hides_nothing(tmp_path: Path, case: str, pack: str) -> None:
    make, reason = HOSTILE[case]
    path = tmp_path / "bad.tar"
    path.write_bytes(packed(make(), pack))
    assert reason in refusal(path)


@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_the_same_member_twice_with_other_content_of_the_same_length_is_refused(tmp_path: Path, pack: str) -> None:
    path = tmp_path / "bad.tar"
    path.write_bytes(packed(twice(LAYER, bytes(len(SAVED[LAYER]))), pack))
    assert "appears twice" in refusal(path)


@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_the_same_member_twice_with_the_same_content_is_harmless(tmp_path: Path, pack: str) -> None:
    path = tmp_path / "good.tar"
    path.write_bytes(packed(twice(LAYER, SAVED[LAYER]), pack))
    with open_archive(path) as archive:
        assert archive.identity == IMAGE.digest


@pytest.mark.parametrize("pack", ["gzip", "zstd", "xz", "bzip2"])
def test_more_than_a_machine_bears_is_refused_before_it_is_unpacked(pack: str) -> None:
    """Where the bound is 40 MB; the ratio of what real layers hold is allowed beyond it."""
    bomb = packed(bytes(50 << 20), pack)
    taken: list[bytes] = []
    with pytest.raises(ArchiveError, match=r"member 'm': unpacks from [\d,]+ to more than 41,943,040 bytes"):
        taken.extend(unpacked(packing_of(bomb), iter((bomb,)), "m", 40 << 20))
    assert sum(map(len, taken)) <= 40 << 20
    layer = packed(random.Random(1).randbytes(1 << 20) * 3, pack)
    assert sum(map(len, unpacked(packing_of(layer), iter((layer,)), "m", 1 << 20))) == 3 << 20


def test_a_bomb_of_a_terabyte_is_refused_in_bounded_time_and_memory(tmp_path: Path) -> None:
    frame = zstandard.compress(bytes(128 << 20), 1)
    path = tmp_path / "bomb.tar.zst"
    path.write_bytes(zstandard.compress(with_zeros(1 << 40)) + frame * 8192)
    started, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "it looks like a bomb" in refusal(path)
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000


def with_zeros(size: int) -> bytes:
    """Write the header of a file that is so long."""
    info = tarfile.TarInfo("zeros")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_an_xz_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 1 << 30}]
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=filters)
    path = tmp_path / "bad.tar.xz"
    # A compressor with such a dictionary takes gigabytes; the header alone says what unpacking would take.
    path.write_bytes(packer.compress(b"") + bytes(64))
    assert "damaged, truncated or too large" in refusal(path)


def test_a_layer_with_other_content_than_its_config_says_never_ends(tmp_path: Path) -> None:
    """The last chunk is held back until the digest is right, so nothing wrong is ever sent whole."""
    passed: list[bytes] = []
    with pytest.raises(ArchiveError, match="has the digest"):
        passed.extend(Passing([sha256(b"abd")], "m").through(iter([b"a", b"b", b"c"])))
    assert passed == [b"a", b"b"]
    assert list(Passing([sha256(b"abc")], "m").through(iter([b"a", b"b", b"c"]))) == [b"a", b"b", b"c"]
    assert list(Passing([sha256(b"")], "m").through(iter([]))) == []


def test_a_file_that_is_cut_while_it_is_read_is_an_archive_error(tmp_path: Path) -> None:
    big = MadeImage((tar_of({"big": bytes(4 << 20)}),))
    path = tmp_path / "a.tar"
    path.write_bytes(docker_save(big))
    with open_archive(path) as archive:
        assert isinstance(archive.image, SavedImage)
        path.open("r+b").truncate(1 << 20)
        with pytest.raises(ArchiveError, match="truncated"):
            read_all(archive)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (b'{"imageLayoutVersion":"2.0.0"}', "the image layout version is '2.0.0'; only '1.0.0' is known"),
        (b'{"imageLayoutVersion":"1.1.0"}', "'1.1.0'"),
        (b"{}", "the image layout version is ''"),
        (b'{"imageLayoutVersion":1}', "imageLayoutVersion is not a string"),
        (b"1.0.0", "is not valid JSON"),
    ],
)
def test_a_layout_of_another_version_is_refused_by_that(tmp_path: Path, version: bytes, reason: str) -> None:
    files = oci_files([described(MANIFEST, OCI_MANIFEST)], [MANIFEST, *BLOBS])
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of({**files, "oci-layout": version}))
    text = refusal(path)
    assert "member 'oci-layout': " in text
    assert reason in text


def test_the_layout_needs_no_version_file(tmp_path: Path) -> None:
    files = oci_files([described(MANIFEST, OCI_MANIFEST)], [MANIFEST, *BLOBS])
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of({name: content for name, content in files.items() if name != "oci-layout"}))
    with open_archive(path) as archive:
        assert archive.identity == sha256(MANIFEST)
