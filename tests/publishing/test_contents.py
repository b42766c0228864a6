"""What is built is what the directory holds, also where size, mode and times of a file tell nothing (R2).

BuildKit keeps the last copy of each context and asks again only for files whose size, mode or mtime differ.
"""

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from image_assets.context import ContextSpec, staged
from image_assets.context.habits import NERDCTL
from image_assets.errors import BuildError
from image_assets.publishing.build import Built, PushedByDigest, StoredImage
from image_assets.reference import Repository
from image_assets.task import Task
from tests.publishing.conftest import BASE, Heard, NewFlavour, built, spec_for
from tests.support.builders import Flavour
from tests.support.registry import Registry

_TIME = 1_000_000_000

Build = Callable[..., dict[str, bytes]]


def write(path: Path, text: str) -> None:
    """Write a file that has the same times and, for texts of one length, the same size whatever its text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (_TIME, _TIME))


@pytest.fixture
def files_of(destination: Repository, registry: Registry) -> Callable[..., dict[str, bytes]]:
    """What builds a context with a program, and tells the files of the image by path."""

    def build(flavour: Flavour, context: Path, **more: object) -> dict[str, bytes]:
        image = built(flavour, spec_for(flavour, context, **more), destination, Task())
        name = image.digest if isinstance(image, PushedByDigest) else "pushed"
        if isinstance(image, StoredImage):
            image.push(f"{destination}:pushed")
            image.discard()
        found: dict[str, bytes] = {}
        for layer in registry.manifest(destination.path, name)["layers"]:
            content = gzip.decompress(registry.blob(destination.path, layer["digest"]))
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in filter(tarfile.TarInfo.isreg, archive):
                    read = archive.extractfile(member)
                    found[member.name] = read.read() if read else b""
        return found

    return build


def test_a_file_that_changes_with_the_same_size_and_times_is_built_anew(
    flavour: Flavour, context: Path, files_of: Build
) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY src /src\n")
    for text in ("one", "two", "two", "one", "six"):
        write(context / "src" / "data", text)
        assert files_of(flavour, context)["src/data"] == text.encode()


@pytest.mark.parametrize("name", ["embedded", "buildx", "remote"])
def test_a_build_by_hand_of_the_same_folder_leaves_nothing_old_behind(
    name: str, new_flavour: NewFlavour, context: Path, files_of: Build
) -> None:
    flavour = new_flavour(name)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY data /\n")
    words = ("build",) if name == "embedded" else ("buildx", "build")
    builder = ("--builder", flavour.builder) if flavour.builder else ()
    by_hand = (flavour.executable, *words, *builder, ".")
    environ = {**flavour.environ, "DOCKER_BUILDKIT": "1"}
    for ours, theirs in (("one", "two"), ("six", "ten")):
        write(context / "data", theirs)
        subprocess.run(by_hand, cwd=context, env=environ, check=True, capture_output=True)
        write(context / "data", ours)
        assert files_of(flavour, context)["data"] == ours.encode()


def test_a_dockerfile_that_changes_with_the_same_size_and_times_counts(
    flavour: Flavour, context: Path, tmp_path: Path, files_of: Build
) -> None:
    """It stands in a folder of its own, with an ignore file."""
    for name in ("one", "two"):
        write(context / name, name)
    dockerfile = tmp_path / "elsewhere" / "My.Dockerfile"
    for kept, ignored in (("one", "two"), ("two", "one")):
        write(dockerfile, f"FROM scratch\nCOPY . /\nLABEL kept={kept}\n")
        write(dockerfile.with_name("My.Dockerfile.dockerignore"), f"{ignored}\nbusybox\n")
        found = files_of(flavour, context, dockerfile=context / ".." / "elsewhere" / "My.Dockerfile")
        assert kept in found
        assert ignored not in found


@pytest.mark.parametrize("name", ["buildx", "remote", "podman"])
def test_a_named_context_that_changes_with_the_same_size_and_times_is_read_anew(
    name: str, new_flavour: NewFlavour, context: Path, tmp_path: Path, files_of: Build
) -> None:
    flavour = new_flavour(name)
    if name == "buildx" and "20.10" in flavour.docker("version"):
        pytest.skip("the engine's BuildKit has no named contexts")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY --from=lib data /\n")
    for text in ("one", "two"):
        write(tmp_path / "lib" / "data", text)
        found = files_of(flavour, context, build_contexts={"lib": str(tmp_path / "lib")})
        assert found["data"] == text.encode()


def test_nerdctl_reads_everything_anew(new_flavour: NewFlavour, context: Path, files_of: Build, tmp_path: Path) -> None:
    """It gives BuildKit no name for a context: all folders share one copy."""
    flavour = new_flavour("nerdctl")

    def files(folder: Path) -> dict[str, bytes]:
        with staged(ContextSpec(folder, folder / "Dockerfile", habits=NERDCTL)) as given:
            return files_of(flavour, given.directory, dockerfile=given.dockerfile)

    other = tmp_path / "other"
    for folder, text in ((context, "one"), (other, "two")):
        write(folder / "src" / "data", text)
        write(folder / "Dockerfile", f"FROM scratch\nCOPY src /in-{text}\n")
        write(folder / ".dockerignore", f"*\n!src/data\n# {text}\n")
        write(folder / "src" / "ignored", text)
        assert files(folder) == {f"in-{text}/data": text.encode()}


@pytest.mark.parametrize("mode", ["git", "glob"])
def test_a_staged_tree_is_read_anew(mode: str, either: Flavour, context: Path, files_of: Build) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY data /\n")
    for text in ("one", "two"):
        write(context / "data", text)
        with staged(ContextSpec(context, context / "Dockerfile", mode)) as given:  # type: ignore[arg-type]
            assert files_of(either, given.directory, dockerfile=given.dockerfile)["data"] == text.encode()


@pytest.mark.parametrize("name", ["embedded", "buildx", "remote"])
def test_what_did_not_change_is_still_cached(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    # What it writes is another text each time that it runs: the engine's own log of a quick build may be cut off.
    (context / "Dockerfile").write_text(f"{BASE}RUN busybox cat /proc/sys/kernel/random/uuid > /id\n")
    images = [built(flavour, spec_for(flavour, context), destination, Task()) for _ in range(2)]
    for image in images:
        image.discard()
    assert what_it_holds(images[0]) == what_it_holds(images[1])


def what_it_holds(image: Built) -> object:
    """Return what is the same of an image that was built of the same layers."""
    if isinstance(image, StoredImage):
        return image.diff_ids
    assert isinstance(image, PushedByDigest)
    return image.digest


def test_the_root_may_be_a_link_and_links_inside_stay_links(
    either: Flavour, context: Path, tmp_path: Path, files_of: Build
) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / "data").write_text("one")
    (context / "link").symlink_to("data")
    (context / "out").symlink_to("../elsewhere")
    (tmp_path / "link-to-context").symlink_to("context")
    assert files_of(either, tmp_path / "link-to-context")["data"] == b"one"


def test_messages_name_the_users_paths(
    flavour: Flavour, context: Path, destination: Repository, heard: Heard, temporary: Path
) -> None:
    (context / "docker").mkdir()
    (context / "docker" / "My.Dockerfile").write_text(f"{BASE}RUN busybox false\n")
    with pytest.raises(BuildError) as caught:
        built(
            flavour,
            spec_for(flavour, context, dockerfile=context / "docker" / "My.Dockerfile"),
            destination,
            heard.task,
        )
    message, _, log = str(caught.value).partition("Full log: ")
    assert f"--file {context}/docker/My.Dockerfile" in message
    assert message.split("To repeat it: ")[1].rstrip().endswith(str(context))
    assert f"{context}/docker/My.Dockerfile:4" in message
    assert str(temporary) not in message
    assert str(temporary) not in Path(log.strip()).read_text()


@pytest.mark.parametrize("what", ["My.Dockerfile", "missing"])
def test_the_builders_own_words_name_the_users_paths(
    what: str, flavour: Flavour, context: Path, destination: Repository, temporary: Path
) -> None:
    (context / what).write_text("FROM scratch\nCOPY nowhere /\n" if what == "missing" else "NONSENSE\n")
    with pytest.raises(BuildError) as caught:
        built(flavour, spec_for(flavour, context, dockerfile=context / what), destination, Task())
    assert str(temporary) not in str(caught.value).partition("Full log: ")[0]


def test_what_we_put_down_for_the_time_of_a_build_is_never_in_the_context(
    either: Flavour, context: Path, files_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R30: the program's configuration, with logins, lies in a temporary folder, and that folder may lie anywhere."""
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(context / "tmp"))
    found = files_of(either, context)
    assert {path for path in found if path.startswith("tmp/")} == set()
