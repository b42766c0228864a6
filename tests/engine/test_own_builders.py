"""Programs whose images are built by BuildKits of their own: caches, and what two of them make of the same."""

import gzip
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import NewProject
from tests.fakes import actions_cache
from tests.fakes.actions_cache import ActionsCache
from tests.support.builders import add_remote_builder, buildkitd, can_run_buildkitd
from tests.support.contexts import make_context, write_files
from tests.support.events import UNKNOWN
from tests.support.project import Project, Run
from tests.support.registry import Registry
from tools.kit import registry as local_registry

pytestmark = pytest.mark.skipif(not can_run_buildkitd(), reason="BuildKits of our own need root, runc and buildkitd")

PROGRAM = """
resources:
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: {folder}
      repository: {repository}
      builder: {{name: {builder}}}
      {more}
outputs:
  imageUri: ${{app.imageUri}}
  imageDigest: ${{app.imageDigest}}
"""
DOCKERFILE = """
FROM scratch AS base
COPY busybox /bin/sh
COPY busybox /bin/busybox
FROM base AS build
RUN busybox echo {seed} > /made
FROM base
COPY --from=build /made /made
COPY last /last
RUN busybox echo {seed} > /after
"""


@pytest.fixture
def builders(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two BuildKits that have built nothing yet."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with buildkitd(tmp_path / "one") as one, buildkitd(tmp_path / "two") as two:
        yield one, two


Write = Callable[..., None]


@pytest.fixture
def project(new_project: NewProject, builders: tuple[str, str], repository_name: str, tmp_path: Path) -> Project:
    """A project that knows the builders `one` and `two`."""
    project = new_project("resources: {}")
    project.set_config("image-assets:buildOutput", "full")
    for name, address in zip(("one", "two"), builders, strict=True):
        add_remote_builder(project.isolated_environ, name, address)
    make_context(tmp_path / "app", {"last": "1"}, dockerfile=DOCKERFILE.format(seed=repository_name))
    return project


@pytest.fixture
def write(project: Project, registry: Registry, repository_name: str, tmp_path: Path) -> Write:
    """What writes the program, for one of the builders."""

    def write(builder: str, more: str = "") -> None:
        repository = f"{registry.address}/{repository_name}"
        project.write(PROGRAM.format(folder=tmp_path / "app", repository=repository, builder=builder, more=more))

    return write


def cached(run: Run) -> set[str]:
    """Return the steps of a build that came from a cache; a layer that a later step needs is fetched, not made anew."""
    lines = run.messages("info").splitlines()
    names = {
        line.split(" ", 1)[0]: line.split(" ", 1)[1]
        for line in reversed(lines)
        if line.startswith("#") and "] " in line
    }
    found = {line.split(" ", 1)[0] for line in lines if line.endswith(" CACHED") or " extracting sha256:" in line}
    return {names[step].partition("] ")[2] for step in found & names.keys()}


@pytest.fixture
def actions(project: Project) -> Iterator[ActionsCache]:
    """GitHub's service for caches, as a job has it."""
    with actions_cache.running() as cache:
        project.environ.update(cache.environ())
        yield cache


@pytest.mark.parametrize("kind", ["registry", "local", "gha"])
def test_a_fresh_builder_finds_every_unchanged_step_in_the_cache(  # noqa: PLR0917 - fixtures
    kind: str, project: Project, write: Write, registry: Registry, repository_name: str, actions: ActionsCache
) -> None:
    write("one", f"cache: {kind}")
    project.preview()
    assert registry.tags(repository_name) == []
    first = project.up()
    tag = first.outputs["imageUri"].rpartition(":")[2]
    assert cached(first) == set()
    assert first.messages("warning") == ""
    caches = {"cache-app"} if kind == "registry" else set()
    assert set(registry.tags(repository_name)) == {tag} | caches
    for text in ("2",) if kind == "gha" else ("2", "3"):
        write_files(project.folder.parent / "app", {"last": text})
        write("two", f"cache: {kind}")
        again = project.up()
        assert again.messages("warning") == ""
        steps = {"COPY busybox /bin/sh", "COPY busybox /bin/busybox", f"RUN busybox echo {repository_name} > /made"}
        assert cached(again) >= {*steps, "COPY --from=build /made /made"}
        assert not {step for step in cached(again) if "last" in step or "/after" in step}
        assert actions.token not in again.text
    if kind == "gha":
        assert any("cache-app" in key for key in actions.entries)
        assert actions.refused == 0
    elif kind == "registry":
        # What ECR takes: an image manifest of OCI's types, not an index of layers.
        assert registry.manifest(repository_name, "cache-app")["mediaType"].endswith("image.manifest.v1+json")
    else:
        (kept,) = (project.private / "cache" / "image-assets" / "layers").iterdir()
        assert kept.name.startswith("cache-app-")


def test_outside_of_github_actions_its_cache_is_nothing_and_no_fault(project: Project, write: Write) -> None:
    write("one", "cache: gha\n      provenance: false\n      sbom: 'false'")
    assert project.up().messages("warning") == ""


PINNED = """
ARG TAG=none
FROM {bases}/base:$TAG AS base
FROM {bases}/unused:1 AS unused
FROM base
COPY --from={bases}/tool:1 /one /tool
COPY --from=named /one /named
"""


@pytest.fixture
def bases(tmp_path: Path) -> Iterator[Registry]:
    """A registry of base images, which a test may end."""
    (tmp_path / "bases").mkdir()
    with local_registry.running(tmp_path / "bases") as local:
        yield Registry(local)


def push(project: Project, reference: str, content: str) -> None:
    """Push an image with one file."""
    folder = project.folder.parent / "base"
    write_files(folder, {"Dockerfile": "FROM scratch\nCOPY one /one\n", "one": content})
    words = (
        "docker",
        "buildx",
        "build",
        "--builder",
        "one",
        "--provenance=false",
        "--push",
        "-t",
        reference,
        str(folder),
    )
    subprocess.run(words, env=project.isolated_environ, check=True, capture_output=True)


def test_a_base_that_moves_makes_another_image_and_is_named(
    project: Project, write: Write, bases: Registry, registry: Registry, repository_name: str
) -> None:
    for name in ("base:1", "tool:1", "named:1"):
        push(project, f"{bases.address}/{name}", f"{name} old")
    write_files(project.folder.parent / "app", {"Dockerfile": PINNED.format(bases=bases.address)})
    pinned = (
        f"buildArgs: {{TAG: '1'}}, buildContexts: {{named: 'docker-image://{bases.address}/named:1'}}, pinBaseImages: "
    )
    more = "\n      ".join(pinned.replace("}, ", "}\n").splitlines())
    before = len(bases.requests("base"))
    write("one", more + "false")
    project.preview()
    assert len(bases.requests("base")) == before
    write("one", more + "true")
    first = project.up()
    project.preview(expect_no_changes=True)
    for name in ("base", "named"):
        old = bases.digest(name, "1")
        push(project, f"{bases.address}/{name}:1", f"{name}:1 new")
        new = bases.digest(name, "1")
        assert old
        assert new
        asked = len(bases.requests(name))
        preview = project.preview()
        assert {request.method for request in bases.requests(name)[asked:]} <= {"HEAD", "GET"}
        assert f"base://{bases.address}/{name}:1" in preview.text
        assert old[7:19] in preview.text
        assert new[7:19] in preview.text
        second = project.up()
        assert second.outputs["imageUri"] != first.outputs["imageUri"]
        tag = second.outputs["imageUri"].rpartition(":")[2]
        layers = {layer["digest"] for layer in registry.manifest(repository_name, tag)["layers"]}
        if name == "base":
            assert bases.manifest("base", "1")["layers"][0]["digest"] in layers
        first = second
    project.preview(expect_no_changes=True)


OWN_BASES = """
resources:
  mirror:
    type: image-assets:ImageReplica
    properties: {{source: '{bases}/base:1', repository: '{repository}/mirror', checkSource: always}}
  base:
    type: image-assets:DockerImageAsset
    properties: {{directory: base, repository: '{repository}/base', extraTags: [latest], builder: {{name: one}}}}
  app:
    type: image-assets:DockerImageAsset
    properties:
      directory: app
      repository: {repository}/app
      builder: {{name: one}}
      pinBaseImages: true
      buildArgs: {{BASE: "${{base.imageUri}}", MIRROR: "${{mirror.imageUri}}"}}
      {more}
outputs: {{app: "${{app.imageUri}}"}}
"""


def test_bases_of_the_same_program_are_what_it_makes_of_them(
    project: Project, bases: Registry, registry: Registry, repository_name: str
) -> None:
    """R45, R17: what is not there yet stops no preview, and what is about to move is foretold."""
    program = {"bases": bases.address, "repository": f"{registry.address}/{repository_name}"}
    project.write(OWN_BASES.format(**program, more=""))
    write_files(project.folder / "base", {"Dockerfile": "FROM scratch\nONBUILD COPY x /\nCOPY x /\n", "x": "1"})
    app = {"Dockerfile": "ARG BASE\nARG MIRROR\nFROM $BASE AS a\nFROM $MIRROR\nCOPY --from=a x /\n", "x": "1"}
    write_files(project.folder / "app", app)
    push(project, f"{bases.address}/base:1", "old")

    def foretold() -> Run:
        preview = project.preview()
        made = project.up()
        assert preview.outputs["app"] in (made.outputs["app"], UNKNOWN)
        assert {step.name for step in made.changes} == {step.name for step in preview.changes}
        return preview

    assert foretold().outputs["app"] != UNKNOWN
    # A replica that moves makes another image of what is built on it, in the same preview.
    push(project, f"{bases.address}/base:1", "new")
    # Its own asset counts by its tag.
    write_files(project.folder / "base", {"x": "2"})
    moved = foretold()
    assert f"base://{program['repository']}/mirror:1" in moved.text
    assert moved.outputs["app"] != UNKNOWN
    # A tag that will move is not known, and neither is what its ONBUILD takes.
    write_files(project.folder / "app", {"Dockerfile": f"FROM {program['repository']}/base:latest\n"})
    project.write(OWN_BASES.format(**program, more="scope: dockerfile"))
    write_files(project.folder / "base", {"x": "3"})
    assert foretold().outputs["app"] == UNKNOWN
    write_files(project.folder / "app", {"y": "is not taken"})
    project.up(expect_no_changes=True)


def test_each_base_is_asked_for_once_with_the_logins_there_are(
    project: Project, registry_with_auth: Registry, registry: Registry, repository_name: str
) -> None:
    """A program of ten images on two bases, in a registry that wants a login."""
    bases = registry_with_auth
    login = [{"address": bases.address, "username": bases.username, "password": bases.password}]
    names = [f"{repository_name}/{number}" for number in range(2)]
    for name in names:
        bases.put_image(name, "1", {})
    resources = {}
    for number in range(10):
        folder = project.folder.parent / f"app{number}"
        write_files(folder, {"Dockerfile": f"FROM {bases.address}/{names[number % 2]}:1\nLABEL a={number}\n"})
        properties = {
            "directory": str(folder),
            "repository": f"{registry.address}/{repository_name}",
            "pinBaseImages": True,
        }
        resources[f"app{number}"] = {"type": "image-assets:DockerImageAsset", "properties": properties}
    project.write(f"resources: {json.dumps(resources)}\n")
    refused = project.preview(check=False)
    assert re.search(f"the base image {bases.address}/{repository_name}/.:1 could not be looked up", refused.text)
    project.set_config("image-assets:registries", json.dumps(login), secret=True)
    before = [len(bases.requests(name)) for name in names]
    project.preview()
    for name, count in zip(names, before, strict=True):
        asked = [request for request in bases.requests(name)[count:] if request.status == 200]
        assert [request.method for request in asked] == ["HEAD"]


def test_dockers_own_engine_builds_on_what_a_base_is_now_or_was_last_where_its_registry_is_silent(  # noqa: PLR0917 - fixtures
    project: Project,
    write: Write,
    docker_engine: None,
    registry: Registry,
    repository_name: str,
    tmp_path: Path,
) -> None:
    """R45: an engine before docker 23 knows no named contexts."""
    (tmp_path / "bases").mkdir()
    project.set_config("image-assets:pinBaseImages", "true")
    app = project.folder.parent / "app"
    with local_registry.running(tmp_path / "bases") as local:
        image, bases = f"{local.address}/base:1", Registry(local)
        dockerfile = f"ARG BASE={image}\nFROM $BASE AS a\n\nFROM a\nCOPY last /last\n"
        write_files(app, {"Dockerfile": dockerfile})
        write("default")
        for text in ("old", "new"):
            push(project, image, text)
            preview = project.preview()
            made = project.up()
            tag = made.outputs["imageUri"].rpartition(":")[2]
            built_on, base = registry.config(repository_name, tag), bases.config("base", "1")
            assert built_on["rootfs"]["diff_ids"][:1] == base["rootfs"]["diff_ids"]
            assert f"base://{image}" in preview.text
            assert (bases.digest("base", "1") or "none")[7:19] in preview.text
            project.up(expect_no_changes=True)
        write_files(app, {"Dockerfile": f"FROM {local.address}/none:1\n"})
        assert f"there is no base image {local.address}/none:1" in project.preview(check=False).text
        write_files(app, {"Dockerfile": dockerfile})
    kept = project.preview(expect_no_changes=True)
    assert f"the base image {image} is taken as it last was, sha256:" in kept.messages("warning")
    write_files(app, {"Dockerfile": f"FROM {local.address}/other:1\n"})
    refused = project.preview(check=False)
    assert refused.code
    assert f"the base image {local.address}/other:1 could not be looked up" in refused.text


def test_the_onbuild_of_a_pinned_base_counts_and_is_asked_for_once(
    project: Project, write: Write, tmp_path: Path
) -> None:
    """Also while the registry of the bases does not answer."""
    (tmp_path / "bases").mkdir()
    app = tmp_path / "app"
    with local_registry.running(tmp_path / "bases") as local:
        bases = Registry(local)
        for name, triggers in (("base", ["COPY last /last"]), ("other", ["COPY $X /"])):
            config = {"architecture": "amd64", "os": "linux", "config": {"OnBuild": triggers}}
            children = [
                {
                    **bases.put_image(name, architecture, config),
                    "platform": {"os": "linux", "architecture": architecture},
                }
                for architecture in ("amd64", "arm64")
            ]
            kind = "application/vnd.oci.image.index.v1+json"
            index = {"schemaVersion": 2, "mediaType": kind, "manifests": children}
            bases.put_manifest(name, "1", json.dumps(index).encode(), kind)
        write_files(app, {"Dockerfile": f"FROM {bases.address}/base:1\n", "README.md": ""})
        write("one", "scope: dockerfile\n      pinBaseImages: true")
        first = project.up().outputs["imageUri"]
        asked = len(bases.requests("base"))
        write_files(app, {"README.md": "changed"})
        assert project.preview(expect_no_changes=True).messages("warning") == ""
        assert [request.method for request in bases.requests("base")[asked:]] == ["HEAD"]
        write_files(app, {"Dockerfile": f"FROM {bases.address}/other:1\n"})
        fallen_back = f"line 1 (COPY by ONBUILD of {bases.address}/other:1)"
        assert fallen_back in project.preview().messages("warning")
        write_files(app, {"Dockerfile": f"FROM {bases.address}/base:1\n"})
    write_files(app, {"README.md": "changed again"})
    assert "taken as it last was" in project.preview(expect_no_changes=True).messages("warning")
    write_files(app, {"last": "2"})
    assert "last" in project.preview().text
    assert first


EPOCH = """
FROM scratch
COPY busybox /bin/sh
COPY busybox /bin/busybox
COPY . /src/
COPY --from=named . /named/
RUN busybox mkdir /made && busybox date > /dev/null && busybox touch /made/file
"""


def test_two_machines_make_the_same_digest_of_a_commit_whatever_the_times_of_its_files(  # noqa: PLR0917 - fixtures
    project: Project, write: Write, builders: tuple[str, str], registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """Files older than the commit too: BuildKit itself replaces later times only."""
    app = tmp_path / "app"
    write_files(app, {"Dockerfile": EPOCH, ".dockerignore": "ignored\n*.txt\n!deep/kept.txt\n", "deep/kept.txt": ""})
    write_files(tmp_path / "named", {"file": "named"})
    git = ("git", "-C", str(app), "-c", "user.name=a", "-c", "user.email=a@b.invalid")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "one", "--date=@1700000000")):
        environ = {**os.environ, "GIT_COMMITTER_DATE": "@1700000000"}
        subprocess.run((*git, *words), check=True, capture_output=True, env=environ)
    write_files(app, {".dockerignore": (app / ".dockerignore").read_text() + ".git\n"})
    digests, uris = set(), set()
    for number, (builder, epoch, time) in enumerate(
        (("one", "commit", 1_800_000_000), ("two", "1700000000", 1_000_000_000), ("two", "'1700000000'", 1_650_000_000))
    ):
        for path in (*app.rglob("*"), app, *tmp_path.glob("named/*"), tmp_path / "named"):
            os.utime(path, (time, time + number))
        other = Project(tmp_path / f"p{number}", tmp_path / f".p{number}")
        repository = f"{registry.address}/{repository_name}-{number}"
        more = f"sourceDateEpoch: {epoch}\n      buildContexts: {{named: '{tmp_path / 'named'}'}}"
        other.write(PROGRAM.format(folder=app, repository=repository, builder=builder, more=more))
        other.pulumi("about", check=False)
        for name, address in zip(("one", "two"), builders, strict=True):
            add_remote_builder(other.isolated_environ, name, address)
        made = other.up()
        digests.add(made.outputs["imageDigest"])
        uris.add(made.outputs["imageUri"].rpartition(":")[2])
        config = registry.config(f"{repository_name}-{number}", made.outputs["imageDigest"])
        assert config["created"] == "2023-11-14T22:13:20Z"
        with_times = layer_times(registry, f"{repository_name}-{number}", made.outputs["imageDigest"])
        assert set(with_times.values()) == {1_700_000_000}
        assert {"src/deep/kept.txt", "named/file", "made/file"} <= with_times.keys()
    assert len(uris) == 1
    assert len(digests) == 1


def layer_times(registry: Registry, repository: str, digest: str) -> dict[str, float]:
    """Return the times of everything in an image's layers."""
    times: dict[str, float] = {}
    for layer in registry.manifest(repository, digest)["layers"]:
        content = gzip.decompress(registry.blob(repository, layer["digest"]))
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            times |= {member.name: member.mtime for member in archive}
    return times


def test_a_commit_must_be_there(project: Project, write: Write) -> None:
    for epoch, part in (("commit", "is in no git repository"), ("99999999999", "seconds since 1970 that have passed")):
        write("one", f"sourceDateEpoch: {epoch}")
        assert part in project.preview(check=False).text
