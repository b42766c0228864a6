"""Image archives of every shape, made in memory from the same layers."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encoded(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def tar_of(files: Mapping[str, bytes], mtime: int = 0) -> bytes:
    """Write files as a tar; the content that starts with `->` becomes a symbolic link, `=>` a hard link."""
    return tar_of_members((member_of(name, content, mtime) for name, content in files.items()))


def member_of(name: str, content: bytes, mtime: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mtime = mtime
    kinds = {b"->": tarfile.SYMTYPE, b"=>": tarfile.LNKTYPE}
    if (kind := kinds.get(content[:2])) is not None:
        info.type, info.linkname = kind, content[2:].decode()
        return info, b""
    info.size = len(content)
    return info, content


def tar_of_members(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@dataclass(frozen=True)
class MadeImage:
    """Layers (plain tars) and the config over them."""

    layers: tuple[bytes, ...]
    architecture: str = "amd64"
    env: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def diff_ids(self) -> list[str]:
        return [sha256(layer) for layer in self.layers]

    @property
    def config(self) -> bytes:
        return encoded(
            {
                "architecture": self.architecture,
                "os": "linux",
                "config": {"Env": list(self.env)},
                "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
                **self.extra,
            },
        )

    @property
    def digest(self) -> str:
        return sha256(self.config)


def an_image(seed: str = "a", layers: int = 2, architecture: str = "amd64") -> MadeImage:
    """Make a small image whose content depends on the seed."""
    made = [tar_of({f"etc/{seed}-{at}": f"{seed} {at}\n".encode() * 500}) for at in range(layers)]
    return MadeImage(tuple(made), architecture)


def docker_save(images: Mapping[str, MadeImage] | MadeImage, mtime: int = 0, pack: str = "plain") -> bytes:
    """Write what docker up to 24 writes: a directory per layer, shared layers as links to the first."""
    named = {"app:1": images} if isinstance(images, MadeImage) else images
    return tar_of(docker_save_files(named, pack), mtime)


def docker_save_files(named: Mapping[str, MadeImage], pack: str = "plain") -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    items = []
    for name, image in named.items():
        paths = []
        for at, layer in enumerate(image.layers):
            directory = hashlib.sha256(f"{image.digest}{at}".encode()).hexdigest()
            path = f"{directory}/layer.tar"
            files[f"{directory}/VERSION"] = b"1.0"
            first = seen.setdefault(sha256(layer), directory)
            files[path] = packed(layer, pack) if first == directory else f"->../{first}/layer.tar".encode()
            paths.append(path)
        config = image.digest.removeprefix("sha256:") + ".json"
        files[config] = image.config
        items.append({"Config": config, "RepoTags": [name] if name else None, "Layers": paths})
    return {**files, "manifest.json": encoded(items)}


def docker_save_blobs(image: MadeImage, name: str = "app:1", mtime: int = 0) -> bytes:
    """Write what docker 25 and later writes: an OCI layout of plain layers with a `manifest.json` beside it."""
    layers = [(layer, "application/vnd.oci.image.layer.v1.tar") for layer in image.layers]
    manifest, blobs = oci_image(image, layers)
    paths = [blob_path(sha256(layer)) for layer, _ in layers]
    item = {"Config": blob_path(image.digest), "RepoTags": [name], "Layers": paths}
    files = oci_files([described(manifest, OCI_MANIFEST, name=name)], [manifest, *blobs])
    return tar_of({**files, "manifest.json": encoded([item])}, mtime)


def blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def described(content: bytes, media_type: str, name: str = "", **more: Any) -> dict[str, Any]:
    annotations = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **annotations, **more}


def oci_image(
    image: MadeImage, layers: Sequence[tuple[bytes, str]] | None = None, **more: Any
) -> tuple[bytes, list[bytes]]:
    """Return a manifest and the blobs it names; layers packed with gzip unless they are given."""
    sent = layers if layers is not None else [(gzip.compress(one, 6, mtime=0), OCI_LAYER) for one in image.layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(image.config, OCI_CONFIG),
        "layers": [described(content, kind) for content, kind in sent],
        **more,
    }
    return encoded(manifest), [image.config, *(content for content, _ in sent)]


def oci_files(listed: Sequence[Mapping[str, Any]], blobs: Iterable[bytes]) -> dict[str, bytes]:
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        **{blob_path(sha256(blob)): blob for blob in blobs},
        "index.json": encoded({"schemaVersion": 2, "manifests": list(listed)}),
    }


def oci_layout(image: MadeImage, name: str = "", mtime: int = 0) -> bytes:
    """Write a layout of one image."""
    manifest, blobs = oci_image(image)
    return tar_of(oci_files([described(manifest, OCI_MANIFEST, name)], [manifest, *blobs]), mtime)


def oci_index_files(images: Mapping[str, MadeImage], name: str = "") -> dict[str, bytes]:
    """Write a layout of one index over several platforms, with one referrer of the first image beside it."""
    made = {platform: oci_image(image) for platform, image in images.items()}
    children = [
        described(manifest, OCI_MANIFEST, platform=dict(zip(("os", "architecture"), platform.split("/"), strict=True)))
        for platform, (manifest, _) in made.items()
    ]
    index = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
    note = MadeImage((), extra={"note": 1})
    referrer, noted = oci_image(
        note, [(b'{"sbom":1}', "application/spdx+json")], subject=described(next(iter(made.values()))[0], OCI_MANIFEST)
    )
    blobs = [blob for manifest, rest in made.values() for blob in (manifest, *rest)]
    listed = [described(index, OCI_INDEX, name), described(referrer, OCI_MANIFEST)]
    return oci_files(listed, [index, referrer, *noted, *blobs])


def oci_index(images: Mapping[str, MadeImage], name: str = "", mtime: int = 0) -> bytes:
    return tar_of(oci_index_files(images, name), mtime)


def packed(content: bytes, pack: str) -> bytes:
    """Pack content: `plain`, `gzip`, `zstd`, `xz` or `bzip2`."""
    return _PACK[pack](content)


_PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda content: gzip.compress(content, 6),
    "zstd": zstandard.compress,
    "xz": lambda content: lzma.compress(content, preset=1),
    "bzip2": bz2.compress,
}


def unpack_layout(content: bytes, directory: Path) -> Path:
    """Put the files of a tar into a directory, as `tar x` does."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(directory, filter="data")
    return directory
