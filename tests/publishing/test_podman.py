"""What podman takes for the Dockerfile and the ignore file is what the fingerprint counts."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, staged
from image_assets.context.habits import PODMAN, dockerfile_in
from image_assets.publishing.build import StoredImage
from image_assets.reference import Repository
from image_assets.task import Task
from tests.context.looking import counted, fingerprint_of
from tests.publishing.conftest import NewFlavour, built, spec_for
from tests.support.contexts import write_files

FILES = {"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "a", "b": "b", "c": "c"}


def sent(new_flavour: NewFlavour, spec: ContextSpec, destination: Repository) -> set[str]:
    """Build with podman and return the files that the image has."""
    flavour = new_flavour("podman")
    with staged(spec) as context:
        asked = spec_for(flavour, context.directory, dockerfile=context.dockerfile)
        image = built(flavour, asked, destination, Task())
    assert isinstance(image, StoredImage)
    try:
        with image.save() as stream:
            return saved_files(stream.read())
    finally:
        image.discard()


def saved_files(content: bytes) -> set[str]:
    """Return the names in the layers of what an engine saved."""
    found = set()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive.getmembers():
            if member.isfile() and member.name.endswith(".tar"):
                layer = archive.extractfile(member)
                assert layer is not None
                with tarfile.open(fileobj=layer) as files:
                    found |= {one.name for one in files.getmembers() if one.isfile()}
    return found


@pytest.mark.parametrize(
    "case",
    [
        ({".containerignore": "a\n"}, (), {"b", "c"}),
        ({".containerignore": "a\n", ".dockerignore": "b\n"}, (), {"b", "c"}),
        ({".containerignore": "", ".dockerignore": "b\n"}, (), {"a", "b", "c"}),
        ({".dockerignore": "b\n"}, (), {"a", "c"}),
        ({"Dockerfile.containerignore": "a\n", ".containerignore": "b\n"}, (), {"b", "c"}),
        ({"Dockerfile.containerignore": "a\n", "Dockerfile.dockerignore": "b\n"}, (), {"a", "c"}),
        ({"Dockerfile.containerignore": "", ".containerignore": "b\n"}, (), {"a", "b", "c"}),
        ({".containerignore": "a\n", ".dockerignore": "b\n"}, ("c",), {"b"}),
    ],
)
def test_podman_sends_what_the_fingerprint_counts(
    new_flavour: NewFlavour,
    tmp_path: Path,
    destination: Repository,
    case: tuple[Mapping[str, str], tuple[str, ...], set[str]],
) -> None:
    ignore_files, exclude, expected = case
    root = tmp_path / "context"
    write_files(root, {**FILES, **ignore_files})
    spec = ContextSpec(root, root / "Dockerfile", habits=PODMAN, exclude=exclude)
    names = {name for name in counted(spec) if len(name) == 1}
    assert names == expected
    assert {name for name in sent(new_flavour, spec, destination) if len(name) == 1} == expected


def test_podmans_ignore_file_does_not_count_for_docker(tmp_path: Path) -> None:
    write_files(tmp_path, {**FILES, ".containerignore": "a\n"})
    docker, podman = (ContextSpec(tmp_path, tmp_path / "Dockerfile"), ContextSpec(tmp_path, None, habits=PODMAN))
    assert "a" in fingerprint_of(docker).outline
    assert "a" not in fingerprint_of(podman).outline


def test_a_containerfile_and_its_own_ignore_file_are_taken(
    new_flavour: NewFlavour, tmp_path: Path, destination: Repository
) -> None:
    """Podman looks for a Containerfile first."""
    root = tmp_path / "context"
    write_files(root, {**FILES, "Containerfile": "FROM scratch\nCOPY a b /\n", "Containerfile.containerignore": "c\n"})
    spec = ContextSpec(root, dockerfile_in(root, None, PODMAN), habits=PODMAN)
    assert "c" not in counted(spec)
    assert sent(new_flavour, spec, destination) == {"a", "b"}
